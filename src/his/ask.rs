//! Asks the HIS about rows: many values in one query, the answers in the order of the values. The database compares by
//! its own rules (case, accents, trailing spaces), so that an answer is brought back to its value by rank: the very text,
//! else the text folded, else what the database finds when it is asked for that value alone. Writes nothing.

mod numbers;
mod texts;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use crate::{
    his::{
        HisError, Session,
        ask::texts::{fold, plain, query, text_of},
    },
    limits,
    model::{
        answer::Answer,
        table::{Column, ColumnType, Table},
        value::SqlValue,
    },
    sql::select::{self, Select},
};

pub use crate::{his::ask::texts::is_same, sql::select::Wanted};

/// Rows that a query for many values is read for; where there are more, each value is asked for by itself.
const ROWS_MAX: usize = 10_000;
/// Rows that a single value is judged by.
const ROWS_OF_ONE_MAX: usize = 1_000;
/// Rows that are enough to know that there are several.
const ALIKE_MAX: usize = 3;

/// Texts of a row's columns.
type Cells = Vec<Option<String>>;

/// Where values are looked for. Columns are indexes into `table.columns`.
#[derive(Clone, Copy, Debug)]
pub struct LookupQuery<'a> {
    /// The table.
    pub table: &'a Arc<Table>,
    /// The column that has the value.
    pub matches: usize,
    /// The column that is wanted of its row.
    pub take: usize,
    /// What else holds for the row.
    pub only: &'a [(usize, SqlValue)],
}

/// Whether a row with certain values is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marked {
    /// No.
    No,
    /// One, with this generated key.
    One(String),
    /// Several.
    Several,
}

/// Looks values up; an answer for each. NULL is in no row.
pub async fn lookup(
    session: &mut dyn Session,
    query: &LookupQuery<'_>,
    values: &[SqlValue],
) -> Result<Vec<Answer>, HisError> {
    let (matches, columns) = ([query.matches], [query.take]);
    let select = Select {
        table: query.table,
        matches: &matches,
        wanted: Wanted::Each(&columns),
        only: query.only,
        lock: false,
    };
    let asked: Vec<Vec<&SqlValue>> = values.iter().map(|value| vec![value]).collect();
    let answer = |rows: Vec<Cells>| {
        let mut taken = rows.into_iter().map(|cells| cells.into_iter().next().flatten());
        let Some(first) = taken.next() else { return Answer::Missing };
        if taken.all(|other| other == first) { Answer::Row(first.map(Into::into)) } else { Answer::Several }
    };
    Ok(find(session, &select, &asked).await?.into_iter().map(answer).collect())
}

/// Which rows have these values in the columns `matches`, each by its generated key. With `lock` a row is waited for whose
/// transaction has not ended, for all that is known here.
pub async fn marked(
    session: &mut dyn Session,
    table: &Table,
    generated: usize,
    matches: &[usize],
    values: &[Vec<&SqlValue>],
    lock: bool,
) -> Result<Vec<Marked>, HisError> {
    let select = Select { table, matches, wanted: Wanted::Each(&[generated]), only: &[], lock };
    let marked = |rows: Vec<Cells>| {
        let mut keys = rows.into_iter().flatten().flatten();
        let Some(first) = keys.next() else { return Marked::No };
        if keys.all(|other| other == first) { Marked::One(first) } else { Marked::Several }
    };
    Ok(find(session, &select, values).await?.into_iter().map(marked).collect())
}

/// Columns of the rows with these keys, in the keys' order. A key with several rows is an error.
pub async fn rows(
    session: &mut dyn Session,
    table: &Table,
    by: usize,
    keys: &[SqlValue],
    wanted: Wanted<'_>,
    lock: bool,
) -> Result<Vec<Option<Cells>>, HisError> {
    let select = Select { table, matches: &[by], wanted, only: &[], lock };
    let asked: Vec<Vec<&SqlValue>> = keys.iter().map(|key| vec![key]).collect();
    let of_numbers = table.columns.get(by).is_some_and(|c| matches!(c.kind, ColumnType::Int { .. }));
    if of_numbers && let Some(numbers) = keys.iter().map(numbers::number).collect::<Option<Vec<i128>>>() {
        // Each once, whatever statement it goes into.
        let once: BTreeMap<i128, &[&SqlValue]> =
            numbers.iter().copied().zip(asked.iter().map(Vec::as_slice)).collect();
        let is_set = once.len() == numbers.len();
        let mut found = numbers::rows(session, &select, once.into_values().collect()).await?;
        let take = |number: &i128| if is_set { found.remove(number) } else { found.get(number).cloned() };
        return Ok(numbers.iter().map(take).collect());
    }
    find(session, &select, &asked).await?.into_iter().map(one).collect()
}

