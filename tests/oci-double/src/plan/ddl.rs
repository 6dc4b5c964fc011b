//! Definitions as PostgreSQL's statements, with what the dictionary keeps of them. It must never change one without the other.

use crate::ora::{Ora, OraError};
use crate::plan::{Planner, ident, literal};
use crate::sql::ast::{Ddl, Path, Sequence};

/// What a definition becomes.
#[derive(Debug, Default)]
pub(crate) struct Definition {
    /// Statements that are run in one transaction.
    pub(crate) steps: Vec<String>,
    /// Statements that stand alone, on a connection of their own to another database.
    pub(crate) outside: Vec<String>,
    /// What the statement warns of, though it was run.
    pub(crate) warning: Option<OraError>,
}

impl Definition {
    pub(crate) fn step(&mut self, sql: impl Into<String>) {
        self.steps.push(sql.into());
    }
}

/// A row for one of the dictionary's tables: texts, and `None` for NULL.
pub(crate) fn row(table: &str, columns: &str, values: &[Option<&str>]) -> String {
    let values: Vec<String> = values.iter().map(|v| v.map_or("NULL".to_owned(), literal)).collect();
    format!("INSERT INTO ora.{table} ({columns}) VALUES ({})", values.join(", "))
}

impl Planner<'_> {
    /// The schema and the name that a new object gets.
    pub(crate) fn place(&self, path: &Path) -> Ora<(String, String)> {
        match path.as_slice() {
            [name] => Ok((self.schema.clone(), name.clone())),
            [owner, name] => Ok((owner.clone(), name.clone())),
            _ => Err(OraError::plain(922)),
        }
    }

    pub(crate) fn definition(&mut self, ddl: &Ddl) -> Ora<Definition> {
        let mut out = Definition::default();
        match ddl {
            Ddl::CreateTable { name, temporary, columns, constraints, query } => {
                self.create_table(&mut out, name, *temporary, columns, constraints, query.as_deref())?;
            }
            Ddl::AlterTable(path, changes) => self.alter_table(&mut out, path, changes)?,
            Ddl::CreateIndex { name, table, unique, keys } => {
                self.create_index(&mut out, name, table, *unique, keys)?;
            }
            Ddl::CreateView { name, columns, query, text, read_only } => {
                self.create_view(&mut out, name, columns, query, text, *read_only)?;
            }
            Ddl::CreateSequence(path, options) => self.create_sequence(&mut out, path, options)?,
            Ddl::AlterSequence(path, options) => {
                let (owner, name) = self.place(path)?;
                let step = options.increment.map_or(String::new(), |n| format!(" INCREMENT BY {n}"));
                let restart = options.start.map_or(String::new(), |n| format!(" RESTART WITH {n}"));
                if !(step.is_empty() && restart.is_empty()) {
                    out.step(format!("ALTER SEQUENCE {}.{}{step}{restart}", ident(&owner), ident(&name)));
                }
            }
            Ddl::CreateSynonym { name, public, target, link } => {
                let (owner, name) = self.place(name)?;
                let owner = if *public { "PUBLIC".to_owned() } else { owner };
                let (t_owner, t_name) = self.place(target)?;
                out.step(format!(
                    "DELETE FROM ora.synonyms WHERE owner = {} AND name = {}",
                    literal(&owner),
                    literal(&name)
                ));
                out.step(row(
                    "synonyms",
                    "owner, name, t_owner, t_name, link",
                    &[Some(&owner), Some(&name), Some(&t_owner), Some(&t_name), link.as_deref()],
                ));
            }
            Ddl::CreateTrigger(trigger) => self.create_trigger(&mut out, trigger)?,
            Ddl::CreateRoutine(routine) => self.create_routine(&mut out, routine)?,
            Ddl::AlterTrigger(path, on) => {
                let (owner, name) = self.place(path)?;
                out.step(format!("SELECT ora.switch_trigger({}, {}, {on})", literal(&owner), literal(&name)));
            }
            Ddl::AlterIndex(path, how) => {
                let (owner, name) = self.place(path)?;
                let status = if *how == "UNUSABLE" { "UNUSABLE" } else { "VALID" };
                out.step(format!(
                    "UPDATE ora.indexes SET status = '{status}' WHERE owner = {} AND name = {}",
                    literal(&owner),
                    literal(&name)
                ));
            }
            Ddl::Drop { kind, name, public } => self.drop_object(&mut out, kind, name, *public)?,
            Ddl::Truncate(path) => {
                let object = self.object(path)?;
                out.step(format!("TRUNCATE {}", object.sql()));
            }
            Ddl::Rename(from, to) => self.rename(&mut out, from, to)?,
            Ddl::Comment => {}
            _ => self.administration(&mut out, ddl)?,
        }
        if !out.steps.is_empty() {
            out.step("SELECT nextval('ora.ddl_version')");
        }
        Ok(out)
    }

    fn administration(&mut self, out: &mut Definition, ddl: &Ddl) -> Ora<()> {
        match ddl {
            Ddl::CreateUser(name, password) => {
                out.step(format!("SELECT ora.new_name({}, 1920)", literal(name)));
                out.step(row("users", "name, password", &[Some(name), Some(password)]));
                out.step(format!("CREATE SCHEMA IF NOT EXISTS {}", ident(name)));
            }
            Ddl::AlterUser(name, password, state) => {
                let mut sets = vec!["failed = 0".to_owned()];
                if let Some(password) = password {
                    sets.push(format!("password = {}, state = 'OPEN'", literal(password)));
                }
                if let Some(state) = state {
                    let state = match *state {
                        "LOCK" => "LOCKED",
                        "EXPIRE" => "EXPIRED",
                        _ => "OPEN",
                    };
                    sets.push(format!("state = '{state}'"));
                }
                out.step(format!("UPDATE ora.users SET {} WHERE name = {}", sets.join(", "), literal(name)));
            }
            Ddl::CreateRole(name) => out.step(row("roles", "name", &[Some(name)])),
            Ddl::CreateDatabase(name) => {
                let database = name.to_lowercase();
                out.outside.push(format!(
                    "CREATE DATABASE {} TEMPLATE buktor_template STRATEGY FILE_COPY",
                    ident(&database)
                ));
            }
            Ddl::DropDatabase(name) => {
                out.outside
                    .push(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", ident(&name.to_lowercase())));
            }
            Ddl::Grant { privileges, on: Some(path), to } => {
                let object = self.object(path)?;
                if object.privileges != "ALL" {
                    return Err(OraError::plain(1031));
                }
                for (privilege, columns) in expand(privileges) {
                    for grantee in to {
                        for column in if columns.is_empty() { vec![String::new()] } else { columns.clone() } {
                            let values = [
                                Some(object.owner.as_str()),
                                Some(&object.name),
                                Some(&privilege),
                                Some(&column),
                                Some(grantee),
                            ];
                            out.step(
                                row("grants", "owner, object, privilege, col, grantee", &values)
                                    + " ON CONFLICT DO NOTHING",
                            );
                        }
                    }
                }
            }
            Ddl::Revoke { privileges, on: Some(path), from } => {
                let object = self.object(path)?;
                for (privilege, _) in expand(privileges) {
                    for grantee in from {
                        out.step(format!(
                            "DELETE FROM ora.grants WHERE owner = {} AND object = {} AND privilege = {} AND grantee = {}",
                            literal(&object.owner),
                            literal(&object.name),
                            literal(&privilege),
                            literal(grantee)
                        ));
                    }
                }
            }
            Ddl::Grant { privileges, on: None, to } => {
                for (privilege, _) in privileges {
                    for grantee in to {
                        out.step(format!(
                            "SELECT ora.grant_any({}, {})",
                            literal(privilege),
                            literal(grantee)
                        ));
                    }
                }
            }
            Ddl::Revoke { privileges, on: None, from } => {
                for (privilege, _) in privileges {
                    for grantee in from {
                        out.step(format!(
                            "SELECT ora.revoke_any({}, {})",
                            literal(privilege),
                            literal(grantee)
                        ));
                    }
                }
            }
            _ => return Err(OraError::absent("this definition")),
        }
        Ok(())
    }

    fn create_sequence(&mut self, out: &mut Definition, path: &Path, options: &Sequence) -> Ora<()> {
        let (owner, name) = self.place(path)?;
        sequence_steps(out, &owner, &name, options);
        Ok(())
    }

    fn rename(&mut self, out: &mut Definition, from: &str, to: &str) -> Ora<()> {
        let object = self.object(&[from.to_owned()])?;
        let kind = if object.kind == "VIEW" { "VIEW" } else { "TABLE" };
        out.step(format!("ALTER {kind} {} RENAME TO {}", object.sql(), ident(to)));
        out.step(format!(
            "SELECT ora.renamed({}, {}, {})",
            literal(&object.owner),
            literal(from),
            literal(to)
        ));
        Ok(())
    }
}

