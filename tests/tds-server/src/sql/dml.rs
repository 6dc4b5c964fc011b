//! Owns the grammar of INSERT, UPDATE, DELETE, MERGE and EXEC; never runs anything.

use crate::error::{err, err_class};
use crate::sql::ast::{
    Delete, Exec, ExecArg, ExecTarget, Expr, From, Insert, Merge, MergeAction, MergeClause, MergeWhen, Name,
    Output, Set, Source, StmtKind, Update,
};
use crate::sql::lexer::Kind;
use crate::sql::parser::{Parsed, Parser};

impl Parser {
    /// The name of a table that is written to: a table, or a table variable.
    fn target(&mut self) -> Parsed<Name> {
        if matches!(self.peek().kind, Kind::Variable(_)) {
            return Ok(vec![self.variable()?]);
        }
        self.name()
    }

    pub(crate) fn insert(&mut self) -> Parsed<StmtKind> {
        self.take("INTO");
        let table = self.target()?;
        self.hints()?;
        let columns =
            if self.is_mark("(") && !self.is_at(1, "SELECT") { self.name_list()? } else { Vec::new() };
        let output = self.output()?;
        let source = if self.take_all(&["DEFAULT", "VALUES"]) {
            Source::Defaults
        } else if self.take("VALUES") {
            let rows = self.rows()?;
            if rows.len() > 1000 {
                return Err(err_class(
                    10738,
                    15,
                    1,
                    "The number of row value expressions in the INSERT statement exceeds the maximum allowed number of 1000 row values.",
                ));
            }
            if let Some(first) = rows.first()
                && !columns.is_empty()
                && first.len() != columns.len()
            {
                let (number, word) = if first.len() < columns.len() { (109, "more") } else { (110, "fewer") };
                return Err(err(
                    number,
                    format!(
                        "There are {word} columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement."
                    ),
                ));
            }
            Source::Values(rows)
        } else if self.is("EXEC") || self.is("EXECUTE") {
            self.at += 1;
            Source::Exec(Box::new(self.exec()?))
        } else if self.is("SELECT") || self.is("WITH") || self.is_mark("(") {
            Source::Query(self.query()?)
        } else {
            return self.fail();
        };
        Ok(StmtKind::Insert(Insert { table, columns, output, source }))
    }

    pub(crate) fn output(&mut self) -> Parsed<Option<Output>> {
        if !self.take("OUTPUT") {
            return Ok(None);
        }
        let mut items = vec![self.item()?];
        while self.take_mark(",") {
            items.push(self.item()?);
        }
        let into = if self.take("INTO") {
            let table = self.target()?;
            let columns = if self.is_mark("(") { self.name_list()? } else { Vec::new() };
            Some((table, columns))
        } else {
            None
        };
        Ok(Some(Output { items, into }))
    }

    fn assignments(&mut self) -> Parsed<Vec<(Set, Expr)>> {
        let mut list = Vec::new();
        loop {
            let target = if matches!(self.peek().kind, Kind::Variable(_)) {
                Set::Variable(self.variable()?)
            } else {
                Set::Column(self.name()?)
            };
            let compound = ["+=", "-=", "*=", "/=", "%="].into_iter().find(|m| self.take_mark(m));
            if compound.is_none() {
                self.expect_mark("=")?;
            }
            let value = self.value()?;
            let value = match (compound.and_then(|m| m.chars().next()), &target) {
                (Some(op), Set::Column(name)) => {
                    Expr::Binary(op, Box::new(Expr::Column(name.clone())), Box::new(value))
                }
                (Some(op), Set::Variable(name)) => {
                    Expr::Binary(op, Box::new(Expr::Var(name.clone())), Box::new(value))
                }
                (None, _) => value,
            };
            list.push((target, value));
            if !self.take_mark(",") {
                return Ok(list);
            }
        }
    }

    pub(crate) fn update(&mut self) -> Parsed<StmtKind> {
        let top = self.top()?;
        let target = self.target()?;
        let hints = self.hints()?;
        self.expect("SET")?;
        let set = self.assignments()?;
        let output = self.output()?;
        let from = if self.take("FROM") { self.sources()? } else { Vec::new() };
        let filter = if self.take("WHERE") { Some(self.condition()?) } else { None };
        self.option()?;
        Ok(StmtKind::Update(Update { target, hints, top, set, output, from, filter }))
    }

    fn option(&mut self) -> Parsed<()> {
        if self.take("OPTION") {
            self.expect_mark("(")?;
            while !self.take_mark(")") {
                if self.is_end() {
                    return self.fail();
                }
                self.at += 1;
            }
        }
        Ok(())
    }

    pub(crate) fn delete(&mut self) -> Parsed<StmtKind> {
        let top = self.top()?;
        self.take("FROM");
        let target = self.target()?;
        let hints = self.hints()?;
        let output = self.output()?;
        let from = if self.take("FROM") { self.sources()? } else { Vec::new() };
        let filter = if self.take("WHERE") { Some(self.condition()?) } else { None };
        self.option()?;
        Ok(StmtKind::Delete(Delete { target, hints, top, output, from, filter }))
    }