/// Columns of the row with this key of one or several columns. Several rows are an error.
pub async fn row(
    session: &mut dyn Session,
    table: &Table,
    keys: &[(usize, &SqlValue)],
    columns: &[usize],
) -> Result<Option<Cells>, HisError> {
    let (matches, values): (Vec<usize>, Vec<&SqlValue>) = keys.iter().copied().unzip();
    let select = Select { table, matches: &matches, wanted: Wanted::Each(columns), only: &[], lock: false };
    one(find(session, &select, &[values]).await?.into_iter().next().unwrap_or_default())
}

/// Waits until no transaction is open any more that has written the table, where a locking read cannot: what it has inserted
/// is then there for good or not at all. Where that takes long it is an error of class `Busy`.
pub async fn quiet(session: &mut dyn Session, table: &Table) -> Result<(), HisError> {
    let Some(statement) = select::quiet(table, session.dialect()) else { return Ok(()) };
    session.begin().await?;
    let locked = session.execute(&statement).await;
    if locked.as_ref().is_err_and(HisError::is_of_connection) {
        return locked.map(drop);
    }
    session.rollback().await?;
    locked.map(drop)
}

/// Generated keys of rows that are equal in all these cells, NULL to NULL: three at most.
pub async fn alike(
    session: &mut dyn Session,
    table: &Table,
    generated: usize,
    cells: &[(usize, &SqlValue)],
) -> Result<Vec<String>, HisError> {
    let select = Select { table, matches: &[generated], wanted: Wanted::Each(&[]), only: &[], lock: false };
    let statement = select::alike(table, session.dialect(), generated, cells, ALIKE_MAX);
    Ok(query(session, &select, &statement).await?.into_iter().flatten().flatten().collect())
}

fn one(rows: Vec<Cells>) -> Result<Option<Cells>, HisError> {
    let count = rows.len();
    let mut rows = rows.into_iter();
    if count > 1 { Err(HisError::many_rows(count as u64)) } else { Ok(rows.next()) }
}

/// The wanted columns of all rows for each asked tuple.
async fn find(
    session: &mut dyn Session,
    select: &Select<'_>,
    asked: &[Vec<&SqlValue>],
) -> Result<Vec<Vec<Cells>>, HisError> {
    let columns: Vec<&Column> = select.matches.iter().filter_map(|c| select.table.columns.get(*c)).collect();
    let mut questions: Vec<Question<'_>> = Vec::new();
    let mut by_values: HashMap<String, usize> = HashMap::new();
    for (index, values) in asked.iter().enumerate() {
        // NULL equals nothing.
        if values.is_empty() || values.contains(&&SqlValue::Null) {
            continue;
        }
        // Asked once, however often it is wanted.
        let at = *by_values.entry(format!("{values:?}")).or_insert(questions.len());
        if let Some(question) = questions.get_mut(at) {
            question.wanted_by.push(index);
        } else {
            questions.push(Question::new(values, &columns, index));
        }
    }
    let values: Vec<&[&SqlValue]> = questions.iter().map(|question| question.values).collect();
    let (mut rest, mut values) = (questions.as_mut_slice(), values.as_slice());
    while !rest.is_empty() {
        let count = chunk(&*session, select, values);
        let (now, later) = rest.split_at_mut(count);
        answer(session, select, &columns, now).await?;
        (rest, values) = (later, values.get(count..).unwrap_or_default());
    }
    let mut found = vec![Vec::new(); asked.len()];
    for question in questions {
        for index in question.wanted_by {
            if let Some(found) = found.get_mut(index) {
                found.clone_from(&question.rows);
            }
        }
    }
    Ok(found)
}

/// One asked tuple.
#[derive(Debug)]
struct Question<'a> {
    values: &'a [&'a SqlValue],
    /// Its texts as the database writes them; none where that is not known here.
    exact: Option<Vec<String>>,
    folded: Option<Vec<String>>,
    /// Which of the caller's tuples it is.
    wanted_by: Vec<usize>,
    /// The wanted columns of its rows.
    rows: Vec<Cells>,
}

impl<'a> Question<'a> {
    fn new(values: &'a [&'a SqlValue], columns: &[&Column], index: usize) -> Self {
        let texts = values.iter().zip(columns).map(|(value, column)| Some(plain(column, &text_of(value)?)));
        let exact: Option<Vec<String>> = texts.collect();
        let folded = exact.as_ref().map(|texts| fold(columns, texts));
        Self { values, exact, folded, wanted_by: vec![index], rows: Vec::new() }
    }
}