pub(crate) fn sequence_steps(out: &mut Definition, owner: &str, name: &str, options: &Sequence) {
    let step = options.increment.unwrap_or(1);
    // PostgreSQL counts to 19 digits, Oracle to 28.
    let max = options.max.as_deref().and_then(|m| m.parse::<i64>().ok());
    let mut sql = format!("CREATE SEQUENCE {}.{} INCREMENT BY {step}", ident(owner), ident(name));
    if let Some(min) = options.min {
        sql.push_str(&format!(" MINVALUE {min}"));
    }
    if let Some(max) = max {
        sql.push_str(&format!(" MAXVALUE {max}"));
    }
    if let Some(start) = options.start {
        if options.min.is_none() && start < 1 && step > 0 {
            sql.push_str(&format!(" MINVALUE {start}"));
        }
        sql.push_str(&format!(" START WITH {start}"));
    }
    if options.cycle {
        sql.push_str(" CYCLE");
    }
    out.step(sql);
    let min = options.min.unwrap_or(1).to_string();
    let most = options.max.clone().unwrap_or_else(|| "9".repeat(28));
    let values = [
        Some(owner),
        Some(name),
        Some(min.as_str()),
        Some(&most),
        Some(&step.to_string()),
        Some(if options.cycle { "t" } else { "f" }),
    ]
    .map(|v| v.map(str::to_owned));
    let values: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
    out.step(row("sequences", "owner, name, lowest, highest, step, cycles", &values));
}

/// ALL as the privileges that it is.
fn expand(privileges: &[(String, Vec<String>)]) -> Vec<(String, Vec<String>)> {
    let mut list = Vec::new();
    for (privilege, columns) in privileges {
        if privilege == "ALL" || privilege == "ALL PRIVILEGES" {
            for one in ["SELECT", "INSERT", "UPDATE", "DELETE", "ALTER", "INDEX", "REFERENCES"] {
                list.push((one.to_owned(), Vec::new()));
            }
        } else {
            list.push((privilege.clone(), columns.clone()));
        }
    }
    list
}
