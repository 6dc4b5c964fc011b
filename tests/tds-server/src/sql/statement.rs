//! Owns the grammar of statements and of what steers them: blocks, variables, SET, transactions; never runs anything.

use crate::error::{err_class, syntax};
use crate::sql::ast::{Expr, Stmt, StmtKind};
use crate::sql::lexer::Kind;
use crate::sql::parser::{Parsed, Parser};

/// SET options whose value is ON or OFF.
const SWITCHES: &[&str] = &[
    "XACT_ABORT",
    "NOCOUNT",
    "ANSI_NULLS",
    "ANSI_WARNINGS",
    "ANSI_PADDING",
    "QUOTED_IDENTIFIER",
    "CONCAT_NULL_YIELDS_NULL",
    "ARITHABORT",
    "ARITHIGNORE",
    "NUMERIC_ROUNDABORT",
    "ANSI_NULL_DFLT_ON",
    "ANSI_NULL_DFLT_OFF",
    "ANSI_DEFAULTS",
    "IMPLICIT_TRANSACTIONS",
    "CURSOR_CLOSE_ON_COMMIT",
    "NOEXEC",
    "PARSEONLY",
    "FMTONLY",
    "FORCEPLAN",
    "REMOTE_PROC_TRANSACTIONS",
    "SHOWPLAN_TEXT",
    "NO_BROWSETABLE",
];
/// SET options with a value.
const VALUES: &[&str] = &[
    "LOCK_TIMEOUT",
    "DEADLOCK_PRIORITY",
    "LANGUAGE",
    "DATEFORMAT",
    "DATEFIRST",
    "TEXTSIZE",
    "ROWCOUNT",
    "CONTEXT_INFO",
    "QUERY_GOVERNOR_COST_LIMIT",
];

impl Parser {
    /// All statements to the end of the text.
    pub(crate) fn statements(&mut self) -> Parsed<Vec<Stmt>> {
        let mut list = Vec::new();
        loop {
            while self.take_mark(";") {}
            if self.is_end() {
                return Ok(list);
            }
            list.push(self.statement()?);
        }
    }

    /// One statement and the semicolon behind it.
    pub(crate) fn statement(&mut self) -> Parsed<Stmt> {
        let start = self.at;
        let line = self.line();
        let kind = self.kind().map_err(|e| e.at(line))?;
        let text = self.text_from(start).into();
        self.take_mark(";");
        Ok(Stmt { line, kind, text })
    }

    fn kind(&mut self) -> Parsed<StmtKind> {
        let Kind::Word(word) = self.peek().kind.clone() else {
            if self.is_mark("(") {
                return Ok(StmtKind::Select(self.query()?));
            }
            return self.fail();
        };
        let upper = word.to_ascii_uppercase();
        match upper.as_str() {
            "SELECT" => return Ok(StmtKind::Select(self.query()?)),
            "WITH" => return self.with(),
            "CREATE" | "ALTER" | "DROP" | "TRUNCATE" | "GRANT" | "DENY" | "REVOKE" | "ENABLE" | "DISABLE" => {
                self.at += 1;
                return self.definition(&upper);
            }
            _ => {}
        }
        self.at += 1;
        match upper.as_str() {
            "INSERT" => self.insert(),
            "UPDATE" => self.update(),
            "DELETE" => self.delete(),
            "MERGE" => self.merge(),
            "EXEC" | "EXECUTE" => Ok(StmtKind::Exec(self.exec()?)),
            "DECLARE" => self.declare_statement(),
            "SET" => self.set(),
            "IF" => self.branch(),
            "WHILE" => {
                let condition = self.condition()?;
                Ok(StmtKind::While(condition, Box::new(self.statement()?)))
            }
            "BEGIN" => self.begin(),
            "BREAK" => Ok(StmtKind::Break),
            "CONTINUE" => Ok(StmtKind::Continue),
            "RETURN" => {
                let bare = self.is_end()
                    || self.is_mark(";")
                    || matches!(&self.peek().kind, Kind::Word(w) if crate::sql::lexer::is_reserved(w));
                Ok(StmtKind::Return(if bare { None } else { Some(self.value()?) }))
            }
            "COMMIT" => {
                self.transaction_word();
                self.transaction_name()?;
                Ok(StmtKind::Commit)
            }
            "ROLLBACK" => {
                self.transaction_word();
                Ok(StmtKind::Rollback(self.transaction_name()?))
            }
            "SAVE" => {
                self.transaction_word();
                match self.transaction_name()? {
                    Some(name) => Ok(StmtKind::Save(name)),
                    None => self.fail(),
                }
            }
            _ => self.talk(&upper),
        }
    }