/// How many questions one query takes: a power of two, as [`select::find`] makes it.
fn chunk(session: &dyn Session, select: &Select<'_>, asked: &[&[&SqlValue]]) -> usize {
    let params_max = session.dialect().params_max.saturating_sub(select.only.len());
    let mut rows = limits::STATEMENT_ROWS_MAX.min(params_max / select.matches.len().max(1)).max(1);
    let bytes_max = session.statement_bytes().best;
    let size = |values: &&[&SqlValue]| values.iter().map(|value| value.size()).sum::<usize>();
    loop {
        rows = if rows.is_power_of_two() { rows } else { rows.next_power_of_two() / 2 };
        let asked = asked.get(..rows.min(asked.len())).unwrap_or(asked);
        let padding = asked.last().map_or(0, |last| size(last) * (rows - asked.len()));
        if rows <= 1 || asked.iter().map(size).sum::<usize>() + padding <= bytes_max {
            return asked.len().max(1);
        }
        rows -= 1;
    }
}

/// Answers questions by one query, as far as that tells their rows apart.
async fn answer(
    session: &mut dyn Session,
    select: &Select<'_>,
    columns: &[&Column],
    questions: &mut [Question<'_>],
) -> Result<(), HisError> {
    let asked: Vec<&[&SqlValue]> = questions.iter().map(|question| question.values).collect();
    let rows_max = if asked.len() == 1 { ROWS_OF_ONE_MAX } else { ROWS_MAX };
    let statement = select::find(select, session.dialect(), &asked, rows_max);
    let rows = query(session, select, &statement).await?;
    let alone = asked.len() == 1;
    let cut_off = rows.len() >= rows_max;
    let unclaimed = claim(rows, columns, questions, alone);
    if alone {
        return Ok(());
    }
    for question in questions {
        if cut_off || (unclaimed && question.rows.is_empty()) {
            let asked = [question.values];
            let statement = select::find(select, session.dialect(), &asked, ROWS_OF_ONE_MAX);
            let rows = query(session, select, &statement).await?;
            question.rows.clear();
            claim(rows, columns, std::slice::from_mut(question), true);
        }
    }
    Ok(())
}

/// Brings rows back to their questions. Tells whether some belong to none by their texts; a question that stood alone
/// gets them where it has no others.
fn claim(rows: Vec<Cells>, columns: &[&Column], questions: &mut [Question<'_>], alone: bool) -> bool {
    let mut exact: HashMap<&[String], Vec<usize>> = HashMap::new();
    let mut folded: HashMap<&[String], Vec<usize>> = HashMap::new();
    for (index, question) in questions.iter().enumerate() {
        for (texts, by) in [(&question.exact, &mut exact), (&question.folded, &mut folded)] {
            if let Some(texts) = texts {
                by.entry(texts).or_default().push(index);
            }
        }
    }
    // (question, whether its text is the very same, row)
    let mut claims: Vec<(usize, bool, Cells)> = Vec::with_capacity(rows.len());
    let mut unclaimed = Vec::new();
    for mut cells in rows {
        let wanted = cells.split_off(columns.len().min(cells.len()));
        let texts: Option<Vec<String>> =
            cells.into_iter().zip(columns).map(|(text, column)| Some(plain(column, &text?))).collect();
        let texts = texts.unwrap_or_default();
        let of = |by: &HashMap<&[String], Vec<usize>>, texts: &[String]| {
            by.get(texts).cloned().unwrap_or_default()
        };
        let (same, alike) = (of(&exact, &texts), of(&folded, &fold(columns, &texts)));
        if same.is_empty() && alike.is_empty() {
            unclaimed.push(wanted);
            continue;
        }
        let alike = alike.into_iter().filter(|index| !same.contains(index)).map(|index| (index, false));
        let claimed = same.iter().map(|index| (*index, true)).chain(alike);
        claims.extend(claimed.map(|(index, exact)| (index, exact, wanted.clone())));
    }
    let exactly: HashSet<usize> =
        claims.iter().filter(|(_, exact, _)| *exact).map(|(index, ..)| *index).collect();
    for (index, is_exact, wanted) in claims {
        if let Some(question) = questions.get_mut(index)
            && (is_exact || !exactly.contains(&index))
        {
            question.rows.push(wanted);
        }
    }
    let left = !unclaimed.is_empty();
    if let (true, [question]) = (alone, questions)
        && question.rows.is_empty()
    {
        question.rows = unclaimed;
    }
    left
}
