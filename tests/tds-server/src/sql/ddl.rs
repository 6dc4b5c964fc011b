//! Owns the grammar of CREATE, ALTER, DROP and GRANT; never runs anything.

use crate::error::err_class;
use crate::sql::ast::{ColumnDef, Constraint, IndexDef, StmtKind, TableDef, TriggerDef};
use crate::sql::lexer::Kind;
use crate::sql::parser::{Parsed, Parser};
use crate::types::SqlType;

impl Parser {
    /// What follows the first word of a definition.
    pub(crate) fn definition(&mut self, verb: &str) -> Parsed<StmtKind> {
        match verb {
            "CREATE" => self.create(),
            "ALTER" => self.alter(),
            "DROP" => self.drop_statement(),
            "TRUNCATE" => {
                self.expect("TABLE")?;
                Ok(StmtKind::Truncate(self.name()?))
            }
            "ENABLE" | "DISABLE" => {
                self.expect("TRIGGER")?;
                let trigger = if self.take("ALL") { None } else { Some(self.name()?) };
                self.expect("ON")?;
                Ok(StmtKind::Trigger(verb == "ENABLE", trigger, self.name()?))
            }
            "GRANT" => self.grant("GRANT"),
            "DENY" => self.grant("DENY"),
            _ => self.grant("REVOKE"),
        }
    }

    fn create(&mut self) -> Parsed<StmtKind> {
        let alter = self.take_all(&["OR", "ALTER"]);
        if !alter {
            if self.take("TABLE") {
                let name = self.name()?;
                return Ok(StmtKind::CreateTable(name, self.table_def()?));
            }
            let unique = self.take("UNIQUE");
            let clustered = self.take_any(&["CLUSTERED", "NONCLUSTERED"]);
            if self.take("INDEX") {
                return self.create_index(unique, clustered == Some("CLUSTERED"));
            }
            if unique || clustered.is_some() {
                return self.fail();
            }
            if self.take("SCHEMA") {
                let name = self.ident()?;
                if self.take("AUTHORIZATION") {
                    self.ident()?;
                }
                return Ok(StmtKind::CreateSchema(name));
            }
            if self.take("SYNONYM") {
                let name = self.name()?;
                self.expect("FOR")?;
                return Ok(StmtKind::CreateSynonym(name, self.name()?));
            }
            if self.take("LOGIN") {
                return self.create_login();
            }
            if self.take("USER") {
                let name = self.ident()?;
                if self.take("FOR") {
                    self.expect("LOGIN")?;
                    self.ident()?;
                }
                return Ok(StmtKind::CreateUser(name));
            }
        }
        self.module(alter)
    }

    fn create_login(&mut self) -> Parsed<StmtKind> {
        let name = self.ident()?;
        self.expect("WITH")?;
        self.expect("PASSWORD")?;
        self.expect_mark("=")?;
        let Kind::Text(password, _) = self.next().kind else {
            self.at -= 1;
            return self.fail();
        };
        Ok(StmtKind::CreateLogin(name, password))
    }

    /// Views, triggers and procedures, which take the rest of the batch.
    pub(crate) fn module(&mut self, alter: bool) -> Parsed<StmtKind> {
        let kind = self.take_any(&["VIEW", "TRIGGER", "PROCEDURE", "PROC"]);
        let Some(kind) = kind else { return self.fail() };
        let first = self.tokens[..self.at].iter().filter(|t| !matches!(t.kind, Kind::Mark(";"))).count();
        if first > if alter { 4 } else { 2 } {
            let (verb, word) = (
                if alter { "CREATE/ALTER" } else { "CREATE" },
                if kind == "PROC" { "PROCEDURE" } else { kind },
            );
            return Err(err_class(
                111,
                15,
                1,
                format!("'{verb} {word}' must be the first statement in a query batch."),
            ));
        }
        let text = self.text[self.tokens[0].start..].trim_end().to_owned();
        match kind {
            "VIEW" => self.create_view(text, alter),
            "TRIGGER" => self.create_trigger(text, alter),
            _ => self.create_procedure(text, alter),
        }
    }

    fn rest(&mut self) -> String {
        let start = self.peek().start;
        let text = self.text[start..].to_owned();
        self.at = self.tokens.len() - 1;
        text
    }

    fn create_view(&mut self, text: String, alter: bool) -> Parsed<StmtKind> {
        let name = self.name()?;
        let columns = if self.is_mark("(") { self.name_list()? } else { Vec::new() };
        if self.take("WITH") {
            self.take_any(&["SCHEMABINDING", "ENCRYPTION", "VIEW_METADATA"]);
        }
        self.expect("AS")?;
        self.query()?;
        self.take_mark(";");
        self.end()?;
        Ok(StmtKind::CreateView(name, text, columns, alter))
    }

