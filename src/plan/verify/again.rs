//! What becomes of inserts and statements that a crash leaves in doubt, and what lookups cost: what a mapping's reader should
//! know before the first crash.

use crate::{
    model::{
        mapping::{Action, MissingRow, Step},
        table::Table,
    },
    plan::{
        bound::{Body, BoundRow, BoundStep},
        call::BoundCall,
        link::{BoundLink, FoundBy},
        lookup::BoundLookup,
        verify::Finding,
    },
};

/// What is to be said about a step's inserts or its statement.
pub(super) fn findings(step: &Step, bound: &BoundStep) -> Vec<Finding> {
    match &bound.body {
        Body::Call(call) => call_findings(step, call),
        Body::Row(row) => match &row.link {
            Some(link) => link_findings(step, row, link),
            None => insert_finding(step, row).into_iter().collect(),
        },
    }
}

fn link_findings(step: &Step, row: &BoundRow, link: &BoundLink) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (table, title) = (&row.table, row.table.title());
    let inserts = matches!(row.action, Action::Upsert | Action::Insert);
    if link.missing_row == MissingRow::Insert && row.action != Action::Upsert {
        let message =
            "\"missing_row\": \"insert\" does nothing here: only the action \"upsert\" inserts".to_owned();
        findings.push(Finding::warning(&step.at, message));
    }
    if !inserts {
        return findings;
    }
    let at = format!("{}.generated_key", step.at);
    match &link.found_by {
        FoundBy::Nothing if table.transactional => findings.push(Finding::note(
            &at,
            format!(
                "{title} has no column that tells which record a row is. The number of a new row is written down before the HIS is told to keep it. If the program ends between the two (about a thousandth of a second) and somebody changes that very row before it runs again, the event is parked (link-uncertain) and you decide; no row is doubled. A \"marker\" column would leave nothing to decide"
            ),
        )),
        FoundBy::Nothing => findings.push(Finding::warning(
            &at,
            format!(
                "{title} has no transactions ({}) and no column that tells which record a row is. If the program ends in the thousandth of a second after an INSERT, the row is found again by all that was written into it; if a trigger or somebody has changed it meanwhile, it is inserted a second time. Add a \"marker\" column, or let the HIS's vendor convert the table to InnoDB",
                table.engine
            ),
        )),
        FoundBy::Mark(column) => findings.extend(unindexed(&at, table, &[*column])),
        FoundBy::Cells(cells) => {
            let columns: Vec<usize> =
                cells.iter().filter_map(|cell| row.cells.get(*cell)).map(|cell| cell.column).collect();
            findings.extend(unindexed(&at, table, &columns));
        }
    }
    findings
}

/// A search that reads the whole table.
fn unindexed(at: &str, table: &Table, columns: &[usize]) -> Option<Finding> {
    let columns: Vec<_> = columns.iter().filter_map(|c| table.columns.get(*c)).collect();
    if columns.first().is_none_or(|c| c.indexed) {
        return None;
    }
    let names: Vec<&str> = columns.iter().map(|c| c.name.0.as_str()).collect();
    let message = format!(
        "no index of {} begins with {}: after a crash the whole table is searched for each event that was in doubt; that is right, and slow in a large table",
        table.title(),
        names.join(", ")
    );
    Some(Finding::note(at, message))
}

fn insert_finding(step: &Step, row: &BoundRow) -> Option<Finding> {
    if row.action != Action::Insert || row.mark.is_some() {
        return None;
    }
    let marked = row.key.is_none() && row.keys > 0;
    if marked {
        return None;
    }
    let message = if row.keys > 0 {
        format!("action insert: an event whose key is in {} already is parked", row.table.title())
    } else {
        "action insert without a key: if the connection or the power is lost in the instant of a COMMIT, the row can be inserted a second time; name a \"key\" if the table has one, or a \"marker\"".to_owned()
    };
    Some(Finding::warning(&step.at, message))
}

fn call_findings(step: &Step, call: &BoundCall) -> Vec<Finding> {
    let at = format!("{}.sql", step.at);
    let mut findings = Vec::new();
    if !call.repeatable && call.mark.is_none() {
        let message = "the statement is neither \"repeatable\" nor guarded by a \"marker\" table: if the connection or the power is lost in the instant of a COMMIT, it can be run a second time".to_owned();
        findings.push(Finding::warning(&at, message));
    }
    if call.key.is_empty() {
        let message = "nothing tells which record the statement is about: events of one record may be run in another order after an error; add a \"key\"".to_owned();
        findings.push(Finding::note(&at, message));
    }
    findings
}

/// What is to be said about a lookup.
pub(in crate::plan) fn lookup(lookup: &BoundLookup) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (table, title) = (&lookup.table, lookup.table.title());
    let Some(matches) = table.columns.get(lookup.matches) else { return findings };
    if !matches.indexed && !table.view {
        let message = format!(
            "no index of {title} begins with {}: each page of events searches the whole table once; that is right, and slow in a large table",
            matches.name
        );
        findings.push(Finding::note(&lookup.at, message));
    }
    let unique = table.unique.iter().any(|u| u.safe && u.columns == [matches.name.clone()]);
    if !unique && !table.view {
        let message = format!(
            "{} of {title} is not unique by an index: where several rows have a value and say different things, its events are parked (lookup-several)",
            matches.name
        );
        findings.push(Finding::note(&lookup.at, message));
    }
    findings
}
