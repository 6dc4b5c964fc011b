//! GRANT statements for what a login should be allowed. Pure text.
//! <https://learn.microsoft.com/en-us/sql/t-sql/statements/grant-object-permissions-transact-sql>.

use super::settle::Facts;
use crate::{
    model::{
        need::{Need, Needs},
        table::ColumnName,
    },
    sql::ident::TSQL,
};

/// A statement for each table and procedure, for the user that the login has in the database.
pub(super) fn statements(needs: &Needs, facts: &Facts) -> Vec<String> {
    let user = TSQL.quoted(&[&facts.user]);
    let tables = needs.tables.values().filter_map(|need| {
        let what = allowed(need);
        let object = TSQL.quoted(&[need.table.schema.as_deref().unwrap_or(&facts.schema), &need.table.name]);
        (!what.is_empty()).then(|| format!("GRANT {} ON {object} TO {user};", what.join(", ")))
    });
    let routines = needs.routines.iter().map(|routine| {
        let object = TSQL.quoted(&[routine.schema.as_deref().unwrap_or(&facts.schema), &routine.name]);
        format!("GRANT EXECUTE ON {object} TO {user};")
    });
    let mut statements: Vec<String> = tables.chain(routines).collect();
    if !statements.is_empty() {
        // Without it they would be run in the master database.
        statements.insert(0, format!("USE {};", TSQL.quoted(&[&facts.database])));
    }
    statements
}

/// SELECT and UPDATE by columns; INSERT and DELETE are of the whole table, always.
fn allowed(need: &Need) -> Vec<String> {
    let by_columns = |privilege: &str, columns: &std::collections::BTreeSet<ColumnName>| {
        let names: Vec<String> = columns.iter().map(|column| TSQL.quoted(&[&column.0])).collect();
        (!names.is_empty()).then(|| format!("{privilege} ({})", names.join(", ")))
    };
    let insert = (!need.insert.is_empty()).then(|| "INSERT".to_owned());
    let delete = need.delete.then(|| "DELETE".to_owned());
    let what = [by_columns("SELECT", &need.select), insert, by_columns("UPDATE", &need.update), delete];
    what.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{need::Routine, sample};

    #[test]
    fn what_is_needed_is_granted() {
        let facts = Facts {
            database: "Clinic".into(),
            schema: "dbo".into(),
            user: "buktor".into(),
            ..Facts::default()
        };
        let columns = |names: &[&str]| names.iter().map(|name| ColumnName((*name).to_owned())).collect();
        let mut table = sample::table("visits", Vec::new());
        table.schema = Some("opd".into());
        let mut need = Need::new("mapping.x", &Arc::new(table));
        need.select = columns(&["id", "a]b"]);
        need.insert = columns(&["id", "at"]);
        need.update = columns(&["at"]);
        let mut needs = Needs::default();
        assert!(statements(&needs, &facts).is_empty());
        needs.extend([need]);
        needs.routines.insert(Routine { schema: None, name: "book".into() });
        let expected = [
            "USE [Clinic];",
            "GRANT SELECT ([a]]b], [id]), INSERT, UPDATE ([at]) ON [opd].[visits] TO [buktor];",
            "GRANT EXECUTE ON [dbo].[book] TO [buktor];",
        ];
        assert_eq!(statements(&needs, &facts), expected);
    }
}
