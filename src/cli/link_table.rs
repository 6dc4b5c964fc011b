//! Which table a link belongs to, where the operator names only the step: from the mapping, the links that there are, and
//! at last the HIS database itself. Changes nothing.

use std::collections::BTreeSet;

use crate::{
    cli::{
        exit::{Exit, Failure},
        output, runtime,
    },
    config::Config,
    his,
    model::{
        mapping::{Mappings, Rule, Step, What},
        outcome::FaultClass,
        table::TableName,
    },
    queue::LinkScope,
};

/// Whether a table of that title is meant: `his.VISITS` by `his.VISITS`, and by `visits`.
pub(super) fn is_table(title: &str, written: &str) -> bool {
    let last = title.rsplit_once('.').map_or(title, |(_, last)| last);
    title.eq_ignore_ascii_case(written) || last.eq_ignore_ascii_case(written)
}

/// The table that a record without a link is to be linked to: the one that the mapping writes under that name, spelled as
/// in the links that there are, or else as the HIS database spells it.
pub(super) fn of(
    config: &Config,
    scopes: &[LinkScope],
    name: &str,
    table: Option<&str>,
) -> Result<LinkScope, Failure> {
    let mut written = tables(&config.mappings, name);
    written.retain(|t| table.is_none_or(|table| is_table(&t.0, table) || is_table(table, &t.0)));
    match (written.as_slice(), scopes) {
        ([], [known]) => Ok(known.clone()),
        ([], []) => {
            let words = format!(
                "no mapping has a step with the name {} and a generated_key, so that nothing can be linked",
                output::printable(name)
            );
            Err(Failure::new(Exit::Problems, words))
        }
        ([], several) => Err(which(several.iter().map(|s| s.table.as_str()))),
        (several, scopes) => {
            // Two spellings of a table are one.
            let known = |t: &TableName| {
                let mut known = scopes.iter().filter(|s| is_table(&s.table, &t.0));
                known.next().filter(|_| known.next().is_none())
            };
            let all: Option<BTreeSet<&LinkScope>> = several.iter().map(known).collect();
            let one = all.as_ref().filter(|all| all.len() == 1).and_then(|all| all.first());
            match (one, several) {
                (Some(known), _) => Ok((*known).clone()),
                (None, [table]) => Ok(LinkScope { name: name.to_owned(), table: title(config, table)? }),
                (None, several) => Err(which(several.iter().map(|t| t.0.as_str()))),
            }
        }
    }
}

/// Tables that steps of that name write and whose keys the crosswalk keeps, once each.
fn tables(mappings: &Mappings, name: &str) -> Vec<TableName> {
    let rules = mappings.by_kind.values().flat_map(|m| std::iter::once(&m.rule).chain(m.on.values()));
    let steps = rules.flat_map(|rule| match rule {
        Rule::Write(write) => write.steps.as_slice(),
        Rule::Ignore => &[],
    });
    let table = |step: &Step| match &step.what {
        What::Row { table, generated: Some(_), .. } => Some(table.clone()),
        What::Row { .. } | What::Sql { .. } => None,
    };
    let mut tables: Vec<_> = steps.filter(|step| step.name == name).filter_map(table).collect();
    tables.sort();
    tables.dedup();
    tables
}

/// The table's name as the HIS database spells it.
fn title(config: &Config, table: &TableName) -> Result<String, Failure> {
    let describe = async {
        let mut session = his::connect(&config.database).await?;
        session.describe(std::slice::from_ref(table)).await
    };
    let schema = runtime()?.block_on(describe).map_err(|error| {
        let exit = if error.class == FaultClass::Unreachable { Exit::Unreachable } else { Exit::Problems };
        let words =
            "the HIS database is asked how it spells the table's name, because nothing is linked to it yet";
        Failure::new(exit, format!("{words}: {}", error.message))
    })?;
    let described = schema.tables.get(table).map(|t| t.title());
    described.ok_or_else(|| {
        Failure::new(
            Exit::Problems,
            format!("the HIS database has no table {table}, or hides it from this login"),
        )
    })
}

/// Asks for the table.
pub(super) fn which<'a>(tables: impl Iterator<Item = &'a str>) -> Failure {
    let tables: Vec<_> = tables.collect();
    Failure::new(
        Exit::Usage,
        format!("several tables come into question: add --table {}", tables.join(" or --table ")),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;
    use crate::{
        his::embedded,
        model::{
            mapping::{Action, GeneratedKey, MissingRow},
            table::ColumnName,
        },
    };

    /// A configuration whose mapping links rows of these tables under the name `visit`.
    fn config(folder: &std::path::Path, linked: &[&str]) -> Config {
        let his = folder.join("his.db");
        if !his.exists() {
            embedded::create_demo(&his).unwrap();
        }
        let path = folder.join("his-config.json");
        let text = r#"{"database": {"type": "sqlite", "path": "his.db"}, "mapping": {"visit": {
            "table": "HIS_payments", "key": "visit_id", "fields": {"visit_id": "HIS_payment_id"}}}}"#;
        std::fs::write(&path, text).unwrap();
        let mut config = Config::load(&path).unwrap();
        let Some(Rule::Write(write)) = config.mappings.by_kind.get_mut("visit").map(|m| &mut m.rule) else {
            panic!("no mapping");
        };
        let plain = write.steps[0].clone();
        write.steps.extend(linked.iter().map(|table| {
            let key = GeneratedKey { column: ColumnName("ID".into()), missing_row: MissingRow::Park };
            let table = TableName((*table).to_owned());
            Step { what: What::Row { table, action: Action::Upsert, generated: Some(key) }, ..plain.clone() }
        }));
        config
    }

    #[test]
    fn the_table_is_the_mappings_as_the_links_or_the_his_spell_it() {
        let folder = tempfile::tempdir().unwrap();
        let check = |linked: &[&str], known: &[&str], table: Option<&str>, expected: Result<&str, &str>| {
            let scope = |table: &&str| LinkScope { name: "visit".into(), table: (*table).to_owned() };
            let scopes: Vec<LinkScope> = known.iter().map(scope).collect();
            let found = of(&config(folder.path(), linked), &scopes, "visit", table);
            match (found, expected) {
                (Ok(scope), Ok(expected)) => assert_eq!(scope.table, expected, "{linked:?} {known:?}"),
                (Err(failure), Err(words)) => assert!(failure.message.contains(words), "{failure:?}"),
                (found, expected) => panic!("{linked:?} {known:?}: {found:?}, not {expected:?}"),
            }
        };
        // Known from the links.
        check(&["visits"], &["his.VISITS"], None, Ok("his.VISITS"));
        check(
            &["his.visits", "his.VISITS"],
            &["his.VISITS", "his.OLD"],
            Some("his.visits"),
            Ok("his.VISITS"),
        );
        check(&["VISITS", "BILLS"], &["his.VISITS", "his.BILLS"], Some("bills"), Ok("his.BILLS"));
        check(&["VISITS", "BILLS"], &["his.VISITS"], None, Err("--table BILLS or --table VISITS"));
        // Of a mapping that is gone.
        check(&[], &["his.VISITS"], None, Ok("his.VISITS"));
        check(&[], &["his.VISITS", "his.BILLS"], None, Err("--table his.VISITS or --table his.BILLS"));
        check(&[], &[], None, Err("no mapping has a step with the name visit"));
        // Asked for.
        check(&["HIS_appointments"], &[], None, Ok("HIS_appointments"));
        check(&["HIS_appointments"], &["his.OLD"], None, Ok("HIS_appointments"));
        check(&["NOWHERE"], &[], None, Err("has no table NOWHERE"));
    }
}
