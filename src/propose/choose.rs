//! Which field fills which column of a table: the best pairs first, never two fields on one column.

use crate::{
    model::table::{Column, ColumnName, ColumnType, Filled, Table, TableName},
    propose::{
        ChoiceError, Choices, EventType, Filling, Form, Proposal, RowKey, counter,
        fit::{Named, Verdict, judge},
        holds_marker, named,
        sources::{Kind, Source, sources},
    },
};

/// A field and a column that suit.
struct Pair<'a> {
    points: i32,
    place: usize,
    source: &'static Source,
    named: &'a Named<'a>,
    form: Form,
}

/// Proposes a mapping of one event type onto one table.
pub fn propose(
    event: EventType,
    name: &TableName,
    table: &Table,
    choices: Choices<'_>,
) -> Result<Proposal, ChoiceError> {
    let named = named(event, table);
    let marker = choices.marker.map(|written| marker(table, written)).transpose()?;
    let mut hints = Vec::new();
    let pairs = pairs(event, &named, marker, &mut hints);
    let mut fillings: Vec<Filling> = Vec::new();
    let mut other_ids = Vec::new();
    for (source, named, form) in chosen(pairs) {
        let column = named.column.name.clone();
        let buktors = named.words.iter().any(|w| w == "buktor" || w == "external");
        if source.kind == Kind::OtherId && !choices.same_ids && !buktors {
            other_ids.push((source.name, column));
            continue;
        }
        fillings.push(Filling { source: source.name, certain: source.certain, column, form });
    }
    let own = sources(event).iter().find(|s| s.kind == Kind::OwnId).map_or("", |s| s.name);
    let key = match (fillings.iter().find(|f| f.source == own), counter(table)) {
        (Some(filling), _) => RowKey::Column(filling.column.clone()),
        (None, Some(counter)) => RowKey::Generated(counter.name.clone()),
        (None, None) => RowKey::Unknown,
    };
    if let Some(column) = marker {
        suits_marker(table, column, &key)?;
    }
    let mut proposal = Proposal {
        event,
        table: name.clone(),
        key,
        fillings,
        deleted: deleted(&named, &mut hints),
        marker: marker.map(|c| c.name.clone()),
        other_ids,
        unfilled: Vec::new(),
        hints,
    };
    proposal.unfilled = unfilled(table, &proposal);
    proposal.advise(table, &named, own);
    Ok(proposal)
}

fn pairs<'a>(
    event: EventType,
    named: &'a [Named<'a>],
    marker: Option<&Column>,
    hints: &mut Vec<String>,
) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    for (place, source) in sources(event).iter().enumerate() {
        for named in named.iter().filter(|n| marker.is_none_or(|m| m.name != n.column.name)) {
            match judge(source, named) {
                Verdict::Suits(points, form) => pairs.push(Pair { points, place, source, named, form }),
                Verdict::Hint(words) => {
                    hints.push(format!("{} ({}) {words}", named.column.name, named.column.declared));
                }
                Verdict::Apart => {}
            }
        }
    }
    pairs
}

/// Takes the best pairs. A field fills one column, and one that is a date and time may fill a date and a time column.
fn chosen(mut pairs: Vec<Pair<'_>>) -> Vec<(&'static Source, &Named<'_>, Form)> {
    // Columns stay in the table's order where nothing else decides: sorting is stable.
    pairs.sort_by(|a, b| b.points.cmp(&a.points).then(a.place.cmp(&b.place)));
    let mut taken: Vec<Pair<'_>> = Vec::new();
    for pair in pairs {
        let column_is_free = taken.iter().all(|t| t.named.column.name != pair.named.column.name);
        let kinds = taken.iter().filter(|t| t.place == pair.place).map(|t| &t.named.column.kind);
        if column_is_free && may_join(pair.source, &pair.named.column.kind, &kinds.collect::<Vec<_>>()) {
            taken.push(pair);
        }
    }
    // As a mapping lists them: by field, a date before its time.
    taken.sort_by_key(|t| (t.place, matches!(t.named.column.kind, ColumnType::Time { .. })));
    taken.into_iter().map(|t| (t.source, t.named, t.form)).collect()
}

/// Whether a field may fill a further column of that type.
fn may_join(source: &Source, kind: &ColumnType, others: &[&ColumnType]) -> bool {
    let date = |kind: &ColumnType| matches!(kind, ColumnType::Date);
    let time = |kind: &ColumnType| matches!(kind, ColumnType::Time { .. });
    match source.kind {
        _ if others.is_empty() => true,
        Kind::Moment { parts: true } => {
            (date(kind) && !others.iter().any(|k| date(k))) || (time(kind) && !others.iter().any(|k| time(k)))
        }
        _ => false,
    }
}

