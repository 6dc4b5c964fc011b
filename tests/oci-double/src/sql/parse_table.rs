//! Tables: columns, constraints, and what changes them. It must never take an identity column from a server that has none.

use crate::ora::Ora;
use crate::sql::ast::{AlterTable, ColumnDef, Constraint, Ddl, Name, Rule};
use crate::sql::lexer::Tok;
use crate::sql::parse::{Parser, reserved};

impl Parser<'_> {
    pub(crate) fn create_table(&mut self, temporary: bool) -> Ora<Ddl> {
        let name = self.path(903)?;
        let (mut columns, mut constraints, mut query) = (Vec::new(), Vec::new(), None);
        if self.op("(") {
            loop {
                match self.constraint()? {
                    Some(constraint) => constraints.push(constraint),
                    None => columns.push(self.column_def()?),
                }
                if !self.op(",") {
                    break;
                }
            }
            self.close()?;
        }
        // Storage says nothing of what the table holds.
        while !matches!(self.tok(), Tok::End | Tok::Op(";")) && !self.is_word("AS") {
            self.at += 1;
        }
        if self.word("AS") {
            query = Some(Box::new(self.query()?));
        }
        Ok(Ddl::CreateTable { name, temporary, columns, constraints, query })
    }

    fn constraint(&mut self) -> Ora<Option<Constraint>> {
        let name = if self.word("CONSTRAINT") { Some(self.name(904)?) } else { None };
        let rule = if self.words(&["PRIMARY", "KEY"]) {
            Rule::Primary(self.names(904)?)
        } else if self.is_word("UNIQUE") && matches!(self.ahead(1), Tok::Op("(")) {
            self.at += 1;
            Rule::Unique(self.names(904)?)
        } else if self.word("CHECK") {
            self.check_rule()?
        } else if self.words(&["FOREIGN", "KEY"]) {
            let columns = self.names(904)?;
            self.need("REFERENCES", 905)?;
            self.references(columns)?
        } else if name.is_some() {
            return Err(self.fail(904));
        } else {
            return Ok(None);
        };
        self.constraint_state(name, rule).map(Some)
    }

    fn check_rule(&mut self) -> Ora<Rule> {
        self.open()?;
        let from = self.offset();
        let condition = self.condition()?;
        let text = self.text_from(from);
        self.close()?;
        Ok(Rule::Check(condition, text))
    }

    fn references(&mut self, columns: Vec<Name>) -> Ora<Rule> {
        let table = self.path(903)?;
        let targets = if self.is_op("(") { self.names(904)? } else { Vec::new() };
        let on_delete = if self.words(&["ON", "DELETE"]) {
            if self.word("CASCADE") {
                Some("CASCADE")
            } else {
                self.need("SET", 905)?;
                self.need("NULL", 905)?;
                Some("SET NULL")
            }
        } else {
            None
        };
        Ok(Rule::Foreign { columns, table, targets, on_delete })
    }

    fn constraint_state(&mut self, name: Option<Name>, rule: Rule) -> Ora<Constraint> {
        let mut constraint = Constraint { name, rule, disabled: false, deferrable: false };
        loop {
            match self.one_of(&[
                "ENABLE",
                "DISABLE",
                "VALIDATE",
                "NOVALIDATE",
                "DEFERRABLE",
                "RELY",
                "NORELY",
            ]) {
                Some("DISABLE") => constraint.disabled = true,
                Some("DEFERRABLE") => constraint.deferrable = true,
                Some(_) => {}
                None if self.words(&["INITIALLY", "DEFERRED"]) || self.words(&["INITIALLY", "IMMEDIATE"]) => {
                }
                None if self.words(&["USING", "INDEX"]) => {
                    if !matches!(self.tok(), Tok::Word(w) if w == "ENABLE" || w == "DISABLE") {
                        self.name(904).ok();
                    }
                }
                None => return Ok(constraint),
            }
        }
    }

    fn column_def(&mut self) -> Ora<ColumnDef> {
        let name = self.name(904)?;
        let mut def = ColumnDef {
            name,
            ty: None,
            default: None,
            default_on_null: false,
            identity: None,
            identity_start: None,
            computed: None,
            not_null: None,
            constraints: Vec::new(),
        };
        let typed = match self.tok() {
            Tok::Word(w) => {
                ![
                    "DEFAULT",
                    "GENERATED",
                    "NOT",
                    "CONSTRAINT",
                    "PRIMARY",
                    "CHECK",
                    "REFERENCES",
                    "AS",
                    "UNIQUE",
                    "NULL",
                ]
                .contains(&w.as_str())
                    && (!reserved(w) || !matches!(w.as_str(), "ADD" | "MODIFY"))
            }
            _ => false,
        };
        if typed {
            def.ty = Some(self.type_name()?);
        }
        while self.column_option(&mut def)? {}
        Ok(def)
    }

    fn column_option(&mut self, def: &mut ColumnDef) -> Ora<bool> {
        if self.word("DEFAULT") {
            def.default_on_null = self.words(&["ON", "NULL"]);
            let from = self.offset();
            let value = self.expression()?;
            def.default = Some((value, self.text_from(from)));
        } else if self.is_word("GENERATED") || (self.is_word("AS") && matches!(self.ahead(1), Tok::Op("("))) {
            self.generated(def)?;
        } else if self.words(&["NOT", "NULL"]) {
            def.not_null = Some(true);
        } else if self.word("NULL") {
            def.not_null = Some(false);
        } else if self.one_of(&["ENABLE", "VIRTUAL", "SORT", "VISIBLE"]).is_some() {
        } else {
            let name = if self.word("CONSTRAINT") { Some(self.name(904)?) } else { None };
            let rule = if self.words(&["NOT", "NULL"]) {
                def.not_null = Some(true);
                return Ok(true);
            } else if self.words(&["PRIMARY", "KEY"]) {
                Rule::Primary(vec![def.name.clone()])
            } else if self.word("UNIQUE") {
                Rule::Unique(vec![def.name.clone()])
            } else if self.word("CHECK") {
                self.check_rule()?
            } else if self.word("REFERENCES") {
                self.references(vec![def.name.clone()])?
            } else {
                return Ok(false);
            };
            let constraint = self.constraint_state(name, rule)?;
            def.constraints.push(constraint);
        }
        Ok(true)
    }

    fn generated(&mut self, def: &mut ColumnDef) -> Ora<()> {
        let mut how = "ALWAYS";
        if self.word("GENERATED") && !self.word("ALWAYS") {
            self.need("BY", 2000)?;
            self.need("DEFAULT", 905)?;
            how = if self.words(&["ON", "NULL"]) { "BY DEFAULT ON NULL" } else { "BY DEFAULT" };
        }
        self.need("AS", 905)?;
        if self.word("IDENTITY") {
            if !self.rules.at_least(12) {
                return Err(self.fail(2000));
            }
            def.identity = Some(how);
            if self.op("(") {
                let options = self.sequence()?;
                def.identity_start = options.start;
                self.close()?;
            }
            return Ok(());
        }
        self.open()?;
        let from = self.offset();
        let value = self.expression()?;
        def.computed = Some((value, self.text_from(from)));
        self.close()
    }

    pub(crate) fn alter_table(&mut self) -> Ora<AlterTable> {
        if self.word("ADD") {
            let many = self.op("(");
            let (mut columns, mut constraints) = (Vec::new(), Vec::new());
            loop {
                match self.constraint()? {
                    Some(constraint) => constraints.push(constraint),
                    None => columns.push(self.column_def()?),
                }
                if !many || !self.op(",") {
                    break;
                }
            }
            if many {
                self.close()?;
            }
            return Ok(AlterTable::Add(columns, constraints));
        }
        if self.word("MODIFY") {
            let many = self.op("(");
            let mut columns = vec![self.column_def()?];
            while many && self.op(",") {
                columns.push(self.column_def()?);
            }
            if many {
                self.close()?;
            }
            return Ok(AlterTable::Modify(columns));
        }
        if self.word("DROP") {
            return self.alter_drop();
        }
        if self.word("RENAME") {
            if self.word("TO") {
                return Ok(AlterTable::RenameTo(self.name(903)?));
            }
            self.need("COLUMN", 905)?;
            let from = self.name(904)?;
            self.need("TO", 905)?;
            return Ok(AlterTable::RenameColumn(from, self.name(904)?));
        }
        if let Some(how) = self.one_of(&["ENABLE", "DISABLE"]) {
            if self.words(&["ALL", "TRIGGERS"]) {
                return Ok(AlterTable::Triggers(how == "ENABLE"));
            }
            self.need("CONSTRAINT", 905)?;
            return Ok(AlterTable::Constraint(self.name(904)?, how == "ENABLE"));
        }
        Err(self.fail(1735))
    }

    fn alter_drop(&mut self) -> Ora<AlterTable> {
        if self.word("COLUMN") {
            return Ok(AlterTable::DropColumns(vec![self.name(904)?]));
        }
        if self.is_op("(") {
            return Ok(AlterTable::DropColumns(self.names(904)?));
        }
        if self.words(&["PRIMARY", "KEY"]) {
            self.word("CASCADE");
            return Ok(AlterTable::DropPrimary);
        }
        self.need("CONSTRAINT", 905)?;
        let name = self.name(904)?;
        self.word("CASCADE");
        Ok(AlterTable::DropConstraint(name))
    }
}
