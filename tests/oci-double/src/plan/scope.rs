//! What a column's name stands for. It must never guess between two.

use std::rc::Rc;

use crate::ora::{Ora, OraError};
use crate::plan::types::{Col, Ex, NUMBER, Origin, Ty};
use crate::plan::{Object, Planner, Var, ident};

/// A table or query in FROM.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The name that columns are written after.
    pub(crate) alias: String,
    /// The same in PostgreSQL's text.
    pub(crate) sql: String,
    pub(crate) object: Option<Rc<Object>>,
    pub(crate) columns: Vec<Col>,
    /// Columns that a join has made one with another's.
    pub(crate) merged: Vec<String>,
    /// Whether it has rows of its own in PostgreSQL, with a place.
    pub(crate) placed: bool,
}

/// The sources of a query, and those around it.
pub(crate) struct Scope<'s> {
    pub(crate) sources: Vec<Source>,
    pub(crate) outer: Option<&'s Scope<'s>>,
}

impl Scope<'_> {
    pub(crate) const EMPTY: Scope<'static> = Scope { sources: Vec::new(), outer: None };
}

fn unknown(path: &[String]) -> OraError {
    let quoted: Vec<String> = path.iter().map(|p| format!("\"{p}\"")).collect();
    OraError::new(904, format!("{}: invalid identifier", quoted.join(".")))
}

impl Source {
    fn column(&self, name: &str) -> Option<Ex> {
        if name == "ROWID" && self.placed {
            return Some(Ex::new(format!("{}.ctid::text", self.sql), Ty::Rowid));
        }
        let col = self.columns.iter().find(|c| c.name == name)?;
        let from = match &self.object {
            Some(o) => Origin::Column {
                owner: o.owner.clone(),
                table: o.name.clone(),
                column: col.name.clone(),
                indexed: col.indexed,
                nullable: col.nullable,
            },
            None => Origin::Other,
        };
        Some(Ex { sql: format!("{}.{}", self.sql, ident(name)), ty: col.ty, from })
    }
}

impl Planner<'_> {
    pub(crate) fn resolve(&mut self, path: &[String], scope: &Scope) -> Ora<Ex> {
        if let Some(found) = in_scopes(path, scope)? {
            return Ok(found);
        }
        if let Some(found) = self.variable(path) {
            return Ok(found);
        }
        if let [.., last] = path
            && matches!(last.as_str(), "NEXTVAL" | "CURRVAL")
            && path.len() > 1
        {
            return self.sequence(&path[..path.len() - 1], last);
        }
        if path.len() == 1
            && let Some(object) = self.find(path)?
            && object.kind == "FUNCTION"
        {
            return self.stored_function(&object, &[], scope);
        }
        Err(unknown(path))
    }

    fn variable(&self, path: &[String]) -> Option<Ex> {
        for frame in self.vars.iter().rev() {
            match (path, frame.get(path.first()?)) {
                ([_], Some(Var::Scalar(sql, ty))) => return Some(Ex::new(sql.clone(), *ty)),
                ([_, field], Some(Var::Record(sql, fields))) => {
                    let (_, ty) = fields.iter().find(|(n, _)| n == field)?;
                    return Some(Ex::new(format!("{sql}.{}", ident(field)), *ty));
                }
                _ => {}
            }
        }
        None
    }

    fn sequence(&mut self, path: &[String], what: &str) -> Ora<Ex> {
        let object =
            self.find(path)?.filter(|o| o.kind == "SEQUENCE").ok_or_else(|| OraError::plain(2289))?;
        let function = if what == "NEXTVAL" { "nextval" } else { "currval" };
        let name = crate::plan::literal(&object.sql());
        Ok(Ex::new(format!("{function}({name}::regclass)::numeric"), NUMBER))
    }

    /// `:NEW.x` in a trigger.
    pub(crate) fn row_column(&self, row: &str, column: &str) -> Ora<Ex> {
        let table = self.row.as_ref().ok_or_else(|| OraError::plain(4082))?;
        let col = table.columns.iter().find(|c| c.name == column).ok_or_else(|| {
            OraError::new(6550, format!("line 1, column 1:\nPLS-00049: bad bind variable '{row}.{column}'"))
        })?;
        Ok(Ex::new(format!("{row}.{}", ident(column)), col.ty))
    }
}

fn in_scopes(path: &[String], scope: &Scope) -> Ora<Option<Ex>> {
    let mut at = Some(scope);
    while let Some(scope) = at {
        let mut found: Option<Ex> = None;
        for source in &scope.sources {
            let hit = match path {
                [name] if source.merged.contains(name) => None,
                // A place belongs to one table alone, so it counts only where there is one.
                [name] => source.column(name).filter(|_| name != "ROWID" || scope.sources.len() == 1),
                [alias, name] if *alias == source.alias => {
                    Some(source.column(name).ok_or_else(|| unknown(path))?)
                }
                [owner, table, name] => source
                    .object
                    .as_ref()
                    .filter(|o| o.owner == *owner && o.name == *table && source.alias == *table)
                    .and_then(|_| source.column(name)),
                _ => None,
            };
            if let Some(hit) = hit {
                if found.is_some() {
                    return Err(OraError::plain(918));
                }
                found = Some(hit);
            }
        }
        if found.is_some() {
            return Ok(found);
        }
        at = scope.outer;
    }
    Ok(None)
}
