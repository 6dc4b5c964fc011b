//! What is to be said about a table once, however many rules write it: engine, view, triggers, and what the login may do.

use std::collections::BTreeSet;

use crate::{
    model::{
        need::{Need, Needs},
        table::{ColumnName, Grant, Table},
    },
    plan::verify::Finding,
};

/// The place of what is about the login, not about one mapping.
const LOGIN: &str = "database";

/// What is to be said about the tables that are written.
pub(in crate::plan) fn tables(needs: &Needs) -> Vec<Finding> {
    let mut findings = Vec::new();
    for need in needs.tables.values() {
        findings.extend(denied(need));
        findings.extend(view(need));
        findings.extend(engine(need));
        findings.extend(triggers(need));
    }
    let titles = |wanted: &dyn Fn(&Need) -> bool| -> Option<String> {
        let titles: Vec<_> =
            needs.tables.values().filter(|need| wanted(need)).map(|need| need.table.title()).collect();
        (!titles.is_empty()).then(|| titles.join(", "))
    };
    if let Some(titles) = titles(&|need| is_unknown(&need.table)) {
        let message = format!("what the login may do with {titles} could not be read, and was not checked");
        findings.push(Finding::warning(LOGIN, message));
    }
    if let Some(titles) = titles(&|need| need.catalog && need.table.columns_hidden) {
        let message = format!(
            "of {titles} the login sees only the columns that it may use itself, so nobody can tell here whether others must be filled. A privilege shows it the names of all columns and lets it read no row (MySQL: REFERENCES, SQL Server: VIEW DEFINITION); `buktor-middleware check --grants` prints it, too"
        );
        findings.push(Finding::warning(LOGIN, message));
    }
    if let Some(titles) = titles(&|need| need.table.triggers_hidden && !need.insert.is_empty()) {
        let message = format!(
            "the login cannot see whether there are triggers on {titles}; rows are written there one by one, which is slower, and right with any trigger. SQL Server's privilege VIEW DEFINITION on the table would show them and allows nothing more; MySQL's TRIGGER would, too, but it also allows to make some: leave that one unless the speed matters"
        );
        findings.push(Finding::warning(LOGIN, message));
    }
    findings
}

fn is_unknown(table: &Table) -> bool {
    let may = &table.may;
    [&may.select, &may.insert, &may.update, &may.delete].contains(&&Grant::Unknown)
}

fn denied(need: &Need) -> Option<Finding> {
    let missing = need.missing();
    if missing.is_idle() {
        return None;
    }
    let columns = |privilege: &str, columns: &BTreeSet<ColumnName>| {
        let names: Vec<_> = columns.iter().map(|c| c.0.as_str()).collect();
        (!names.is_empty()).then(|| format!("{privilege} ({})", names.join(", ")))
    };
    let all = [
        columns("SELECT", &missing.select),
        columns("INSERT", &missing.insert),
        columns("UPDATE", &missing.update),
        missing.delete.then(|| "DELETE".to_owned()),
    ];
    let message = format!(
        "the login lacks privileges on {}: {}. Its events wait until they are granted; `buktor-middleware check --grants` prints the statements",
        need.table.title(),
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    );
    Some(Finding::problem(&need.at, message))
}

fn view(need: &Need) -> Option<Finding> {
    let (table, title) = (&need.table, need.table.title());
    if !table.view || is_read(need) {
        return None;
    }
    Some(if table.updatable {
        let message = format!(
            "{title} is a view: its rows are written into the tables behind it, whose keys, triggers and columns that must be filled are not seen here; better name the table itself"
        );
        Finding::warning(&need.at, message)
    } else {
        let message =
            format!("{title} is a view that rows cannot be written through; name the table behind it");
        Finding::problem(&need.at, message)
    })
}

/// It is only read.
fn is_read(need: &Need) -> bool {
    need.insert.is_empty() && need.update.is_empty() && !need.delete
}

fn engine(need: &Need) -> Option<Finding> {
    let table = &need.table;
    if table.transactional || is_read(need) {
        return None;
    }
    let message = format!(
        "table {} has the engine {}, which has no transactions: a crash can leave a part of an event's changes; convert it to InnoDB",
        table.title(),
        table.engine
    );
    Some(Finding::warning(&need.at, message))
}

/// Triggers that fire at what is done here.
fn triggers(need: &Need) -> Option<Finding> {
    let fires = |event: &str| match event {
        "INSERT" => !need.insert.is_empty(),
        "UPDATE" => !need.update.is_empty(),
        "DELETE" => need.delete,
        _ => false,
    };
    let fired = || need.table.triggers.iter().filter(|t| fires(&t.event));
    let all: Vec<_> = fired().map(|t| format!("{} {} {}", t.name, t.timing, t.event)).collect();
    let plural = if all.len() == 1 { "the trigger" } else { "the triggers" };
    // A view takes no writes but by these.
    if all.is_empty() || need.table.view {
        return None;
    }
    let message = format!(
        "table {} has {plural} {}: what is done there, also to other tables, is part of each write, and its error parks the event",
        need.table.title(),
        all.join(", ")
    );
    Some(Finding::warning(&need.at, message))
}
