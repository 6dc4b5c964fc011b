//! Definitions: tables, indexes, views, sequences, synonyms, triggers, routines, users, grants. It must never look into
//! a body beyond its grammar.

use crate::ora::Ora;
use crate::sql::ast::{Ddl, Name, Param, Path, Routine, Sequence, Trigger};
use crate::sql::lexer::Tok;
use crate::sql::parse::Parser;

type Privileges = Vec<(String, Vec<Name>)>;

impl Parser<'_> {
    pub(crate) fn ddl(&mut self) -> Ora<Ddl> {
        match self.next() {
            Tok::Word(w) if w == "CREATE" => self.create(),
            Tok::Word(w) if w == "ALTER" => self.alter(),
            Tok::Word(w) if w == "DROP" => self.drop_object(),
            Tok::Word(w) if w == "TRUNCATE" => {
                self.need("TABLE", 3290)?;
                Ok(Ddl::Truncate(self.path(903)?))
            }
            Tok::Word(w) if w == "GRANT" => {
                let privileges = self.privileges()?;
                let on = if self.word("ON") { Some(self.path(903)?) } else { None };
                self.need("TO", 905)?;
                let to = self.grantees()?;
                self.words(&["WITH", "GRANT", "OPTION"]);
                self.words(&["WITH", "ADMIN", "OPTION"]);
                Ok(Ddl::Grant { privileges, on, to })
            }
            Tok::Word(w) if w == "REVOKE" => {
                let privileges = self.privileges()?;
                let on = if self.word("ON") { Some(self.path(903)?) } else { None };
                self.need("FROM", 905)?;
                Ok(Ddl::Revoke { privileges, on, from: self.grantees()? })
            }
            Tok::Word(w) if w == "RENAME" => {
                let from = self.name(903)?;
                self.need("TO", 905)?;
                Ok(Ddl::Rename(from, self.name(903)?))
            }
            _ => {
                self.skip_rest();
                Ok(Ddl::Comment)
            }
        }
    }

    fn skip_rest(&mut self) {
        while !matches!(self.tok(), Tok::End) {
            self.at += 1;
        }
    }

    fn create(&mut self) -> Ora<Ddl> {
        self.words(&["OR", "REPLACE"]);
        self.word("FORCE");
        self.one_of(&["EDITIONABLE", "NONEDITIONABLE"]);
        if self.words(&["GLOBAL", "TEMPORARY", "TABLE"]) {
            return self.create_table(true);
        }
        if self.word("TABLE") {
            return self.create_table(false);
        }
        if self.words(&["PLUGGABLE", "DATABASE"]) {
            return Ok(Ddl::CreateDatabase(self.name(901)?));
        }
        if self.words(&["PUBLIC", "SYNONYM"]) {
            return self.create_synonym(true);
        }
        match self.next() {
            Tok::Word(w) if w == "UNIQUE" => {
                self.need("INDEX", 968)?;
                self.create_index(true)
            }
            Tok::Word(w) if w == "INDEX" => self.create_index(false),
            Tok::Word(w) if w == "BITMAP" => {
                self.need("INDEX", 901)?;
                self.create_index(false)
            }
            Tok::Word(w) if w == "VIEW" => {
                let name = self.path(903)?;
                let columns = if self.is_op("(") { self.names(904)? } else { Vec::new() };
                self.need("AS", 905)?;
                let from = self.offset();
                let query = Box::new(self.query()?);
                let text = self.text_from(from);
                let mut read_only = false;
                if self.word("WITH") {
                    read_only = self.words(&["READ", "ONLY"]);
                    self.words(&["CHECK", "OPTION"]);
                }
                Ok(Ddl::CreateView { name, columns, query, text, read_only })
            }
            Tok::Word(w) if w == "SEQUENCE" => Ok(Ddl::CreateSequence(self.path(2277)?, self.sequence()?)),
            Tok::Word(w) if w == "SYNONYM" => self.create_synonym(false),
            Tok::Word(w) if w == "TRIGGER" => self.create_trigger(),
            Tok::Word(w) if w == "PROCEDURE" || w == "FUNCTION" => self.create_routine(w == "FUNCTION"),
            Tok::Word(w) if w == "USER" => {
                let name = self.name(1935)?;
                self.need("IDENTIFIED", 922)?;
                self.need("BY", 924)?;
                let password = self.password()?;
                self.skip_rest();
                Ok(Ddl::CreateUser(name, password))
            }
            Tok::Word(w) if w == "ROLE" => Ok(Ddl::CreateRole(self.name(1937)?)),
            _ => Err(self.fail(901)),
        }
    }

    fn password(&mut self) -> Ora<String> {
        match self.next() {
            Tok::Quoted(p) => Ok(p),
            // Unquoted passwords keep their letters since 11g.
            Tok::Word(p) => {
                self.at -= 1;
                let from = self.offset();
                self.at += 1;
                Ok(self.sql.get(from..from + p.len()).unwrap_or(&p).to_owned())
            }
            _ => Err(self.fail(988)),
        }
    }

    pub(crate) fn sequence(&mut self) -> Ora<Sequence> {
        let mut options = Sequence { start: None, increment: None, min: None, max: None, cycle: false };
        loop {
            if self.words(&["START", "WITH"]) {
                options.start = Some(self.integer()?);
            } else if self.words(&["INCREMENT", "BY"]) {
                options.increment = Some(self.integer()?);
            } else if self.word("MINVALUE") {
                options.min = Some(self.integer()?);
            } else if self.word("MAXVALUE") || self.word("CACHE") {
                match self.next() {
                    Tok::Num(n) => options.max = options.max.or(Some(n)),
                    _ => return Err(self.fail(933)),
                }
                if matches!(self.ahead(0), Tok::End) {
                    return Ok(options);
                }
            } else if self.word("CYCLE") {
                options.cycle = true;
            } else if self
                .one_of(&[
                    "NOCACHE",
                    "NOCYCLE",
                    "ORDER",
                    "NOORDER",
                    "NOMINVALUE",
                    "NOMAXVALUE",
                    "KEEP",
                    "NOKEEP",
                ])
                .is_none()
            {
                return Ok(options);
            }
        }
    }

    fn create_index(&mut self, unique: bool) -> Ora<Ddl> {
        let name = self.path(953)?;
        self.need("ON", 969)?;
        let table = self.path(903)?;
        self.open()?;
        let mut keys = Vec::new();
        loop {
            let from = self.offset();
            let key = self.expression()?;
            let text = self.text_from(from);
            let descending = self.one_of(&["ASC", "DESC"]) == Some("DESC");
            keys.push((key, descending, text));
            if !self.op(",") {
                break;
            }
        }
        self.close()?;
        while matches!(self.tok(), Tok::Word(_) | Tok::Num(_)) {
            self.at += 1;
        }
        Ok(Ddl::CreateIndex { name, table, unique, keys })
    }

    fn create_synonym(&mut self, public: bool) -> Ora<Ddl> {
        let name = self.path(995)?;
        self.need("FOR", 905)?;
        let target = self.path(903)?;
        let link = if self.op("@") { Some(self.path(903)?.join(".")) } else { None };
        Ok(Ddl::CreateSynonym { name, public, target, link })
    }

    fn create_trigger(&mut self) -> Ora<Ddl> {
        self.once = true;
        self.trigger = true;
        let name = self.path(4070)?;
        let when = match self.one_of(&["BEFORE", "AFTER"]) {
            Some(when) => when,
            None => {
                self.need("INSTEAD", 4071)?;
                self.need("OF", 905)?;
                "INSTEAD OF"
            }
        };
        let mut events = Vec::new();
        loop {
            let event = self.one_of(&["INSERT", "UPDATE", "DELETE"]).ok_or_else(|| self.fail(4072))?;
            let mut columns = Vec::new();
            if event == "UPDATE" && self.word("OF") {
                columns.push(self.name(904)?);
                while self.op(",") {
                    columns.push(self.name(904)?);
                }
            }
            events.push((event, columns));
            if !self.word("OR") {
                break;
            }
        }
        self.need("ON", 969)?;
        let table = self.path(903)?;
        if self.word("REFERENCING") {
            while self.one_of(&["NEW", "OLD", "AS"]).is_some() {}
        }
        let each_row = self.words(&["FOR", "EACH", "ROW"]);
        let disabled = self.one_of(&["ENABLE", "DISABLE"]) == Some("DISABLE");
        let condition = if self.word("WHEN") {
            self.open()?;
            let condition = self.condition()?;
            self.close()?;
            Some(condition)
        } else {
            None
        };
        let from = self.offset();
        let body = self.outer_block()?;
        let text = self.text_from(from);
        Ok(Ddl::CreateTrigger(Box::new(Trigger {
            name,
            when,
            events,
            table,
            each_row,
            condition,
            disabled,
            body,
            text,
        })))
    }

    fn create_routine(&mut self, function: bool) -> Ora<Ddl> {
        self.once = true;
        let name = self.path(4050)?;
        let mut params = Vec::new();
        if self.op("(") {
            loop {
                params.push(self.param()?);
                if !self.op(",") {
                    break;
                }
            }
            self.close()?;
        }
        let returns = if function {
            self.need("RETURN", 905)?;
            Some(self.type_name()?)
        } else {
            None
        };
        if self.word("AUTHID") {
            self.at += 1;
        }
        if self.one_of(&["AS", "IS"]).is_none() {
            return Err(self.block_error());
        }
        let body = self.routine_body()?;
        Ok(Ddl::CreateRoutine(Box::new(Routine { name, params, returns, body })))
    }

    fn param(&mut self) -> Ora<Param> {
        let name = self.name(904)?;
        let mode = if self.word("IN") {
            if self.word("OUT") { "IN OUT" } else { "IN" }
        } else if self.word("OUT") {
            "OUT"
        } else {
            "IN"
        };
        self.word("NOCOPY");
        let ty = self.type_name()?;
        let default = if self.word("DEFAULT") || self.op(":=") { Some(self.expression()?) } else { None };
        Ok(Param { name, mode, ty, default })
    }

    fn alter(&mut self) -> Ora<Ddl> {
        if self.word("TABLE") {
            let table = self.path(903)?;
            let mut changes = Vec::new();
            while !matches!(self.tok(), Tok::End | Tok::Op(";")) {
                changes.push(self.alter_table()?);
            }
            return Ok(Ddl::AlterTable(table, changes));
        }
        if self.word("TRIGGER") {
            let name = self.path(4070)?;
            let on = self.one_of(&["ENABLE", "DISABLE"]).ok_or_else(|| self.fail(922))?;
            return Ok(Ddl::AlterTrigger(name, on == "ENABLE"));
        }
        if self.word("INDEX") {
            let name = self.path(953)?;
            let how = self
                .one_of(&["UNUSABLE", "REBUILD", "INVISIBLE", "VISIBLE"])
                .ok_or_else(|| self.fail(2243))?;
            return Ok(Ddl::AlterIndex(name, how));
        }
        if self.word("SEQUENCE") {
            return Ok(Ddl::AlterSequence(self.path(2277)?, self.sequence()?));
        }
        if self.word("USER") {
            let name = self.name(1935)?;
            let password = if self.words(&["IDENTIFIED", "BY"]) { Some(self.password()?) } else { None };
            let mut state = None;
            if self.word("ACCOUNT") {
                state = self.one_of(&["LOCK", "UNLOCK"]);
            } else if self.words(&["PASSWORD", "EXPIRE"]) {
                state = Some("EXPIRE");
            }
            return Ok(Ddl::AlterUser(name, password, state));
        }
        Err(self.fail(940))
    }

    fn drop_object(&mut self) -> Ora<Ddl> {
        if self.words(&["PLUGGABLE", "DATABASE"]) {
            let name = self.name(950)?;
            self.words(&["INCLUDING", "DATAFILES"]);
            return Ok(Ddl::DropDatabase(name));
        }
        let public = self.word("PUBLIC");
        let kinds = [
            "TABLE",
            "INDEX",
            "VIEW",
            "SEQUENCE",
            "SYNONYM",
            "TRIGGER",
            "PROCEDURE",
            "FUNCTION",
            "USER",
            "ROLE",
        ];
        let kind = self.one_of(&kinds).ok_or_else(|| self.fail(950))?;
        let name = self.path(903)?;
        self.words(&["CASCADE", "CONSTRAINTS"]);
        self.one_of(&["CASCADE", "PURGE"]);
        self.word("PURGE");
        Ok(Ddl::Drop { kind: kind.to_owned(), name, public })
    }

    /// `SELECT, UPDATE (a, b)`, or roles and system privileges.
    fn privileges(&mut self) -> Ora<Privileges> {
        let mut list = Vec::new();
        loop {
            let mut words = Vec::new();
            while let Tok::Word(w) | Tok::Quoted(w) = self.tok().clone() {
                if matches!(w.as_str(), "ON" | "TO" | "FROM") {
                    break;
                }
                self.at += 1;
                words.push(w);
            }
            if words.is_empty() {
                return Err(self.fail(990));
            }
            let columns = if self.is_op("(") { self.names(904)? } else { Vec::new() };
            list.push((words.join(" "), columns));
            if !self.op(",") {
                return Ok(list);
            }
        }
    }

    fn grantees(&mut self) -> Ora<Path> {
        let mut list = Vec::new();
        loop {
            if self.word("PUBLIC") {
                list.push("PUBLIC".to_owned());
            } else {
                list.push(self.name(987)?);
            }
            if !self.op(",") {
                return Ok(list);
            }
        }
    }
}
