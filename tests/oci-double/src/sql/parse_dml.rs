//! Statements other than queries and definitions. It must never take several rows in VALUES before 23ai.

use crate::ora::{Ora, OraError};
use crate::sql::ast::{
    Assignment, Delete, Expr, Insert, Merge, Path, Returning, Statement, Table, Update, Wait,
};
use crate::sql::lexer::Tok;
use crate::sql::parse::Parser;

impl Parser<'_> {
    pub(crate) fn statement(&mut self) -> Ora<Statement> {
        let word = match self.tok() {
            Tok::Word(w) => w.clone(),
            Tok::Op("(") => "SELECT".to_owned(),
            Tok::Op(";") => return Err(self.fail(911)),
            _ => return Err(self.fail(900)),
        };
        match word.as_str() {
            "SELECT" | "WITH" => self.query().map(|q| Statement::Select(Box::new(q))),
            "INSERT" => self.insert().map(|i| Statement::Insert(Box::new(i))),
            "UPDATE" => self.update().map(|u| Statement::Update(Box::new(u))),
            "DELETE" => self.delete().map(|d| Statement::Delete(Box::new(d))),
            "MERGE" => self.merge().map(|m| Statement::Merge(Box::new(m))),
            "BEGIN" | "DECLARE" => {
                self.once = true;
                self.outer_block().map(|b| Statement::Block(Box::new(b)))
            }
            "CALL" => {
                self.once = true;
                self.at += 1;
                let path = self.path(6576)?;
                let mut args = Vec::new();
                self.open()?;
                if !self.is_op(")") {
                    args = self.arguments()?;
                }
                self.close()?;
                Ok(Statement::Call(path, args))
            }
            "COMMIT" => {
                self.at += 1;
                self.word("WORK");
                if self.words(&["WRITE"]) {
                    while matches!(self.tok(), Tok::Word(_)) {
                        self.at += 1;
                    }
                }
                Ok(Statement::Commit)
            }
            "ROLLBACK" => {
                self.at += 1;
                self.word("WORK");
                let to = if self.word("TO") {
                    self.word("SAVEPOINT");
                    Some(self.name(3001)?)
                } else {
                    None
                };
                Ok(Statement::Rollback(to))
            }
            "SAVEPOINT" => {
                self.at += 1;
                self.name(900).map(Statement::Savepoint)
            }
            "SET" if self.words(&["SET", "TRANSACTION"]) => self.set_transaction(),
            "LOCK" => self.lock_table(),
            "ALTER" if self.words(&["ALTER", "SESSION"]) => self.alter_session(),
            "ALTER" if self.words(&["ALTER", "SYSTEM"]) => {
                if !self.words(&["KILL", "SESSION"]) {
                    return Err(self.fail(2065));
                }
                let Tok::Str(which) = self.next() else { return Err(self.fail(26)) };
                self.one_of(&["IMMEDIATE", "NOREPLAY"]);
                Ok(Statement::KillSession(which))
            }
            "CREATE" | "DROP" | "ALTER" | "TRUNCATE" | "COMMENT" | "GRANT" | "REVOKE" | "RENAME" => {
                self.ddl().map(|d| Statement::Ddl(Box::new(d)))
            }
            _ => Err(self.fail(900)),
        }
    }

    fn set_transaction(&mut self) -> Ora<Statement> {
        if self.words(&["READ", "ONLY"]) {
            return Ok(Statement::SetTransaction("READ ONLY"));
        }
        if self.words(&["READ", "WRITE"]) {
            return Ok(Statement::SetTransaction("READ WRITE"));
        }
        if self.words(&["ISOLATION", "LEVEL", "SERIALIZABLE"]) {
            return Ok(Statement::SetTransaction("ISOLATION LEVEL SERIALIZABLE"));
        }
        if self.words(&["ISOLATION", "LEVEL", "READ", "COMMITTED"]) || self.word("NAME") {
            self.at += usize::from(matches!(self.tok(), Tok::Str(_)));
            return Ok(Statement::SetTransaction("READ WRITE"));
        }
        Err(self.fail(2179))
    }

    fn lock_table(&mut self) -> Ora<Statement> {
        self.at += 1;
        self.need("TABLE", 905)?;
        let mut tables = vec![self.table()?];
        while self.op(",") {
            tables.push(self.table()?);
        }
        self.need("IN", 905)?;
        let mut mode = Vec::new();
        while !self.is_word("MODE") {
            match self.next() {
                Tok::Word(w) => mode.push(w),
                _ => return Err(self.fail(1737)),
            }
        }
        self.at += 1;
        Ok(Statement::LockTable(tables, mode.join(" "), self.wait()?))
    }

    fn alter_session(&mut self) -> Ora<Statement> {
        if self.one_of(&["ENABLE", "DISABLE", "CLOSE", "ADVISE"]).is_some() {
            while !matches!(self.tok(), Tok::End | Tok::Op(";")) {
                self.at += 1;
            }
            return Ok(Statement::AlterSession(Vec::new()));
        }
        self.need("SET", 922)?;
        let mut sets = Vec::new();
        while let Tok::Word(name) = self.tok().clone() {
            self.at += 1;
            if !self.op("=") {
                return Err(self.fail(927));
            }
            let value = match self.next() {
                Tok::Word(v) | Tok::Str(v) | Tok::Num(v) | Tok::Quoted(v) => v,
                _ => return Err(OraError::plain(2248).at(self.offset())),
            };
            sets.push((name, value));
        }
        if sets.is_empty() { Err(self.fail(2248)) } else { Ok(Statement::AlterSession(sets)) }
    }

    /// Columns in parentheses; a table's alias may stand before each.
    fn columns(&mut self) -> Ora<Vec<(Path, usize)>> {
        self.open()?;
        let mut columns = Vec::new();
        loop {
            let at = self.offset();
            columns.push((self.path(1747)?, at));
            if !self.op(",") {
                break;
            }
        }
        if !self.is_op(")") {
            return Err(self.fail(917));
        }
        self.close()?;
        Ok(columns)
    }

    fn value_list(&mut self) -> Ora<Vec<Option<Expr>>> {
        self.open()?;
        let mut values = Vec::new();
        loop {
            values.push(if self.word("DEFAULT") { None } else { Some(self.expression()?) });
            if !self.op(",") {
                break;
            }
        }
        if !self.is_op(")") {
            return Err(self.fail(917));
        }
        self.close()?;
        Ok(values)
    }

    fn insert(&mut self) -> Ora<Insert> {
        self.at += 1;
        self.need("INTO", 925)?;
        let table = self.table()?;
        let columns =
            if self.is_op("(") && !matches!(self.ahead(1), Tok::Word(w) if w == "SELECT" || w == "WITH") {
                self.columns()?
            } else {
                Vec::new()
            };
        let mut insert =
            Insert { table, columns, rows: Vec::new(), query: None, returning: Returning::default() };
        if self.word("VALUES") {
            insert.rows.push(self.value_list()?);
            while self.rules.at_least(23) && self.op(",") {
                insert.rows.push(self.value_list()?);
            }
            insert.returning = self.returning()?;
        } else if self.is_word("SELECT") || self.is_word("WITH") || self.is_op("(") {
            insert.query = Some(Box::new(self.query()?));
        } else {
            return Err(self.fail(926));
        }
        Ok(insert)
    }

    fn returning(&mut self) -> Ora<Returning> {
        let mut returning = Returning::default();
        if self.one_of(&["RETURNING", "RETURN"]).is_none() {
            return Ok(returning);
        }
        returning.what.push(self.expression()?);
        while self.op(",") {
            returning.what.push(self.expression()?);
        }
        self.need("INTO", 925)?;
        returning.into.push(self.expression()?);
        while self.op(",") {
            returning.into.push(self.expression()?);
        }
        match returning.into.len().cmp(&returning.what.len()) {
            std::cmp::Ordering::Less => Err(self.fail(947)),
            std::cmp::Ordering::Greater => Err(self.fail(913)),
            std::cmp::Ordering::Equal => Ok(returning),
        }
    }

    fn assignments(&mut self) -> Ora<Vec<Assignment>> {
        let mut sets = Vec::new();
        loop {
            let columns = if self.is_op("(") {
                self.columns()?
            } else {
                let at = self.offset();
                vec![(self.path(1747)?, at)]
            };
            if !self.op("=") {
                return Err(self.fail(927));
            }
            let value = if self.word("DEFAULT") { None } else { Some(self.expression()?) };
            sets.push((columns, value));
            if !self.op(",") {
                return Ok(sets);
            }
        }
    }

    fn update(&mut self) -> Ora<Update> {
        self.at += 1;
        let table = self.table()?;
        self.need("SET", 971)?;
        let sets = self.assignments()?;
        let filter = if self.word("WHERE") { Some(self.condition()?) } else { None };
        Ok(Update { table, sets, filter, returning: self.returning()? })
    }

    fn delete(&mut self) -> Ora<Delete> {
        self.at += 1;
        self.word("FROM");
        let table = self.table()?;
        let filter = if self.word("WHERE") { Some(self.condition()?) } else { None };
        Ok(Delete { table, filter, returning: self.returning()? })
    }

    fn merge(&mut self) -> Ora<Merge> {
        self.at += 1;
        self.need("INTO", 925)?;
        let table: Table = self.table()?;
        self.need("USING", 928)?;
        let source = self.source()?;
        self.need("ON", 969)?;
        if !self.is_op("(") {
            return Err(self.fail(906));
        }
        self.open()?;
        let on = self.condition()?;
        self.close()?;
        let mut merge = Merge { table, source, on, update: None, insert: None };
        while self.word("WHEN") {
            if self.word("MATCHED") {
                self.need("THEN", 905)?;
                self.need("UPDATE", 905)?;
                self.need("SET", 971)?;
                let sets = self.assignments()?;
                let filter = if self.word("WHERE") { Some(self.condition()?) } else { None };
                let delete = if self.words(&["DELETE", "WHERE"]) { Some(self.condition()?) } else { None };
                merge.update = Some((sets, filter, delete));
            } else {
                self.need("NOT", 905)?;
                self.need("MATCHED", 905)?;
                self.need("THEN", 905)?;
                self.need("INSERT", 905)?;
                let columns = if self.is_op("(") { self.columns()? } else { Vec::new() };
                self.need("VALUES", 926)?;
                let values = self.value_list()?;
                let filter = if self.word("WHERE") { Some(self.condition()?) } else { None };
                merge.insert = Some((columns, values, filter));
            }
        }
        if merge.update.is_none() && merge.insert.is_none() {
            return Err(self.fail(905));
        }
        Ok(merge)
    }
}
