//! Which table each event type goes into, and how: looks at the tables, shows what is proposed, asks.

use crate::{
    cli::{
        exit::{Exit, Failure},
        init::{Args, ask::Asker},
        output,
    },
    his::{HisError, Session},
    model::{
        outcome::FaultClass,
        table::{Schema, Table, TableName},
    },
    propose::{self, Candidate, Choices, EventType, Proposal},
};

/// Tables that are looked at; of more, those whose names speak of appointments and the like.
const TABLES_MAX: usize = 500;
/// Tables that a question names.
const OFFERED_MAX: usize = 5;
/// What leaves an event type out.
const NONE: &str = "none";

/// The HIS's tables.
struct Catalog {
    names: Vec<TableName>,
    schema: Schema,
}

/// What was answered for all event types.
struct Answers<'a> {
    args: &'a Args,
    /// None: not asked yet.
    same_ids: Option<bool>,
}

/// Finds a table and a mapping for each event type, by options, questions or what is likeliest.
pub(super) async fn choose(
    args: &Args,
    asker: &mut Asker,
    session: &mut dyn Session,
) -> Result<Vec<Proposal>, Failure> {
    let catalog = look(args, session).await?;
    let asks = asker.is_there() && !args.yes;
    let mut answers = Answers { args, same_ids: (args.same_ids || !asks).then_some(args.same_ids) };
    let mut proposals = Vec::new();
    for event in EventType::ALL {
        if asks {
            proposals.extend(converse(event, &catalog, &mut answers, asker, session).await?);
        } else {
            proposals.extend(decide(event, &catalog, &answers)?);
        }
    }
    if proposals.is_empty() {
        let events = EventType::ALL.map(|event| format!("--table {}=TABLE", event.name())).join(", ");
        let words = format!("no table was chosen, so nothing was written; name one with {events}");
        return Err(Failure::new(Exit::Problems, words));
    }
    Ok(proposals)
}

async fn look(args: &Args, session: &mut dyn Session) -> Result<Catalog, Failure> {
    let names = session.tables().await.map_err(|e| refused(&e))?;
    if names.is_empty() {
        let words = "the database has no table that this login may see: check the database's name and the login's grants";
        return Err(Failure::new(Exit::Problems, words));
    }
    let alike = |name: &TableName| EventType::ALL.iter().any(|e| propose::is_named_alike(*e, name));
    let mut looked_at: Vec<TableName> = names.clone();
    if names.len() > TABLES_MAX {
        output::talk(&format!(
            "the database has {} tables; those with names like appointments, schedules and payments are looked at first",
            names.len()
        ));
        looked_at.sort_by_key(|name| !alike(name));
        looked_at.truncate(TABLES_MAX);
    }
    // Those that the options name may stand in other databases.
    for (_, name) in args.table.iter().filter(|(_, name)| name != NONE) {
        let name = TableName(name.clone());
        if !looked_at.contains(&name) {
            looked_at.push(name);
        }
    }
    let schema = session.describe(&looked_at).await.map_err(|e| refused(&e))?;
    Ok(Catalog { names, schema })
}

fn refused(error: &HisError) -> Failure {
    let exit = if error.class == FaultClass::Unreachable { Exit::Unreachable } else { Exit::Problems };
    Failure::new(exit, &error.message)
}

impl Catalog {
    fn rank(&self, event: EventType) -> Vec<Candidate> {
        let own = self.schema.tables.iter().filter(|(name, _)| self.names.contains(name));
        let tables: Vec<(&TableName, &Table)> = own.map(|(name, table)| (name, &**table)).collect();
        propose::rank(event, &tables)
    }

    /// The table of that name, or why there is none.
    fn find(&self, name: &TableName) -> Result<&Table, String> {
        self.schema.tables.get(name).map(|table| &**table).ok_or_else(|| {
            let near = self.schema.missing.get(name).map_or(&[][..], Vec::as_slice);
            let hint = match near {
                [] => "check the spelling, and that the login may see the table".to_owned(),
                near => format!("did you mean {}?", near.join(" or ")),
            };
            format!("the database has no table {name}; {hint}")
        })
    }
}

impl Answers<'_> {
    fn given(&self, event: EventType) -> Option<&str> {
        self.args.table.iter().rfind(|(e, _)| *e == event).map(|(_, name)| name.as_str())
    }

    fn propose(&self, event: EventType, name: &TableName, table: &Table) -> Result<Proposal, Failure> {
        let marker = self.args.marker.iter().rfind(|(e, _)| *e == event).map(|(_, column)| column.as_str());
        let choices = Choices { same_ids: self.same_ids.unwrap_or(false), marker };
        propose::propose(event, name, table, choices)
            .map_err(|e| Failure::new(Exit::Usage, format!("--marker {}=...: {e}", event.name())))
    }
}

