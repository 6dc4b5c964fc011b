//! Owns the grammar of SELECT: sources, joins, hints, set operations; never runs anything.

use crate::error::err_class;
use crate::sql::ast::{Body, Expr, From, Item, Query, Select};
use crate::sql::lexer::Kind;
use crate::sql::parser::{Parsed, Parser};

/// Hints that SQL Server takes in WITH (...).
const HINTS: &[&str] = &[
    "NOLOCK",
    "READUNCOMMITTED",
    "READCOMMITTED",
    "READCOMMITTEDLOCK",
    "REPEATABLEREAD",
    "SERIALIZABLE",
    "HOLDLOCK",
    "UPDLOCK",
    "XLOCK",
    "ROWLOCK",
    "PAGLOCK",
    "TABLOCK",
    "TABLOCKX",
    "READPAST",
    "NOWAIT",
    "NOEXPAND",
    "KEEPIDENTITY",
    "KEEPDEFAULTS",
    "IGNORE_CONSTRAINTS",
    "IGNORE_TRIGGERS",
    "SNAPSHOT",
    "FORCESEEK",
    "FORCESCAN",
];

impl Parser {
    /// A whole SELECT with its CTEs, ORDER BY and OFFSET.
    pub(crate) fn query(&mut self) -> Parsed<Query> {
        let ctes = if self.take("WITH") { self.ctes()? } else { Vec::new() };
        self.query_with(ctes)
    }

    pub(crate) fn query_with(&mut self, ctes: Vec<(String, Vec<String>, Query)>) -> Parsed<Query> {
        let body = self.body()?;
        let mut order = Vec::new();
        let mut offset = None;
        if self.take_all(&["ORDER", "BY"]) {
            order = self.order_items()?;
            if self.take("OFFSET") {
                let skip = self.value()?;
                self.take_any(&["ROW", "ROWS"]);
                let mut count = None;
                if self.take("FETCH") {
                    self.take_any(&["NEXT", "FIRST"]);
                    count = Some(self.value()?);
                    self.take_any(&["ROW", "ROWS"]);
                    self.expect("ONLY")?;
                }
                offset = Some((skip, count));
            }
        }
        if self.take("OPTION") {
            self.expect_mark("(")?;
            while !self.is_mark(")") {
                if self.is_end() {
                    return self.fail();
                }
                self.at += 1;
            }
            self.at += 1;
        }
        Ok(Query { ctes, body, order, offset })
    }

    pub(crate) fn ctes(&mut self) -> Parsed<Vec<(String, Vec<String>, Query)>> {
        let mut ctes = Vec::new();
        loop {
            let name = self.ident()?;
            let columns = if self.is_mark("(") { self.name_list()? } else { Vec::new() };
            self.expect("AS")?;
            self.expect_mark("(")?;
            let query = self.query()?;
            self.expect_mark(")")?;
            ctes.push((name, columns, query));
            if !self.take_mark(",") {
                return Ok(ctes);
            }
        }
    }

    fn body(&mut self) -> Parsed<Body> {
        let mut left = self.intersection()?;
        loop {
            let op = if self.take("UNION") {
                if self.take("ALL") { "UNION ALL" } else { "UNION" }
            } else if self.take("EXCEPT") {
                "EXCEPT"
            } else {
                return Ok(left);
            };
            let right = self.intersection()?;
            left = Body::Set(op, Box::new(left), Box::new(right));
        }
    }

