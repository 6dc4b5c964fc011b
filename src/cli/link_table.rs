//! Which table a link belongs to, where the operator names only the step: from the mapping, the links that there are, and
//! at last the HIS database itself. Changes nothing.

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
        ([table], scopes) => {
            let mut known = scopes.iter().filter(|s| is_table(&s.table, &table.0));
            match (known.next(), known.next()) {
                (Some(known), None) => Ok(known.clone()),
                _ => Ok(LinkScope { name: name.to_owned(), table: title(config, table)? }),
            }
        }
        (several, _) => Err(which(several.iter().map(|t| t.0.as_str()))),
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
