//! `events link`: which row of the HIS a record is, shown and put right by the person who knows it. Never looks whether
//! such a row is there.

use serde_json::{Value, json};

use crate::{
    cli::{
        exit::{Exit, Failure},
        link_table,
        operator::operator,
        output,
    },
    config::{Config, schema_of_place},
    model::{entity::Entity, outcome::LinkChange},
    queue::{Inspector, LinkRow, LinkScope, LinkView, QueueError, Relinked},
};

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(super) struct Args {
    /// The name of the mapping's step; without one in the mapping it is the event type before the dot
    name: Option<String>,
    /// The event's own key, e.g. the appointment's number; several where the mapping's key has several sources
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// Only links to this table
    #[arg(long)]
    table: Option<String>,
    /// Only links to the row with this key
    #[arg(long, value_name = "HISKEY", conflicts_with_all = ["keys", "to", "remove"])]
    row: Option<String>,
    /// Link the record to the row that has this key; its next events change that row
    #[arg(long, value_name = "HISKEY", requires = "keys", allow_hyphen_values = true)]
    to: Option<String>,
    /// Forget the link; the record's next event inserts a new row
    #[arg(long, requires = "keys", conflicts_with = "to")]
    remove: bool,
    /// The database that the configuration names now is the one that the links were made for, under another name
    #[arg(long, conflicts_with_all = ["name", "table", "row", "to", "remove"])]
    same_database: bool,
    /// Show at most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

fn problem(error: QueueError) -> Failure {
    Failure::new(Exit::Problems, error)
}

pub(super) fn run(config: &Config, inspector: &Inspector, args: &Args) -> Result<Exit, Failure> {
    if args.same_database {
        return same_database(config, inspector, args);
    }
    let scopes: Vec<LinkScope> = inspector.link_scopes().map_err(problem)?;
    let asked = |s: &LinkScope| {
        args.name.as_ref().is_none_or(|name| *name == s.name)
            && args.table.as_ref().is_none_or(|table| link_table::is_table(&s.table, table))
    };
    let scopes: Vec<LinkScope> = scopes.into_iter().filter(asked).collect();
    match (&args.name, &args.to) {
        _ if args.keys.is_empty() => list(config, inspector, &scopes, args),
        _ if args.remove => remove(config, inspector, &scopes, args),
        (Some(name), Some(to)) => link_to(config, inspector, &scopes, name, to, args),
        _ => show(config, inspector, &scopes, args),
    }
}

fn entity(scope: &LinkScope, args: &Args) -> Entity {
    Entity::linked(&scope.table, &scope.name, args.keys.iter().map(String::as_str))
}

/// `appointment 17`.
fn words(name: &str, keys: &[String]) -> String {
    output::printable(&format!("{name} {}", keys.join(" ")))
}

fn list(config: &Config, inspector: &Inspector, scopes: &[LinkScope], args: &Args) -> Result<Exit, Failure> {
    // One more than is shown tells that there are more.
    let limit = args.limit.saturating_add(1);
    let mut found = Vec::new();
    for scope in scopes {
        let row = args.row.as_deref();
        found.extend(inspector.links(scope, row, limit - found.len()).map_err(problem)?);
        if found.len() >= limit {
            break;
        }
    }
    let more = found.len() > args.limit;
    found.truncate(args.limit);
    print(&found, args)?;
    if found.is_empty() && !args.json {
        output::talk("no such links");
    }
    if more {
        output::talk(&format!("and more; --limit shows more than {}", args.limit));
    }
    tell_owner(config, inspector)?;
    Ok(Exit::Done)
}

fn show(config: &Config, inspector: &Inspector, scopes: &[LinkScope], args: &Args) -> Result<Exit, Failure> {
    let found = own(inspector, scopes, args)?;
    print(&found, args)?;
    for row in &found {
        let others = inspector.link(&row.entity(), Some(&row.link.his_key)).map_err(problem)?.others;
        for other in others {
            let (record, key) = (words(&other.scope.name, &other.keys), output::printable(&row.link.his_key));
            output::talk(&format!("{record} is linked to row {key} too{}", proposed(&other)));
        }
    }
    tell_owner(config, inspector)?;
    if found.is_empty() {
        return Err(unlinked(args));
    }
    Ok(Exit::Done)
}

/// The record's links, one in each table that has it.
fn own(inspector: &Inspector, scopes: &[LinkScope], args: &Args) -> Result<Vec<LinkRow>, Failure> {
    let own = |scope| inspector.link(&entity(scope, args), None).map(|view| view.own).transpose();
    scopes.iter().filter_map(own).collect::<Result<_, _>>().map_err(problem)
}

/// Goes on only where that is meant.
fn agreed(words: &str, args: &Args) -> Result<(), Failure> {
    if args.yes || output::confirmed(words, &format!("{words} Add --yes if that is meant"))? {
        return Ok(());
    }
    Err(Failure::new(Exit::Problems, "nothing was changed"))
}

fn unlinked(args: &Args) -> Failure {
    let name = args.name.as_deref().unwrap_or_default();
    Failure::new(Exit::Problems, format!("{} is not linked to any row", words(name, &args.keys)))
}

/// Says so where the links are another database's.
fn tell_owner(config: &Config, inspector: &Inspector) -> Result<(), Failure> {
    if let Some(owner) = inspector.links_owner().map_err(problem)?
        && owner != config.database.place()
    {
        output::talk(&foreign(&owner, config));
    }
    Ok(())
}

fn foreign(owner: &str, config: &Config) -> String {
    format!(
        "the links were made for {owner}, and the configuration names {}; if that is the same database under another \
         name, say so with `buktor-middleware events link --same-database`",
        config.database.place()
    )
}

fn remove(
    config: &Config,
    inspector: &Inspector,
    scopes: &[LinkScope],
    args: &Args,
) -> Result<Exit, Failure> {
    let found = own(inspector, scopes, args)?;
    let row = match found.as_slice() {
        [] => return Err(unlinked(args)),
        [row] => row,
        several => return Err(link_table::which(several.iter().map(|row| row.scope.table.as_str()))),
    };
    let record = words(&row.scope.name, &row.keys);
    let words = format!(
        "{record} is row {} of {}; its next event would insert a new row.",
        output::printable(&row.link.his_key),
        output::printable(&row.scope.table)
    );
    agreed(&words, args)?;
    let seen = LinkView { own: Some(row.clone()), others: Vec::new() };
    change(config, inspector, &row.scope, &LinkChange::Drop, &seen, args)
}

fn link_to(
    config: &Config,
    inspector: &Inspector,
    scopes: &[LinkScope],
    name: &str,
    to: &str,
    args: &Args,
) -> Result<Exit, Failure> {
    let Ok(number) = to.parse::<i128>() else {
        let words = format!("--to wants the number that the table gave its row, e.g. 17; {to:?} is none");
        return Err(Failure::new(Exit::Usage, words));
    };
    // As the table says it: 017 is 17.
    let to = &number.to_string();
    if let Some(wrong) = wrong_key(config, name, &args.keys) {
        return Err(Failure::new(Exit::Usage, wrong));
    }
    let scope = link_table::of(config, scopes, name, args.table.as_deref())?;
    let seen = inspector.link(&entity(&scope, args), Some(to)).map_err(problem)?;
    let (record, row) = (words(name, &args.keys), output::printable(to));
    if let Some(other) = seen.others.first().filter(|_| !args.yes) {
        let words = format!(
            "row {row} of {} is linked to {} already{}; nothing was changed. Remove that link first, or add --yes if \
             both are to write the same row",
            output::printable(&scope.table),
            self::words(&other.scope.name, &other.keys),
            proposed(other)
        );
        return Err(Failure::new(Exit::Problems, words));
    }
    if let Some(own) = seen.own.as_ref().filter(|own| own.link.his_key != *to) {
        let words = format!(
            "{record} is row {} of {}{}; its next events would change row {row} instead.",
            output::printable(&own.link.his_key),
            output::printable(&scope.table),
            proposed(own)
        );
        agreed(&words, args)?;
    }
    change(config, inspector, &scope, &LinkChange::Set(to.to_owned()), &seen, args)
}

/// What is wrong with a key, so far as the configuration tells.
fn wrong_key(config: &Config, name: &str, keys: &[String]) -> Option<String> {
    if keys.iter().any(String::is_empty) {
        return Some("a key is empty; no event has such a one".to_owned());
    }
    let sources: Vec<String> =
        config.mappings.links(name).map(|key| key.iter().map(|s| s.written.clone()).collect())?;
    (sources.len() != keys.len()).then(|| {
        format!(
            "the key of {name} has {} part(s) ({}), and {} were given",
            sources.len(),
            sources.join(", "),
            keys.len()
        )
    })
}

fn change(
    config: &Config,
    inspector: &Inspector,
    scope: &LinkScope,
    change: &LinkChange,
    seen: &LinkView,
    args: &Args,
) -> Result<Exit, Failure> {
    let entity = entity(scope, args);
    match inspector
        .relink(&entity, change, seen, &config.database.place(), &operator("events link"))
        .map_err(problem)?
    {
        Relinked::Done => {}
        Relinked::Meanwhile => {
            let words =
                "the link was changed by someone else in this moment: look at it and repeat the command";
            return Err(Failure::new(Exit::Problems, words));
        }
        Relinked::Other(owner) => return Err(Failure::new(Exit::Problems, foreign(&owner, config))),
    }
    let now = inspector.link(&entity, None).map_err(problem)?.own;
    if args.json {
        let change = json!({
            "table": scope.table, "name": scope.name, "key": args.keys,
            "was": seen.own.as_ref().map(json), "is": now.as_ref().map(json),
        });
        output::json(&change)?;
        return Ok(Exit::Done);
    }
    let state = |row: Option<&LinkRow>| {
        row.map_or_else(
            || "not linked".to_owned(),
            |row| format!("row {}{}", output::printable(&row.link.his_key), proposed(row)),
        )
    };
    output::data(&format!(
        "{} in {}: was {}, is {} now",
        words(&scope.name, &args.keys),
        output::printable(&scope.table),
        state(seen.own.as_ref()),
        state(now.as_ref())
    ))?;
    Ok(Exit::Done)
}

fn same_database(config: &Config, inspector: &Inspector, args: &Args) -> Result<Exit, Failure> {
    let (was, now) = (inspector.links_owner().map_err(problem)?, config.database.place());
    if let Some(was) = was.as_ref().filter(|was| **was != now) {
        let words = format!(
            "The links were made for {was}. If {now} holds other rows, a copy or a test system, they would be changed by \
             mistake."
        );
        agreed(&words, args)?;
        // The tables' names begin with the database's own, where it has one.
        let schemas = schema_of_place(was).zip(schema_of_place(&now));
        if let Some(table) =
            inspector.give_links(&now, schemas, &operator("events link --same-database")).map_err(problem)?
        {
            let words = format!(
                "{} has links under both names of the database, and they cannot be put together; nothing was changed",
                output::printable(&table)
            );
            return Err(Failure::new(Exit::Problems, words));
        }
    }
    if args.json {
        output::json(&json!({"was": was, "is": now}))?;
        return Ok(Exit::Done);
    }
    output::data(&match was {
        None => "there are no links yet".to_owned(),
        Some(was) if was == now => format!("the links belong to {now} already"),
        Some(was) => format!("the links belonged to {was}, and belong to {now} now"),
    })?;
    Ok(Exit::Done)
}

fn print(rows: &[LinkRow], args: &Args) -> Result<(), Failure> {
    if args.json {
        return output::json(&rows.iter().map(json).collect::<Value>());
    }
    if rows.is_empty() {
        return Ok(());
    }
    let cells = |row: &LinkRow| {
        vec![
            output::printable(&row.scope.name),
            output::printable(&row.keys.join(" ")),
            output::printable(&row.scope.table),
            output::printable(&row.link.his_key),
            row.linked_at.rfc3339(),
            state(row).to_owned(),
        ]
    };
    output::table(
        &["name", "key", "table", "row", "since", "state"],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    )
}

fn json(row: &LinkRow) -> Value {
    json!({
        "table": row.scope.table, "name": row.scope.name, "key": row.keys, "row": row.link.his_key,
        "state": state(row), "linked_at": row.linked_at.rfc3339(),
    })
}

fn state(row: &LinkRow) -> &'static str {
    if row.link.proof.is_some() { "proposed" } else { "confirmed" }
}

/// What is to be said besides of a link that is only proposed.
fn proposed(row: &LinkRow) -> &'static str {
    if row.link.proof.is_some() { " (proposed: not known yet whether the row was inserted)" } else { "" }
}