    pub(crate) fn merge(&mut self) -> Parsed<StmtKind> {
        self.top()?;
        self.take("INTO");
        let target = self.target()?;
        let hints = self.hints()?;
        let alias = if self.is("USING") { None } else { self.alias()? };
        self.expect("USING")?;
        let source = self.merge_source()?;
        self.expect("ON")?;
        let on = self.condition()?;
        let mut clauses = Vec::new();
        while self.take("WHEN") {
            clauses.push(self.merge_clause()?);
        }
        if clauses.is_empty() {
            return self.fail();
        }
        let output = self.output()?;
        self.option()?;
        if !self.is_mark(";") {
            return Err(err_class(10713, 15, 1, "A MERGE statement must be terminated by a semi-colon (;).")
                .at(self.line()));
        }
        Ok(StmtKind::Merge(Merge { target, alias, hints, source, on, clauses, output }))
    }

    fn merge_source(&mut self) -> Parsed<From> {
        self.source()
    }

    fn merge_clause(&mut self) -> Parsed<MergeClause> {
        let not = self.take("NOT");
        self.expect("MATCHED")?;
        let when = match (not, self.take("BY")) {
            (false, false) => MergeWhen::Matched,
            (true, false) => MergeWhen::NotMatched,
            (true, true) if self.take("TARGET") => MergeWhen::NotMatched,
            (true, true) if self.take("SOURCE") => MergeWhen::NotMatchedBySource,
            _ => return self.fail(),
        };
        let and = if self.take("AND") { Some(self.condition()?) } else { None };
        self.expect("THEN")?;
        let action = if when != MergeWhen::NotMatched && self.take("UPDATE") {
            self.expect("SET")?;
            MergeAction::Update(self.assignments()?)
        } else if when != MergeWhen::NotMatched && self.take("DELETE") {
            MergeAction::Delete
        } else if when == MergeWhen::NotMatched && self.take("INSERT") {
            let columns = if self.is_mark("(") { self.name_list()? } else { Vec::new() };
            self.expect("VALUES")?;
            let mut rows = self.rows()?;
            if rows.len() != 1 {
                return self.fail();
            }
            MergeAction::Insert(columns, rows.remove(0))
        } else {
            return self.fail();
        };
        Ok(MergeClause { when, and, action })
    }

    /// What follows EXEC.
    pub(crate) fn exec(&mut self) -> Parsed<Exec> {
        if self.take_mark("(") {
            let text = self.value()?;
            self.expect_mark(")")?;
            return Ok(Exec { result: None, target: ExecTarget::Text(text), args: Vec::new() });
        }
        let mut result = None;
        if matches!(self.peek().kind, Kind::Variable(_)) {
            result = Some(self.variable()?);
            self.expect_mark("=")?;
        }
        let target = ExecTarget::Procedure(self.name()?);
        let mut args = Vec::new();
        if self.begins_argument() {
            loop {
                args.push(self.exec_arg()?);
                if !self.take_mark(",") {
                    break;
                }
            }
        }
        let mut named = false;
        for (i, arg) in args.iter().enumerate() {
            if named && arg.name.is_none() {
                return Err(err_class(
                    119,
                    15,
                    1,
                    format!(
                        "Must pass parameter number {} and subsequent parameters as '@name = value'. After the form '@name = value' has been used, all subsequent parameters must be passed in the form '@name = value'.",
                        i + 1
                    ),
                ));
            }
            named |= arg.name.is_some();
        }
        Ok(Exec { result, target, args })
    }

    fn begins_argument(&self) -> bool {
        match &self.peek().kind {
            Kind::Variable(_)
            | Kind::Text(..)
            | Kind::Number(_)
            | Kind::Float(_)
            | Kind::Hex(_)
            | Kind::Mark("-") => true,
            Kind::Word(word) => ["NULL", "DEFAULT"].iter().any(|k| word.eq_ignore_ascii_case(k)),
            _ => false,
        }
    }

    /// Constants and variables only: EXEC takes no expressions.
    fn exec_arg(&mut self) -> Parsed<ExecArg> {
        let mut name = None;
        if let Kind::Variable(variable) = self.peek().kind.clone()
            && matches!(self.peek_at(1).kind, Kind::Mark("="))
        {
            self.at += 2;
            name = Some(variable.to_lowercase());
        }
        let negative = self.take_mark("-");
        let token = self.peek().clone();
        let value = match token.kind {
            Kind::Variable(_) => Expr::Var(self.variable()?),
            Kind::Text(text, national) => {
                self.at += 1;
                Expr::Text(text, national)
            }
            Kind::Number(digits) => {
                self.at += 1;
                Expr::Number(digits, false)
            }
            Kind::Float(digits) => {
                self.at += 1;
                Expr::Number(digits, true)
            }
            Kind::Hex(bytes) => {
                self.at += 1;
                Expr::Hex(bytes)
            }
            Kind::Word(word) if word.eq_ignore_ascii_case("NULL") => {
                self.at += 1;
                Expr::Null
            }
            Kind::Word(word) if word.eq_ignore_ascii_case("DEFAULT") => {
                self.at += 1;
                Expr::Default
            }
            // A bare word is a text.
            Kind::Word(word) if self.is_name() => {
                self.at += 1;
                Expr::Text(word, true)
            }
            _ => return self.fail(),
        };
        let value = if negative { Expr::Negate(Box::new(value)) } else { value };
        let output = self.take("OUTPUT") || self.take("OUT");
        if matches!(self.peek().kind, Kind::Mark("+" | "-" | "*" | "/" | "(")) {
            return self.fail();
        }
        Ok(ExecArg { name, value, output })
    }
}