/// Without questions: the table that an option names, or the one that is clearly the likeliest.
fn decide(event: EventType, catalog: &Catalog, answers: &Answers<'_>) -> Result<Option<Proposal>, Failure> {
    let usage = |words: String| Failure::new(Exit::Usage, words);
    let option = format!("--table {}=TABLE", event.name());
    let name = match answers.given(event) {
        Some(NONE) => return Ok(None),
        Some(name) => TableName(name.to_owned()),
        None => {
            let ranked = catalog.rank(event);
            match propose::clear_winner(&ranked) {
                Some(first) => first.table.clone(),
                None if ranked.is_empty() => {
                    let words =
                        format!("{}: no table looks like it; left out ({option} names one)", event.name());
                    output::talk(&words);
                    return Ok(None);
                }
                None => {
                    let names: Vec<_> = ranked.iter().take(OFFERED_MAX).map(|c| c.table.0.as_str()).collect();
                    let names = names.join(", ");
                    return Err(usage(format!(
                        "{}: several tables are equally likely ({names}): name one with {option}, or leave the type out \
                         with --table {}={NONE}",
                        event.name(),
                        event.name()
                    )));
                }
            }
        }
    };
    let table = catalog.find(&name).map_err(|words| usage(format!("--table {}: {words}", event.name())))?;
    let proposal = answers.propose(event, &name, table)?;
    show(&proposal, table)?;
    Ok(Some(proposal))
}

/// With questions: table and mapping are proposed until they are accepted or the event type is left out.
async fn converse(
    event: EventType,
    catalog: &Catalog,
    answers: &mut Answers<'_>,
    asker: &mut Asker,
    session: &mut dyn Session,
) -> Result<Option<Proposal>, Failure> {
    let mut given = answers.given(event).map(str::to_owned);
    loop {
        let name = match given.take() {
            Some(name) => name,
            None => ask_table(event, catalog, asker)?,
        };
        if name == NONE {
            return Ok(None);
        }
        let name = TableName(name);
        // One that was not looked at before: another database's, or one of very many.
        let found = match catalog.find(&name) {
            Ok(table) => Ok(table.clone()),
            Err(_) => find_late(session, &name).await?,
        };
        let table = match found {
            Ok(table) => table,
            Err(words) => {
                output::talk(&format!("  {words}"));
                continue;
            }
        };
        let mut proposal = answers.propose(event, &name, &table)?;
        if !proposal.other_ids.is_empty() && answers.same_ids.is_none() {
            let question = "Does Buktor send the HIS's own ids of patients, doctors and places? If you are not sure, say \
                            no: another patient could have that number";
            answers.same_ids = Some(asker.agrees(question, false, "--same-ids")?);
            proposal = answers.propose(event, &name, &table)?;
        }
        show(&proposal, &table)?;
        if asker.agrees("Take this mapping? (no: another table)", true, "--yes")? {
            return Ok(Some(proposal));
        }
    }
}

async fn find_late(session: &mut dyn Session, name: &TableName) -> Result<Result<Table, String>, Failure> {
    let names = [name.clone()];
    let schema = session.describe(&names).await.map_err(|e| refused(&e))?;
    let late = Catalog { names: Vec::new(), schema };
    Ok(late.find(name).cloned())
}

fn ask_table(event: EventType, catalog: &Catalog, asker: &mut Asker) -> Result<String, Failure> {
    let ranked = catalog.rank(event);
    output::talk("");
    if ranked.is_empty() {
        output::talk(&format!("No table looks as if it were for {} events.", event.name()));
    } else {
        let words = |c: &Candidate| format!("{}{}", c.table, if c.view { " (view)" } else { "" });
        let likely: Vec<String> = ranked.iter().take(OFFERED_MAX).map(words).collect();
        output::talk(&format!(
            "Tables that look as if they were for {} events: {}",
            event.name(),
            likely.join(", ")
        ));
    }
    let default = ranked.first().map_or(NONE, |c| c.table.0.as_str());
    let question =
        format!("Table for {} events (? lists all tables, {NONE} leaves the type out)", event.name());
    let option = format!("--table {}=TABLE", event.name());
    asker.ask(&question, Some(default), &option, |answer| {
        if answer == "?" {
            return Err(catalog.names.iter().map(|n| n.0.as_str()).collect::<Vec<_>>().join("\n  "));
        }
        Ok(answer.to_owned())
    })
}

/// The proposal beside the table.
fn show(proposal: &Proposal, table: &Table) -> Result<(), Failure> {
    let view = if table.view { " (view)" } else { "" };
    output::data(&format!("\n{} -> {}{view}\n", proposal.event.name(), proposal.table))?;
    output::table(&["column", "type", "filled with"], &proposal.lines(table))?;
    output::data("")?;
    if proposal.fillings.iter().any(|f| !f.certain) {
        output::data(
            "? Buktor's manual does not show this field in such an event: look at a real one before you rely on it.",
        )?;
    }
    proposal.hints.iter().try_for_each(|hint| output::data(&format!("! {hint}")))
}
