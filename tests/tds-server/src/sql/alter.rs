//! Owns the grammar of ALTER, DROP and GRANT; never runs anything.

use crate::sql::ast::{Alter, Name, StmtKind, TableDef};
use crate::sql::lexer::{Kind, is_reserved};
use crate::sql::parser::{Parsed, Parser};

impl Parser {
    pub(crate) fn alter(&mut self) -> Parsed<StmtKind> {
        if self.take("TABLE") {
            let table = self.name()?;
            return Ok(StmtKind::AlterTable(table, self.alter_table()?));
        }
        if self.take("INDEX") {
            let index = if self.take("ALL") { None } else { Some(self.ident()?) };
            self.expect("ON")?;
            let table = self.name()?;
            return match self.take_any(&["DISABLE", "REBUILD"]) {
                Some(word) => Ok(StmtKind::AlterIndex(index, table, word == "DISABLE")),
                None => self.fail(),
            };
        }
        if self.take("ROLE") {
            let role = self.ident()?;
            let add = self.take("ADD");
            if !add {
                self.expect("DROP")?;
            }
            self.expect("MEMBER")?;
            return Ok(StmtKind::AlterRole(role, self.ident()?, add));
        }
        if self.take("DATABASE") {
            let name = if self.take("CURRENT") { None } else { Some(self.ident()?) };
            self.expect("SET")?;
            let option = match self.next().kind {
                Kind::Word(word) => word.to_ascii_uppercase(),
                _ => return self.fail(),
            };
            self.take_mark("=");
            let value = match self.next().kind {
                Kind::Word(word) | Kind::Number(word) => word.to_ascii_uppercase(),
                Kind::End | Kind::Mark(";") => {
                    self.at -= 1;
                    String::new()
                }
                _ => return self.fail(),
            };
            self.take_all(&["WITH", "ROLLBACK", "IMMEDIATE"]);
            return Ok(StmtKind::AlterDatabase(name, option, value));
        }
        self.module(true)
    }

    pub(crate) fn alter_table(&mut self) -> Parsed<Alter> {
        if self.take("WITH") && self.take_any(&["CHECK", "NOCHECK"]).is_none() {
            return self.fail();
        }
        if self.take("ADD") {
            let mut table = TableDef { columns: Vec::new(), constraints: Vec::new() };
            loop {
                self.table_element(&mut table)?;
                if !self.take_mark(",") {
                    return Ok(Alter::Add(table));
                }
            }
        }
        if self.take("DROP") {
            let column = self.take("COLUMN");
            if !column {
                self.take("CONSTRAINT");
            }
            let mut names = vec![self.ident()?];
            while self.take_mark(",") {
                names.push(self.ident()?);
            }
            return Ok(if column { Alter::DropColumn(names) } else { Alter::DropConstraint(names) });
        }
        if self.take("ALTER") {
            self.expect("COLUMN")?;
            let mut table = TableDef { columns: Vec::new(), constraints: Vec::new() };
            return Ok(Alter::Column(self.column(&mut table)?));
        }
        match self.take_any(&["ENABLE", "DISABLE", "CHECK", "NOCHECK"]) {
            Some(word @ ("ENABLE" | "DISABLE")) => {
                self.expect("TRIGGER")?;
                Ok(Alter::Trigger(
                    word == "ENABLE",
                    if self.take("ALL") { None } else { Some(self.ident()?) },
                ))
            }
            Some(word) => {
                self.expect("CONSTRAINT")?;
                Ok(Alter::Check(word == "CHECK", if self.take("ALL") { None } else { Some(self.ident()?) }))
            }
            None => self.fail(),
        }
    }

    pub(crate) fn drop_statement(&mut self) -> Parsed<StmtKind> {
        let kind = match self.take_any(&[
            "TABLE",
            "VIEW",
            "TRIGGER",
            "PROCEDURE",
            "PROC",
            "INDEX",
            "SCHEMA",
            "SYNONYM",
        ]) {
            Some("TABLE") => "U",
            Some("VIEW") => "V",
            Some("TRIGGER") => "TR",
            Some("PROCEDURE" | "PROC") => "P",
            Some("SCHEMA") => "SCHEMA",
            Some("SYNONYM") => "SN",
            Some("INDEX") => {
                let index = self.ident()?;
                self.expect("ON")?;
                return Ok(StmtKind::DropIndex(index, self.name()?));
            }
            _ => return self.fail(),
        };
        // DROP .. IF EXISTS came with SQL Server 2016.
        let lenient = self.major >= 13 && self.take_all(&["IF", "EXISTS"]);
        let mut names = vec![self.name()?];
        while self.take_mark(",") {
            names.push(self.name()?);
        }
        Ok(StmtKind::Drop(kind, lenient, names))
    }

    pub(crate) fn grant(&mut self, verb: &'static str) -> Parsed<StmtKind> {
        let mut permissions = Vec::new();
        loop {
            let mut words = Vec::new();
            while let Kind::Word(word) = self.peek().kind.clone() {
                if ["ON", "TO", "FROM"].iter().any(|k| self.is(k)) {
                    break;
                }
                self.at += 1;
                words.push(word.to_ascii_uppercase());
            }
            if words.is_empty() {
                return self.fail();
            }
            permissions.push(words.join(" "));
            if !self.take_mark(",") {
                break;
            }
        }
        let object = if self.take("ON") { Some(self.securable()?) } else { None };
        if self.take_any(&["TO", "FROM"]).is_none() {
            return self.fail();
        }
        let mut users = vec![if self.take("PUBLIC") { "public".to_owned() } else { self.ident()? }];
        while self.take_mark(",") {
            users.push(self.ident()?);
        }
        Ok(StmtKind::Grant(verb, permissions, object, users))
    }

    /// `[OBJECT::]name` or `SCHEMA::name`; a schema's name comes back with an empty object.
    pub(crate) fn securable(&mut self) -> Parsed<Name> {
        if matches!(self.peek_at(1).kind, Kind::Mark("::")) {
            let Kind::Word(class) = self.next().kind else { return self.fail() };
            self.at += 1;
            if class.eq_ignore_ascii_case("SCHEMA") {
                return Ok(vec![self.ident()?, String::new()]);
            }
            if !is_reserved(&class) && !class.eq_ignore_ascii_case("OBJECT") {
                return self.fail();
            }
        }
        self.name()
    }
}