    fn intersection(&mut self) -> Parsed<Body> {
        let mut left = self.simple_body()?;
        while self.take("INTERSECT") {
            let right = self.simple_body()?;
            left = Body::Set("INTERSECT", Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn simple_body(&mut self) -> Parsed<Body> {
        if self.take_mark("(") {
            let query = self.query()?;
            self.expect_mark(")")?;
            return Ok(Body::Nested(Box::new(query)));
        }
        Ok(Body::Select(Box::new(self.select()?)))
    }

    fn select(&mut self) -> Parsed<Select> {
        self.expect("SELECT")?;
        let mut select = Select { distinct: self.take("DISTINCT"), ..Select::default() };
        if !select.distinct {
            self.take("ALL");
        }
        select.top = self.top()?;
        loop {
            select.items.push(self.item()?);
            if !self.take_mark(",") {
                break;
            }
        }
        if self.take("INTO") {
            select.into = Some(self.name()?);
        }
        if self.take("FROM") {
            select.from = self.sources()?;
        }
        if self.take("WHERE") {
            select.filter = Some(self.condition()?);
        }
        if self.take_all(&["GROUP", "BY"]) {
            loop {
                select.group.push(self.value()?);
                if !self.take_mark(",") {
                    break;
                }
            }
        }
        if self.take("HAVING") {
            select.having = Some(self.condition()?);
        }
        Ok(select)
    }

    /// `TOP (n)` or `TOP n`.
    pub(crate) fn top(&mut self) -> Parsed<Option<Expr>> {
        if !self.take("TOP") {
            return Ok(None);
        }
        let count = if self.take_mark("(") {
            let count = self.value()?;
            self.expect_mark(")")?;
            count
        } else {
            match self.peek().kind.clone() {
                Kind::Number(digits) => {
                    self.at += 1;
                    Expr::Number(digits, false)
                }
                _ => return self.fail(),
            }
        };
        Ok(Some(count))
    }

    /// One entry of a list of results.
    pub(crate) fn item(&mut self) -> Parsed<Item> {
        if self.take_mark("*") {
            return Ok(Item::Star(None));
        }
        // `t.*`
        let mut ahead = 0;
        while matches!(self.peek_at(ahead).kind, Kind::Word(_) | Kind::Quoted(_))
            && matches!(self.peek_at(ahead + 1).kind, Kind::Mark("."))
        {
            ahead += 2;
            if matches!(self.peek_at(ahead).kind, Kind::Mark("*")) {
                let mut name = vec![self.ident()?];
                while self.take_mark(".") && !self.is_mark("*") {
                    name.push(self.ident()?);
                }
                self.at += 1;
                return Ok(Item::Star(Some(name)));
            }
        }
        let next_is_equal = matches!(self.peek_at(1).kind, Kind::Mark("="));
        if next_is_equal {
            if matches!(self.peek().kind, Kind::Variable(_)) {
                let name = self.variable()?;
                self.at += 1;
                return Ok(Item::Assign(name, self.value()?));
            }
            if self.is_name() {
                let name = self.ident()?;
                self.at += 1;
                return Ok(Item::Value(self.value()?, Some(name)));
            }
        }
        let value = self.value()?;
        if let Kind::Text(text, _) = self.peek().kind.clone() {
            self.at += 1;
            return Ok(Item::Value(value, Some(text)));
        }
        let alias = self.alias()?;
        Ok(Item::Value(value, alias))
    }

    pub(crate) fn sources(&mut self) -> Parsed<Vec<From>> {
        let mut list = vec![self.joined()?];
        while self.take_mark(",") {
            list.push(self.joined()?);
        }
        Ok(list)
    }

    fn joined(&mut self) -> Parsed<From> {
        let mut left = self.source()?;
        loop {
            let kind = if self.take("CROSS") {
                if self.take("APPLY") {
                    return self.fail();
                }
                "CROSS"
            } else if self.is("JOIN") {
                "INNER"
            } else {
                match self.take_any(&["INNER", "LEFT", "RIGHT", "FULL"]) {
                    Some("INNER") => "INNER",
                    Some(outer) => {
                        self.take("OUTER");
                        outer
                    }
                    None => return Ok(left),
                }
            };
            self.expect("JOIN")?;
            let right = self.source()?;
            let on = if kind == "CROSS" {
                None
            } else {
                // `a JOIN b JOIN c ON .. ON ..` nests to the right.
                let right = self.nested_joins(right)?;
                self.expect("ON")?;
                let on = self.condition()?;
                left = From::Join(kind, Box::new(left), Box::new(right), Some(on));
                continue;
            };
            left = From::Join(kind, Box::new(left), Box::new(right), on);
        }
    }

    fn nested_joins(&mut self, mut left: From) -> Parsed<From> {
        while !self.is("ON") {
            let kind = match self.take_any(&["INNER", "LEFT", "RIGHT", "FULL"]) {
                Some(kind) => {
                    self.take("OUTER");
                    kind
                }
                None if self.is("JOIN") => "INNER",
                None => return self.fail(),
            };
            self.expect("JOIN")?;
            let right = self.source()?;
            let right = self.nested_joins(right)?;
            self.expect("ON")?;
            let on = self.condition()?;
            left = From::Join(kind, Box::new(left), Box::new(right), Some(on));
        }
        Ok(left)
    }

    /// A table, a table variable, a derived table, VALUES.
    pub(crate) fn source(&mut self) -> Parsed<From> {
        let line = self.line();
        if self.take_mark("(") {
            if self.is("VALUES") {
                self.at += 1;
                let rows = self.rows()?;
                self.expect_mark(")")?;
                let (alias, columns) = self.derived_alias()?;
                return Ok(From::Values { rows, alias, columns });
            }
            if self.is("SELECT") || self.is("WITH") || self.is_mark("(") {
                let query = self.query()?;
                self.expect_mark(")")?;
                let (alias, columns) = self.derived_alias()?;
                return Ok(From::Derived { query: Box::new(query), alias, columns });
            }
            let inner = self.joined()?;
            self.expect_mark(")")?;
            return Ok(inner);
        }
        if matches!(self.peek().kind, Kind::Variable(_)) {
            let name = self.variable()?;
            return Ok(From::Variable { name, alias: self.alias()? });
        }
        let name = self.name()?;
        let mut hints = self.hints()?;
        let alias = self.alias()?;
        if hints.is_empty() {
            hints = self.hints()?;
        }
        Ok(From::Table { name, alias, hints, line })
    }

    fn derived_alias(&mut self) -> Parsed<(String, Vec<String>)> {
        self.take("AS");
        let alias = self.ident()?;
        let columns = if self.is_mark("(") { self.name_list()? } else { Vec::new() };
        Ok((alias, columns))
    }

    /// `WITH (UPDLOCK, HOLDLOCK)`.
    pub(crate) fn hints(&mut self) -> Parsed<Vec<String>> {
        let old = self.is_mark("(")
            && matches!(&self.peek_at(1).kind, Kind::Word(w) if w.eq_ignore_ascii_case("NOLOCK"));
        let with = self.is("WITH") && matches!(self.peek_at(1).kind, Kind::Mark("("));
        if !with && !old {
            return Ok(Vec::new());
        }
        self.take("WITH");
        self.expect_mark("(")?;
        let mut hints = Vec::new();
        loop {
            let Kind::Word(word) = self.next().kind else {
                self.at -= 1;
                return self.fail();
            };
            let upper = word.to_ascii_uppercase();
            if upper == "INDEX" {
                self.take_mark("=");
                let _names = self.name_list()?;
            } else if !HINTS.contains(&upper.as_str()) {
                return Err(err_class(321, 15, 1, format!("\"{word}\" is not a recognized table hints option. If it is intended as a parameter to a table-valued function or to the CHANGETABLE function, ensure that your database compatibility mode is set to 90.")).at(self.line()));
            }
            hints.push(upper);
            if !self.take_mark(",") {
                break;
            }
        }
        self.expect_mark(")")?;
        Ok(hints)
    }

    /// Rows of a VALUES clause, all of one width.
    pub(crate) fn rows(&mut self) -> Parsed<Vec<Vec<Expr>>> {
        let mut rows: Vec<Vec<Expr>> = Vec::new();
        loop {
            self.expect_mark("(")?;
            let mut row = vec![self.value()?];
            while self.take_mark(",") {
                row.push(self.value()?);
            }
            self.expect_mark(")")?;
            if rows.first().is_some_and(|first| first.len() != row.len()) {
                return Err(err_class(
                    10709,
                    16,
                    1,
                    "The number of columns for each row in a table value constructor must be the same.",
                ));
            }
            rows.push(row);
            if !self.take_mark(",") {
                break;
            }
        }
        Ok(rows)
    }
}