    fn create_trigger(&mut self, text: String, alter: bool) -> Parsed<StmtKind> {
        let name = self.name()?;
        self.expect("ON")?;
        let table = self.name()?;
        let instead = match self.take_any(&["AFTER", "FOR", "INSTEAD"]) {
            Some("INSTEAD") => {
                self.expect("OF")?;
                true
            }
            Some(_) => false,
            None => return self.fail(),
        };
        let mut events = [false; 3];
        loop {
            match self.take_any(&["INSERT", "UPDATE", "DELETE"]) {
                Some("INSERT") => events[0] = true,
                Some("UPDATE") => events[1] = true,
                Some(_) => events[2] = true,
                None => return self.fail(),
            }
            if !self.take_mark(",") {
                break;
            }
        }
        self.expect("AS")?;
        let start = self.at;
        self.declared = Some(std::collections::HashSet::new());
        self.statements()?;
        self.at = start;
        let body = self.rest();
        Ok(StmtKind::CreateTrigger(TriggerDef { name, table, instead, events, body, text, alter }))
    }

    fn create_procedure(&mut self, text: String, alter: bool) -> Parsed<StmtKind> {
        let name = self.name()?;
        let (params, start) = self.procedure_head()?;
        self.declared = Some(params.iter().map(|p| p.name.clone()).collect());
        self.statements()?;
        self.at = start;
        self.rest();
        Ok(StmtKind::CreateProcedure(name, text, alter))
    }

    /// The parameters after a procedure's name, and where its body begins.
    pub(crate) fn procedure_head(&mut self) -> Parsed<(Vec<crate::sql::ast::Param>, usize)> {
        let parenthesis = self.take_mark("(");
        let params =
            if matches!(self.peek().kind, Kind::Variable(_)) { self.param_list()? } else { Vec::new() };
        if parenthesis {
            self.expect_mark(")")?;
        }
        if self.take("WITH") {
            self.take_any(&["RECOMPILE", "ENCRYPTION"]);
            if self.take("EXECUTE") {
                self.expect("AS")?;
                self.next();
            }
        }
        self.expect("AS")?;
        Ok((params, self.at))
    }

    pub(crate) fn table_def(&mut self) -> Parsed<TableDef> {
        self.expect_mark("(")?;
        let mut table = TableDef { columns: Vec::new(), constraints: Vec::new() };
        loop {
            self.table_element(&mut table)?;
            if !self.take_mark(",") || self.is_mark(")") {
                break;
            }
        }
        self.expect_mark(")")?;
        if self.take("ON") {
            self.ident()?;
        }
        Ok(table)
    }