fn marker<'a>(table: &'a Table, written: &str) -> Result<&'a Column, ChoiceError> {
    match table.column(&ColumnName(written.to_owned())) {
        None => Err(ChoiceError::NoColumn { table: table.name.clone(), column: written.to_owned() }),
        Some((_, column)) => Ok(column),
    }
}

fn suits_marker(table: &Table, column: &Column, key: &RowKey) -> Result<(), ChoiceError> {
    let title = || table.name.clone();
    match key {
        RowKey::Column(own) => Err(ChoiceError::Needless { table: title(), column: own.0.clone() }),
        RowKey::Unknown => Err(ChoiceError::NoCounter { table: title() }),
        RowKey::Generated(_) if holds_marker(column) => Ok(()),
        RowKey::Generated(_) => Err(ChoiceError::Unfit {
            table: title(),
            column: column.name.0.clone(),
            declared: column.declared.clone(),
        }),
    }
}

/// The column that says by 1 that a row is deleted.
fn deleted(named: &[Named<'_>], hints: &mut Vec<String>) -> Option<ColumnName> {
    let flag = |n: &&Named<'_>| n.words == ["deleted"] && n.column.filled != Filled::ByExpression;
    let found = named.iter().find(flag)?;
    if matches!(found.column.kind, ColumnType::Int { min: ..=0, max: 1.. }) {
        return Some(found.column.name.clone());
    }
    hints.push(format!(
        "{} ({}) seems to tell that a row is deleted: say in \"on\": {{\"deleted\": {{\"constants\": ...}}}} what is \
         written there; until then a deletion is kept and waits for you",
        found.column.name, found.column.declared
    ));
    None
}

/// Columns that must be filled in every new row, and that nothing fills.
fn unfilled(table: &Table, proposal: &Proposal) -> Vec<ColumnName> {
    let written = |name: &ColumnName| {
        proposal.fillings.iter().any(|f| f.column == *name) || proposal.marker.as_ref() == Some(name)
    };
    let open = table.columns.iter().filter(|c| c.filled == Filled::ByNobody && !written(&c.name));
    open.map(|c| c.name.clone()).collect()
}

impl Proposal {
    /// Adds what the person should know.
    fn advise(&mut self, table: &Table, named: &[Named<'_>], own: &str) {
        let mut say = |words: String| self.hints.push(words);
        if table.view {
            say(format!("{} is a view: the database may refuse to write through it", table.name));
        }
        let words_of =
            |name: &ColumnName| named.iter().find(|n| n.column.name == *name).map_or(&[][..], |n| &n.words);
        match &self.key {
            RowKey::Column(column)
                if table.primary_key().contains(column)
                    && !words_of(column).iter().any(|w| w == "buktor" || w == "external") =>
            {
                say(format!(
                    "{column} is the table's own key. Use it for {own} only if nobody else makes rows in {}: where \
                     the HIS gives numbers of its own there, Buktor's number 123 would overwrite the HIS's row 123",
                    table.name
                ));
            }
            RowKey::Column(_) => {}
            RowKey::Generated(column) => {
                say(format!(
                    "{} has no column for {own}: the database counts {column} itself, and this program remembers in \
                     its queue file which row belongs to which {own}. Keep that file",
                    table.name
                ));
                if self.marker.is_none() {
                    self.hints.extend(marker_hint(self.event, table, named, &self.fillings));
                }
            }
            RowKey::Unknown => say(format!(
                "nothing in {} can hold {own}, and it counts no rows itself: name the field that identifies a row as \
                 \"key\", or choose another table",
                table.name
            )),
        }
        for (source, column) in &self.other_ids {
            self.hints.push(format!(
                "{column} looks like {source}, and is not written: another record may have Buktor's number there. \
                 --same-ids writes it, if Buktor sends the HIS's own ids; if not, \"lookup\" finds the HIS's id"
            ));
        }
        for filling in self.fillings.iter().filter(|f| !f.certain) {
            let column = table.column(&filling.column).filter(|(_, c)| c.filled == Filled::ByNobody);
            if let Some((_, column)) = column {
                self.hints.push(format!(
                    "{} must be filled in every new row, and it is not certain that events have {}",
                    column.name, filling.source
                ));
            }
        }
    }
}

/// A free column in which the daemon could leave a mark.
fn marker_hint(event: EventType, table: &Table, named: &[Named<'_>], fillings: &[Filling]) -> Option<String> {
    let speaks = |n: &&Named<'_>| {
        n.words.iter().any(|w| ["note", "external", "reference", "buktor"].contains(&w.as_str()))
    };
    let free = |n: &&Named<'_>| n.column.nullable && fillings.iter().all(|f| f.column != n.column.name);
    let found = named.iter().filter(free).filter(speaks).find(|n| holds_marker(n.column))?;
    let column = &found.column.name;
    Some(format!(
        "if nothing else uses {column} of {0}, --marker {1}={column} lets this program leave a mark in new rows, so that \
         it never inserts one twice after a crash",
        table.name,
        event.name()
    ))
}
