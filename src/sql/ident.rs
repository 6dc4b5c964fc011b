//! What differs between the databases' SQL, as data, and the quoting of names. Holds no statement.

use crate::model::table::{Column, ColumnType, Table};

/// How a database says "insert, or update where the key is there" in one statement of many rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bulk {
    /// `ON DUPLICATE KEY UPDATE c = VALUES(c)`: any unique index decides, so the table may have the key's alone.
    OnDuplicateKey,
    /// `ON CONFLICT (key) DO UPDATE SET c = excluded.c`: the key's index decides.
    OnConflict,
}

/// What a database reads as a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comments {
    /// `--` to the end of the line, `/* */`.
    Standard,
    /// `--` only before white space, `#` too, and `/*! */` is no comment but code:
    /// <https://dev.mysql.com/doc/refman/8.4/en/comments.html>.
    MySql,
}

/// How the keys are learnt that a table gave to inserted rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeneratedKeys {
    /// The server says the first one with its answer; those of a statement's other rows follow in equal steps, unless a
    /// trigger has a hand in it.
    LastInsertId,
    /// ` RETURNING key`: the insert answers as a query does.
    ReturningClause,
}

/// How rows are updated in one statement, each with values of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManyUpdates {
    /// `UPDATE (SELECT ... UNION ALL SELECT ...) AS s STRAIGHT_JOIN t ON ... SET ...`. The derived columns get their types
    /// by casts, so that no value is changed on its way; and no text is compared, because its collation would not be the
    /// column's, and then no index helps.
    JoinedSelects {
        /// The parser nests one SELECT in the other.
        rows_max: usize,
    },
    /// `UPDATE t SET ... FROM (VALUES ...) AS s WHERE ...`.
    FromValues,
}

/// How a column is read as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// `CAST(c AS CHAR)`.
    Char,
    /// `CAST(c AS TEXT)`.
    Text,
}

/// One database's SQL.
#[derive(Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Quotes a name; doubled inside one.
    pub quote: char,
    /// Placeholders that one statement may have.
    pub params_max: usize,
    /// Many rows in one statement.
    pub bulk: Bulk,
    /// What a SELECT without a table is from.
    pub from_nothing: &'static str,
    /// A decimal key must be compared as a decimal, or the database compares doubles.
    pub cast_decimal_keys: bool,
    /// In '...' and "..." a backslash takes the next character's meaning away:
    /// <https://dev.mysql.com/doc/refman/8.4/en/string-literals.html>.
    pub backslash_escapes: bool,
    /// Names may be quoted with [ ]: <https://sqlite.org/lang_keywords.html>.
    pub brackets: bool,
    /// Comments.
    pub comments: Comments,
    /// Keys that the table makes.
    pub generated_keys: GeneratedKeys,
    /// Many rows in one update.
    pub many_updates: ManyUpdates,
    /// Columns as text.
    pub texts: Texts,
    /// Compares so that NULL equals NULL.
    pub same: &'static str,
    /// At the end of a SELECT: waits for whoever is writing the rows.
    pub locking_read: &'static str,
}

/// MySQL 5.5 to 9 and `MariaDB`: <https://dev.mysql.com/doc/refman/8.4/en/insert-on-duplicate.html>.
pub static MYSQL: Dialect = Dialect {
    name: "mysql",
    quote: '`',
    params_max: 65_535,
    bulk: Bulk::OnDuplicateKey,
    from_nothing: " FROM DUAL",
    cast_decimal_keys: true,
    backslash_escapes: true,
    brackets: false,
    comments: Comments::MySql,
    generated_keys: GeneratedKeys::LastInsertId,
    many_updates: ManyUpdates::JoinedSelects { rows_max: 128 },
    texts: Texts::Char,
    same: "<=>",
    locking_read: " LOCK IN SHARE MODE",
};

/// The embedded HIS: <https://sqlite.org/lang_upsert.html>, <https://sqlite.org/limits.html>.
pub static SQLITE: Dialect = Dialect {
    name: "sqlite",
    quote: '"',
    params_max: 32_766,
    bulk: Bulk::OnConflict,
    from_nothing: "",
    cast_decimal_keys: false,
    backslash_escapes: false,
    brackets: true,
    comments: Comments::Standard,
    generated_keys: GeneratedKeys::ReturningClause,
    many_updates: ManyUpdates::FromValues,
    texts: Texts::Text,
    same: "IS",
    locking_read: "",
};

/// SQL Server 2008 R2 to 2022.
pub static TSQL: Dialect = Dialect {
    name: "sqlserver",
    quote: '"',
    params_max: 32_766,
    bulk: Bulk::OnConflict,
    from_nothing: "",
    cast_decimal_keys: false,
    backslash_escapes: false,
    brackets: true,
    comments: Comments::Standard,
    generated_keys: GeneratedKeys::ReturningClause,
    many_updates: ManyUpdates::FromValues,
    texts: Texts::Text,
    same: "IS",
    locking_read: "",
};