    /// Statements that send messages or act on the server.
    fn talk(&mut self, upper: &str) -> Parsed<StmtKind> {
        match upper {
            "PRINT" => Ok(StmtKind::Print(self.value()?)),
            "RAISERROR" => self.raise(),
            "THROW" => {
                if self.is_end() || self.is_mark(";") || self.is("END") {
                    return Ok(StmtKind::Throw(None));
                }
                let number = self.value()?;
                self.expect_mark(",")?;
                let message = self.value()?;
                self.expect_mark(",")?;
                Ok(StmtKind::Throw(Some((number, message, self.value()?))))
            }
            "WAITFOR" => {
                self.expect("DELAY")?;
                Ok(StmtKind::Wait(self.value()?))
            }
            "USE" => Ok(StmtKind::Use(self.ident()?)),
            "KILL" => Ok(StmtKind::Kill(self.integer()?)),
            "CHECKPOINT" => Ok(StmtKind::Nothing),
            _ => {
                self.at -= 1;
                // Without EXEC a procedure may be called by its name at the head of a batch alone.
                if self.at == 0
                    && self.is_name()
                    && !["LIMIT", "REPLACE", "SHOW", "START"].iter().any(|k| self.is(k))
                {
                    return Ok(StmtKind::Exec(self.exec()?));
                }
                self.fail()
            }
        }
    }

    fn with(&mut self) -> Parsed<StmtKind> {
        let free = self.at == 0
            || matches!(self.tokens[self.at - 1].kind, Kind::Mark(";"))
            || matches!(&self.tokens[self.at - 1].kind, Kind::Word(w) if w.eq_ignore_ascii_case("BEGIN") || w.eq_ignore_ascii_case("ELSE"));
        if !free {
            return Err(err_class(
                319,
                15,
                1,
                "Incorrect syntax near the keyword 'with'. If this statement is a common table expression, an xmlnamespaces clause or a change tracking context clause, the previous statement must be terminated with a semicolon.",
            ));
        }
        self.at += 1;
        let ctes = self.ctes()?;
        if self.is("SELECT") || self.is_mark("(") {
            return Ok(StmtKind::Select(self.query_with(ctes)?));
        }
        // INSERT .. SELECT takes the expressions over; the other statements do without.
        self.expect("INSERT")?;
        let kind = self.insert()?;
        match kind {
            StmtKind::Insert(mut insert) => {
                if let crate::sql::ast::Source::Query(query) = &mut insert.source {
                    query.ctes.splice(0..0, ctes);
                }
                Ok(StmtKind::Insert(insert))
            }
            other => Ok(other),
        }
    }

    fn declare_statement(&mut self) -> Parsed<StmtKind> {
        let mut list = Vec::new();
        loop {
            let Kind::Variable(name) = self.peek().kind.clone() else { return self.fail() };
            let line = self.line();
            self.at += 1;
            self.take("AS");
            if self.take("TABLE") {
                let table = self.table_def()?;
                self.declare(&name).map_err(|e| e.at(line))?;
                return Ok(StmtKind::DeclareTable(name.to_lowercase(), table));
            }
            let ty = self.data_type()?;
            let value = if self.take_mark("=") { Some(self.value()?) } else { None };
            self.declare(&name).map_err(|e| e.at(line))?;
            list.push((name.to_lowercase(), ty, value));
            if !self.take_mark(",") {
                return Ok(StmtKind::Declare(list));
            }
        }
    }

    fn set(&mut self) -> Parsed<StmtKind> {
        if matches!(self.peek().kind, Kind::Variable(_)) {
            let name = self.variable()?;
            let compound = ["+=", "-=", "*=", "/=", "%="].into_iter().find(|m| self.take_mark(m));
            if compound.is_none() {
                self.expect_mark("=")?;
            }
            let value = self.value()?;
            let value = match compound.and_then(|m| m.chars().next()) {
                Some(op) => Expr::Binary(op, Box::new(Expr::Var(name.clone())), Box::new(value)),
                None => value,
            };
            return Ok(StmtKind::SetVar(name, value));
        }
        if self.take_all(&["TRANSACTION", "ISOLATION", "LEVEL"]) {
            let level = if self.take("READ") {
                match self.take_any(&["COMMITTED", "UNCOMMITTED"]) {
                    Some(which) => format!("READ {which}"),
                    None => return self.fail(),
                }
            } else if self.take("REPEATABLE") {
                self.expect("READ")?;
                "REPEATABLE READ".into()
            } else {
                match self.take_any(&["SNAPSHOT", "SERIALIZABLE"]) {
                    Some(which) => which.to_owned(),
                    None => return self.fail(),
                }
            };
            return Ok(StmtKind::SetOption(vec![("ISOLATION".into(), level)]));
        }
        if self.take("IDENTITY_INSERT") {
            let name = self.name()?;
            return match self.take_any(&["ON", "OFF"]) {
                Some(state) => Ok(StmtKind::IdentityInsert(name, state == "ON")),
                None => self.fail(),
            };
        }
        self.options()
    }

