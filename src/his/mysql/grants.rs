//! What a login may do, read from `SHOW GRANTS`, and GRANT statements for what it should. Pure text; where a grant cannot be
//! understood, nothing is claimed to be missing. Manual: <https://dev.mysql.com/doc/refman/8.4/en/show-grants.html>.

use std::collections::BTreeSet;

use crate::{
    model::{
        need::{Need, Needs},
        table::{ColumnName, Grant, Privileges},
    },
    sql::ident::MYSQL,
};

/// Privileges of a table that show all of its columns in the catalog.
const SHOWING: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "REFERENCES"];

/// What the login has been granted, its active roles included.
#[derive(Debug, Default)]
pub(super) struct Grants {
    rows: Vec<Row>,
    /// There was something that could not be read.
    unreadable: bool,
}

/// One line of `SHOW GRANTS` that is about tables.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    revoked: bool,
    /// With columns, where it is for these alone.
    privileges: Vec<(String, Option<Vec<ColumnName>>)>,
    /// A pattern where `table` is none, as in LIKE. None: all databases.
    schema: Option<String>,
    table: Option<String>,
}

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Tables(Row),
    /// About roles, procedures or proxies.
    Other,
    Unreadable,
}

impl Grants {
    /// Reads the answer of `SHOW GRANTS`.
    pub(super) fn read(lines: impl Iterator<Item = String>) -> Self {
        let mut grants = Self::default();
        for line in lines {
            match parse(&line) {
                Line::Tables(row) => grants.rows.push(row),
                Line::Other => {}
                Line::Unreadable => grants.unreadable = true,
            }
        }
        grants
    }

    /// The login's grants are not known.
    pub(super) fn unknown() -> Self {
        Self { rows: Vec::new(), unreadable: true }
    }

    /// What the login may do with a table.
    pub(super) fn privileges(&self, schema: &str, table: &str) -> Privileges {
        Privileges {
            select: self.grant("SELECT", schema, table),
            insert: self.grant("INSERT", schema, table),
            update: self.grant("UPDATE", schema, table),
            delete: self.grant("DELETE", schema, table),
        }
    }

    /// Whether it surely has the privilege that shows triggers.
    pub(super) fn shows_triggers(&self, schema: &str, table: &str) -> bool {
        self.grant("TRIGGER", schema, table) == Grant::Whole
    }

    /// Whether the catalog surely keeps columns from it.
    pub(super) fn hides_columns(&self, schema: &str, table: &str) -> bool {
        let shows = |name: &&str| matches!(self.grant(name, schema, table), Grant::Whole | Grant::Unknown);
        !SHOWING.iter().any(shows)
    }

    fn grant(&self, privilege: &str, schema: &str, table: &str) -> Grant {
        let mut columns = BTreeSet::new();
        let (mut whole, mut revoked) = (false, false);
        for row in self.rows.iter().filter(|row| row.is_of(schema, table)) {
            for (name, of) in &row.privileges {
                if name != privilege && !matches!(name.as_str(), "ALL PRIVILEGES" | "ALL") {
                    continue;
                }
                match of {
                    _ if row.revoked => revoked = true,
                    None => whole = true,
                    Some(of) => columns.extend(of.iter().cloned()),
                }
            }
        }
        // A privilege on all databases, taken back for one (`partial_revokes`), may be there again for the table.
        if revoked {
            Grant::Unknown
        } else if whole {
            Grant::Whole
        } else if self.unreadable {
            Grant::Unknown
        } else if columns.is_empty() {
            Grant::No
        } else {
            Grant::Columns(columns.into_iter().collect())
        }
    }
}

impl Row {
    /// Compared without regard to case, which is at worst too generous.
    fn is_of(&self, schema: &str, table: &str) -> bool {
        let Some(own) = &self.schema else { return true };
        match &self.table {
            Some(name) => {
                name.to_lowercase() == table.to_lowercase() && own.to_lowercase() == schema.to_lowercase()
            }
            None => is_like(&own.to_lowercase(), &schema.to_lowercase()),
        }
    }
}

fn parse(line: &str) -> Line {
    let (rest, revoked) = match (line.strip_prefix("GRANT "), line.strip_prefix("REVOKE ")) {
        (Some(rest), _) => (rest, false),
        (_, Some(rest)) => (rest, true),
        // `SET DEFAULT ROLE ...`
        _ => return Line::Other,
    };
    // Without an object it grants a role.
    let Some(on) = find_outside(rest, " ON ") else { return Line::Other };
    let (what, object) = rest.split_at(on);
    let object = object.trim_start_matches(" ON ");
    let other = ["FUNCTION ", "PROCEDURE ", "PACKAGE "];
    if what == "PROXY" || other.iter().any(|kind| object.starts_with(kind)) {
        return Line::Other;
    }
    let place = name(object).and_then(|(schema, rest)| Some((schema, name(rest.strip_prefix('.')?)?.0)));
    let (Some((schema, table)), Some(privileges)) = (place, privileges(what)) else {
        return Line::Unreadable;
    };
    // The server puts a backslash into database names that are not patterns, too.
    let schema = if table.is_some() { schema.map(|s| s.replace('\\', "")) } else { schema };
    Line::Tables(Row { revoked, privileges, schema, table })
}