    /// A column or a constraint.
    pub(crate) fn table_element(&mut self, table: &mut TableDef) -> Parsed<()> {
        let name = if self.take("CONSTRAINT") { Some(self.ident()?) } else { None };
        if name.is_some() || ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "DEFAULT"].iter().any(|k| self.is(k)) {
            let constraint = self.constraint(name, None)?;
            table.constraints.push(constraint);
            return Ok(());
        }
        if self.is("INDEX") {
            return self.fail();
        }
        let column = self.column(table)?;
        table.columns.push(column);
        Ok(())
    }

    /// A column; its own constraints go to the table.
    pub(crate) fn column(&mut self, table: &mut TableDef) -> Parsed<ColumnDef> {
        let name = self.ident()?;
        let mut column = ColumnDef {
            name,
            ty: SqlType::Int,
            type_name: "int".into(),
            computed: None,
            nullable: None,
            identity: None,
            default: None,
            collation: None,
            rowguid: false,
        };
        if self.take("AS") {
            let start = self.at;
            let value = self.value()?;
            let text = self.text_from(start);
            let persisted = self.take("PERSISTED");
            column.computed = Some((text, value, persisted));
        } else if column.name.eq_ignore_ascii_case("timestamp") && (self.is_mark(",") || self.is_mark(")")) {
            // The type's name alone is a column of that name.
            (column.ty, column.type_name) = (SqlType::Timestamp, "timestamp".into());
        } else {
            (column.type_name, column.ty) = self.data_type_named()?;
        }
        self.column_options(&mut column, table)?;
        if column.ty == SqlType::Timestamp && column.nullable.is_none() {
            column.nullable = Some(false);
        }
        Ok(column)
    }

    fn column_options(&mut self, column: &mut ColumnDef, table: &mut TableDef) -> Parsed<()> {
        loop {
            if self.take("NOT") {
                self.expect("NULL")?;
                column.nullable = Some(false);
            } else if self.take("NULL") {
                column.nullable = Some(true);
            } else if self.take("ROWGUIDCOL") {
                column.rowguid = true;
            } else if self.take("SPARSE") {
            } else if self.take("COLLATE") {
                column.collation = Some(self.ident()?);
            } else if self.take("IDENTITY") {
                column.identity = Some((1, 1));
                if self.take_mark("(") {
                    let seed = self.integer()?;
                    self.expect_mark(",")?;
                    column.identity = Some((seed, self.integer()?));
                    self.expect_mark(")")?;
                }
            } else {
                let name = if self.take("CONSTRAINT") { Some(self.ident()?) } else { None };
                if self.take("DEFAULT") {
                    column.default = Some((name, self.default_text()?));
                } else if ["PRIMARY", "UNIQUE", "FOREIGN", "REFERENCES", "CHECK"].iter().any(|k| self.is(k)) {
                    if self.is("PRIMARY") {
                        column.nullable = Some(false);
                    }
                    let constraint = self.constraint(name, Some(&column.name))?;
                    table.constraints.push(constraint);
                } else if name.is_some() {
                    return self.fail();
                } else {
                    return Ok(());
                }
            }
        }
    }

    /// The text of a default, as `sys.default_constraints` shows it.
    fn default_text(&mut self) -> Parsed<String> {
        let start = self.at;
        self.value()?;
        Ok(format!("({})", self.text_from(start)))
    }

    fn constraint(&mut self, name: Option<String>, column: Option<&str>) -> Parsed<Constraint> {
        if self.take("CHECK") {
            self.expect_mark("(")?;
            let start = self.at;
            self.condition()?;
            let text = format!("({})", self.text_from(start));
            self.expect_mark(")")?;
            return Ok(Constraint::Check { name, text });
        }
        if self.take("DEFAULT") {
            let text = self.default_text()?;
            self.expect("FOR")?;
            return Ok(Constraint::Default { name, text, column: self.ident()? });
        }
        let primary = self.take_all(&["PRIMARY", "KEY"]);
        if primary || self.take("UNIQUE") {
            let clustered = self.take_any(&["CLUSTERED", "NONCLUSTERED"]).map(|w| w == "CLUSTERED");
            let columns = if self.is_mark("(") {
                self.key_columns()?
            } else {
                match column {
                    Some(column) => vec![(column.to_owned(), false)],
                    None => return self.fail(),
                }
            };
            return Ok(Constraint::Key { name, primary, columns, clustered });
        }
        let columns = if self.take("FOREIGN") {
            self.expect("KEY")?;
            if self.is_mark("(") {
                self.name_list()?
            } else {
                column.map(str::to_owned).into_iter().collect()
            }
        } else {
            column.map(str::to_owned).into_iter().collect()
        };
        self.expect("REFERENCES")?;
        let table = self.name()?;
        let refs = if self.is_mark("(") { self.name_list()? } else { Vec::new() };
        let mut cascade = (0, 0);
        while self.take("ON") {
            let delete = match self.take_any(&["DELETE", "UPDATE"]) {
                Some(word) => word == "DELETE",
                None => return self.fail(),
            };
            let action = if self.take("CASCADE") {
                1
            } else if self.take_all(&["NO", "ACTION"]) {
                0
            } else {
                self.expect("SET")?;
                if self.take("NULL") { 2 } else { self.expect("DEFAULT").map(|()| 3)? }
            };
            if delete {
                cascade.0 = action;
            } else {
                cascade.1 = action;
            }
        }
        Ok(Constraint::Foreign { name, columns, table, refs, cascade })
    }

    fn key_columns(&mut self) -> Parsed<Vec<(String, bool)>> {
        self.expect_mark("(")?;
        let mut columns = Vec::new();
        loop {
            let name = self.ident()?;
            columns.push((name, matches!(self.take_any(&["ASC", "DESC"]), Some("DESC"))));
            if !self.take_mark(",") {
                break;
            }
        }
        self.expect_mark(")")?;
        Ok(columns)
    }

    fn create_index(&mut self, unique: bool, clustered: bool) -> Parsed<StmtKind> {
        let name = self.ident()?;
        self.expect("ON")?;
        let table = self.name()?;
        let columns = self.key_columns()?;
        let include = if self.take("INCLUDE") { self.name_list()? } else { Vec::new() };
        let mut filter = None;
        if self.take("WHERE") {
            let start = self.at;
            self.condition()?;
            filter = Some(format!("({})", self.text_from(start)));
        }
        Ok(StmtKind::CreateIndex(IndexDef { name, table, unique, clustered, columns, include, filter }))
    }
}
