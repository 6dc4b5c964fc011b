//! GRANT statements for what a login should be allowed. Pure text. Manual:
//! <https://docs.oracle.com/en/database/oracle/oracle-database/19/sqlrf/GRANT.html>.

use crate::{
    model::need::{Need, Needs},
    sql::ident::ORACLE,
};

/// A statement for each table and procedure of others than the login itself, whose own need none. `own` is the schema of
/// those that name none. Whole tables, because Oracle has no SELECT by columns.
pub(super) fn statements(needs: &Needs, user: &str, own: &str) -> Vec<String> {
    let grantee = ORACLE.quoted(&[user]);
    let tables = needs.tables.values().filter_map(|need| {
        let owner = need.table.schema.as_deref().unwrap_or(own);
        let what = allowed(need);
        (owner != user && !what.is_empty()).then(|| {
            format!(
                "GRANT {} ON {} TO {grantee};",
                what.join(", "),
                ORACLE.quoted(&[owner, &need.table.name])
            )
        })
    });
    let routines = needs.routines.iter().filter_map(|routine| {
        let owner = routine.schema.as_deref().unwrap_or(own);
        (!owner.eq_ignore_ascii_case(user)).then(|| {
            // A procedure's name comes from the configuration, where it stands without quotes.
            format!("GRANT EXECUTE ON {owner}.{} TO {grantee};", routine.name)
        })
    });
    let objects: Vec<String> = tables.chain(routines).collect();
    if objects.is_empty() {
        return objects;
    }
    std::iter::once(format!("GRANT CREATE SESSION TO {grantee};")).chain(objects).collect()
}

fn allowed(need: &Need) -> Vec<&'static str> {
    let all = [
        ("SELECT", !need.select.is_empty()),
        ("INSERT", !need.insert.is_empty()),
        ("UPDATE", !need.update.is_empty()),
        ("DELETE", need.delete),
    ];
    all.into_iter().filter(|(_, needed)| *needed).map(|(privilege, _)| privilege).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use super::*;
    use crate::model::{need::Routine, sample, table::ColumnName};

    #[test]
    fn statements_for_what_belongs_to_others() {
        let mut table = sample::table("VISITS", vec![]);
        table.schema = Some("HIS".into());
        let names = |all: &[&str]| all.iter().map(|n| ColumnName((*n).to_owned())).collect::<BTreeSet<_>>();
        let mut need = Need::new("mapping.a", &Arc::new(table));
        need.select = names(&["ID"]);
        need.insert = names(&["ST", "ID"]);
        need.update = names(&["ST"]);
        let print = |need: &Need, user: &str| {
            let mut needs = Needs::default();
            needs.extend([need.clone()]);
            needs.routines.insert(Routine { schema: None, name: "book".into() });
            statements(&needs, user, "HIS")
        };
        assert_eq!(
            print(&need, "BUKTOR"),
            [
                "GRANT CREATE SESSION TO \"BUKTOR\";",
                "GRANT SELECT, INSERT, UPDATE ON \"HIS\".\"VISITS\" TO \"BUKTOR\";",
                "GRANT EXECUTE ON HIS.book TO \"BUKTOR\";",
            ]
        );
        assert_eq!(print(&need, "HIS"), Vec::<String>::new());
        let rest = Need { delete: true, ..Need::new("", &need.table) };
        assert_eq!(print(&rest, "BUKTOR")[1], "GRANT DELETE ON \"HIS\".\"VISITS\" TO \"BUKTOR\";");
    }
}