/// `SELECT, INSERT (`a`, `b`)`.
fn privileges(text: &str) -> Option<Vec<(String, Option<Vec<ColumnName>>)>> {
    let mut privileges = Vec::new();
    let mut rest = text;
    loop {
        let end = find_outside(rest, ",").unwrap_or(rest.len());
        let (now, later) = rest.split_at(end);
        let now = now.trim();
        privileges.push(match now.split_once('(') {
            None => (now.to_owned(), None),
            Some((name, columns)) => {
                (name.trim().to_owned(), Some(column_names(columns.strip_suffix(')')?)?))
            }
        });
        let Some(later) = later.strip_prefix(',') else { return Some(privileges) };
        rest = later;
    }
}

fn column_names(mut text: &str) -> Option<Vec<ColumnName>> {
    let mut names = Vec::new();
    loop {
        let (column, rest) = name(text.trim_start())?;
        names.push(ColumnName(column?));
        let rest = rest.trim_start();
        if rest.is_empty() {
            return Some(names);
        }
        text = rest.strip_prefix(',')?;
    }
}

/// A name at the beginning of a text, in backticks, double quotes (`ANSI_QUOTES`) or without; none for `*`. With the rest.
fn name(text: &str) -> Option<(Option<String>, &str)> {
    let quote = text.chars().next()?;
    if !matches!(quote, '`' | '"') {
        let end = text.find(['.', ' ', ',']).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        return (!name.is_empty()).then(|| ((name != "*").then(|| name.to_owned()), rest));
    }
    let mut name = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        // A doubled quote is one of the name.
        if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return Some((Some(name), text.get(at + 1..)?));
        }
        name.push(c);
    }
    None
}

/// Where `part` first stands outside of quotes and parentheses.
fn find_outside(text: &str, part: &str) -> Option<usize> {
    let (mut quote, mut depth) = (None, 0_usize);
    for (at, c) in text.char_indices() {
        match quote {
            // A doubled one closes and opens again.
            Some(q) => quote = (c != q).then_some(q),
            None if depth == 0 && text.get(at..).is_some_and(|t| t.starts_with(part)) => return Some(at),
            None => match c {
                '`' | '"' | '\'' => quote = Some(c),
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            },
        }
    }
    None
}

/// LIKE: `_` is any character, `%` any number of them, a backslash takes the next one as it is.
fn is_like(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let after = pattern.get(first.len_utf8()..).unwrap_or_default();
    let is_next = |expected: Option<char>, after: &str| {
        let mut chars = text.chars();
        let found = chars.next();
        found.is_some() && (expected.is_none() || found == expected) && is_like(after, chars.as_str())
    };
    match first {
        '%' => is_like(after, text) || (!text.is_empty() && is_next(None, pattern)),
        '_' => is_next(None, after),
        '\\' if !after.is_empty() => {
            let mut chars = after.chars();
            let literal = chars.next();
            is_next(literal, chars.as_str())
        }
        _ => is_next(Some(first), after),
    }
}

/// A statement for each table and procedure, for the account as `CURRENT_USER()` names it. `own` is the database of procedures
/// that name none.
pub(super) fn statements(needs: &Needs, account: &str, own: &str) -> Vec<String> {
    let account = quoted_account(account);
    let tables = needs.tables.values().filter_map(|need| {
        let what = allowed(need);
        let object = MYSQL.quoted(&[need.table.schema.as_deref().unwrap_or(own), &need.table.name]);
        (!what.is_empty()).then(|| format!("GRANT {} ON {object} TO {account};", what.join(", ")))
    });
    let routines = needs.routines.iter().map(|routine| {
        let object = MYSQL.quoted(&[routine.schema.as_deref().unwrap_or(own), &routine.name]);
        format!("GRANT EXECUTE ON PROCEDURE {object} TO {account};")
    });
    tables.chain(routines).collect()
}

fn allowed(need: &Need) -> Vec<String> {
    let mut what = Vec::new();
    if need.catalog {
        what.push("REFERENCES".to_owned());
    }
    for (privilege, columns) in [("SELECT", &need.select), ("INSERT", &need.insert), ("UPDATE", &need.update)]
    {
        let names: Vec<String> = columns.iter().map(|column| MYSQL.quoted(&[&column.0])).collect();
        if !names.is_empty() {
            what.push(format!("{privilege} ({})", names.join(", ")));
        }
    }
    if need.delete {
        what.push("DELETE".to_owned());
    }
    what
}

/// `'buktor'@'%'`; in backticks where quotes would depend on `sql_mode`.
fn quoted_account(account: &str) -> String {
    let (user, host) = account.rsplit_once('@').unwrap_or((account, "%"));
    let quoted = |name: &str| {
        if name.contains(['\'', '\\']) { MYSQL.quoted(&[name]) } else { format!("'{name}'") }
    };
    format!("{}@{}", quoted(user), quoted(host))
}

#[cfg(test)]
mod tests;