    /// `SET NOCOUNT, XACT_ABORT ON`, or `SET XACT_ABORT ON, NOCOUNT ON`, or an option with a value.
    fn options(&mut self) -> Parsed<StmtKind> {
        let mut done = Vec::new();
        let mut open: Vec<String> = Vec::new();
        loop {
            let Kind::Word(word) = self.next().kind else {
                self.at -= 1;
                return self.fail();
            };
            let upper = word.to_ascii_uppercase();
            if VALUES.contains(&upper.as_str()) {
                // Options with values stand alone, as the real grammar has it.
                if !done.is_empty() || !open.is_empty() {
                    self.at -= 1;
                    return self.fail();
                }
                let value = self.option_value()?;
                if self.is_mark(",") {
                    return self.fail();
                }
                return Ok(StmtKind::SetOption(vec![(upper, value)]));
            }
            if !SWITCHES.contains(&upper.as_str()) {
                if upper == "STATISTICS" && self.take_any(&["IO", "TIME", "XML", "PROFILE"]).is_some() {
                    self.take_any(&["ON", "OFF"]);
                    return Ok(StmtKind::Nothing);
                }
                return Err(err_class(195, 15, 1, format!("'{word}' is not a recognized SET option.")));
            }
            open.push(upper);
            if let Some(state) = self.take_any(&["ON", "OFF"]) {
                done.extend(open.drain(..).map(|name| (name, state.to_owned())));
                return Ok(StmtKind::SetOption(done));
            }
            self.expect_mark(",")?;
        }
    }

    fn option_value(&mut self) -> Parsed<String> {
        let negative = self.take_mark("-");
        match self.next().kind {
            Kind::Number(digits) => Ok(format!("{}{digits}", if negative { "-" } else { "" })),
            Kind::Word(word) | Kind::Quoted(word) | Kind::Text(word, _) if !negative => Ok(word),
            Kind::Variable(name) => Ok(name.to_lowercase()),
            _ => {
                self.at -= 1;
                self.fail()
            }
        }
    }

    fn branch(&mut self) -> Parsed<StmtKind> {
        let condition = self.condition()?;
        let then = Box::new(self.statement()?);
        let other = if self.take("ELSE") { Some(Box::new(self.statement()?)) } else { None };
        Ok(StmtKind::If(condition, then, other))
    }

    fn begin(&mut self) -> Parsed<StmtKind> {
        if self.take_any(&["TRANSACTION", "TRAN"]).is_some() {
            return Ok(StmtKind::Begin(self.transaction_name()?));
        }
        if self.take("DISTRIBUTED") {
            return self.fail();
        }
        if self.take("TRY") {
            let body = self.until_end("TRY")?;
            self.take_mark(";");
            self.expect("BEGIN")?;
            self.expect("CATCH")?;
            let handler = self.until_end("CATCH")?;
            return Ok(StmtKind::Try(body, handler));
        }
        let body = self.until_end("")?;
        if body.is_empty() {
            self.at -= 1;
            return self.fail();
        }
        Ok(StmtKind::Block(body))
    }

    fn until_end(&mut self, word: &str) -> Parsed<Vec<Stmt>> {
        let mut list = Vec::new();
        loop {
            while self.take_mark(";") {}
            if self.take("END") {
                if !word.is_empty() {
                    self.expect(word)?;
                }
                return Ok(list);
            }
            if self.is_end() {
                return self.fail();
            }
            list.push(self.statement()?);
        }
    }

    fn transaction_word(&mut self) {
        if self.take_any(&["TRANSACTION", "TRAN", "WORK"]).is_some() {}
    }

    fn transaction_name(&mut self) -> Parsed<Option<String>> {
        if matches!(self.peek().kind, Kind::Variable(_)) {
            return self.variable().map(Some);
        }
        if self.is_name() && !self.is("THROW") { self.ident().map(Some) } else { Ok(None) }
    }

    fn raise(&mut self) -> Parsed<StmtKind> {
        self.expect_mark("(")?;
        let mut args = vec![self.value()?];
        while self.take_mark(",") {
            args.push(self.value()?);
        }
        self.expect_mark(")")?;
        if args.len() < 3 {
            return Err(syntax(")"));
        }
        let mut log = false;
        if self.take("WITH") {
            loop {
                let option = self.take_any(&["NOWAIT", "LOG", "SETERROR"]);
                match option {
                    Some(word) => log |= word == "LOG",
                    None => return self.fail(),
                }
                if !self.take_mark(",") {
                    break;
                }
            }
        }
        Ok(StmtKind::RaiseError(args, log))
    }
}