/// Oracle 11g R2 to 23ai.
pub static ORACLE: Dialect = Dialect {
    name: "oracle",
    quote: '"',
    params_max: 32_766,
    bulk: Bulk::OnConflict,
    from_nothing: "",
    cast_decimal_keys: false,
    backslash_escapes: false,
    brackets: true,
    comments: Comments::Standard,
    generated_keys: GeneratedKeys::ReturningClause,
    many_updates: ManyUpdates::FromValues,
    texts: Texts::Text,
    same: "IS",
    locking_read: "",
};

impl Dialect {
    /// Appends a quoted name.
    pub fn push_ident(&self, sql: &mut String, name: &str) {
        sql.push(self.quote);
        for c in name.chars() {
            if c == self.quote {
                sql.push(c);
            }
            sql.push(c);
        }
        sql.push(self.quote);
    }

    /// Appends a table's name with its schema.
    pub fn push_table(&self, sql: &mut String, table: &Table) {
        if let Some(schema) = &table.schema {
            self.push_ident(sql, schema);
            sql.push('.');
        }
        self.push_ident(sql, &table.name);
    }

    /// Appends a column's value as text: numbers exact and without padding, dates and times with their fractions, bytes
    /// as hexadecimal digits; NULL stays NULL.
    pub fn push_text_of(&self, sql: &mut String, column: &Column) {
        let mut name = String::new();
        self.push_ident(&mut name, &column.name.0);
        let padded = column.declared.to_ascii_lowercase().contains("zerofill");
        // The column's name stands between the pieces.
        let pieces: &[&str] = match (self.texts, &column.kind) {
            (Texts::Char, ColumnType::Bytes { .. }) => &["HEX(", ")"],
            // BIT would be bytes.
            (Texts::Char, ColumnType::Int { .. }) => &["CAST(", " + 0 AS CHAR)"],
            (Texts::Char, ColumnType::Decimal { .. }) if padded => &["CAST(", " + 0 AS CHAR)"],
            // A FLOAT alone is shown with six digits.
            (Texts::Char, ColumnType::Float { .. }) => &["CAST(", " * 1e0 AS CHAR)"],
            (Texts::Char, _) => &["CAST(", " AS CHAR)"],
            // NULL alone would be an empty text.
            (Texts::Text, ColumnType::Bytes { .. }) => &["CASE WHEN ", " IS NOT NULL THEN hex(", ") END"],
            // The cast alone keeps 15 digits.
            (Texts::Text, ColumnType::Float { .. }) => {
                &["CASE typeof(", ") WHEN 'real' THEN printf('%!.17g', ", ") ELSE CAST(", " AS TEXT) END"]
            }
            (Texts::Text, _) => &["CAST(", " AS TEXT)"],
        };
        sql.push_str(&pieces.join(&name));
    }

    /// Appends the values of columns as one text, each as [`Self::push_text_of`] has it, but quoted: NULL is the bare word.
    pub fn push_joined(&self, sql: &mut String, columns: &[&Column]) {
        if columns.is_empty() {
            return sql.push_str("''");
        }
        let (before, quote, between, after) = match self.texts {
            Texts::Char => ("CONCAT_WS(',', ", "QUOTE(", ", ", ")"),
            Texts::Text => ("", "quote(", " || ',' || ", ""),
        };
        sql.push_str(before);
        for (index, column) in columns.iter().enumerate() {
            sql.push_str(if index > 0 { between } else { "" });
            sql.push_str(quote);
            self.push_text_of(sql, column);
            sql.push(')');
        }
        sql.push_str(after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_quotes_doubled() {
        let check = |dialect: &Dialect, name: &str, expected: &str| {
            let mut sql = String::new();
            dialect.push_ident(&mut sql, name);
            assert_eq!(sql, expected);
        };
        check(&MYSQL, "HIS_status", "`HIS_status`");
        check(&MYSQL, "a`; DROP TABLE x -- ", "`a``; DROP TABLE x -- `");
        check(&MYSQL, "order by \"x\"", "`order by \"x\"`");
        check(&SQLITE, "a\"b", "\"a\"\"b\"");
    }

    proptest::proptest! {
        /// Whatever a name holds, what is between the quotes reads back as that name: nothing in it ends them.
        #[test]
        fn a_quoted_name_reads_back(name in "\\PC{0,20}|[`\"\\[\\];' .-]{0,8}") {
            for dialect in [&MYSQL, &SQLITE] {
                let mut sql = String::new();
                dialect.push_ident(&mut sql, &name);
                let inner = sql.strip_prefix(dialect.quote).and_then(|s| s.strip_suffix(dialect.quote)).unwrap();
                let twice: String = [dialect.quote; 2].iter().collect();
                proptest::prop_assert_eq!(inner.replace(&twice, &dialect.quote.to_string()), name.clone());
                proptest::prop_assert_eq!(inner.matches(dialect.quote).count() % 2, 0);
            }
        }
    }
}
