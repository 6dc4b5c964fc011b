//! A statement's text while it is written. It counts the placeholders, so that they are numbered without a look at what is
//! around them: names and quoted texts may hold anything. Decides nothing.

use std::{fmt::Write, sync::Arc};

use crate::{
    model::table::{Column, ColumnType, Storage, Table},
    sql::{
        casts::{Comparing, Use, cast_to, comparing_oracle, comparing_tsql},
        ident::{Casts, Dialect, Placeholders, Texts},
    },
};

#[derive(Debug)]
pub(super) struct Sql<'d> {
    pub(super) dialect: &'d Dialect,
    text: String,
    /// Placeholders so far.
    count: usize,
}

impl<'d> Sql<'d> {
    pub(super) fn new(dialect: &'d Dialect) -> Self {
        Self { dialect, text: String::with_capacity(256), count: 0 }
    }

    pub(super) fn done(self) -> Arc<str> {
        self.text.into()
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn name(&mut self, name: &str) {
        self.dialect.push_ident(&mut self.text, name);
    }

    pub(super) fn table(&mut self, table: &Table) {
        self.dialect.push_table(&mut self.text, table);
    }

    pub(super) fn column(&mut self, table: &Table, column: usize) {
        if let Some(column) = table.columns.get(column) {
            self.name(&column.name.0);
        }
    }

    /// A column in a select list.
    pub(super) fn text_of(&mut self, column: &Column) {
        self.dialect.push_text_of(&mut self.text, column);
    }

    /// Columns in a select list, as one text where the database makes it.
    pub(super) fn joined(&mut self, columns: &[&Column]) {
        self.dialect.push_joined(&mut self.text, columns);
    }

    /// How a column can be compared with a value. An unknown one is left to the server.
    pub(super) fn comparing(&self, table: &Table, column: usize) -> Comparing {
        let Some(column) = table.columns.get(column) else { return Comparing::Bare };
        match self.dialect.texts {
            Texts::Char | Texts::Text => Comparing::Bare,
            Texts::TypedTsql => comparing_tsql(column),
            Texts::TypedOracle => comparing_oracle(column),
        }
    }

    /// A column that is compared, or whose value goes into an expression.
    pub(super) fn operand(&mut self, table: &Table, column: usize) {
        if let Comparing::As(kind) = self.comparing(table, column) {
            self.push("CAST(");
            self.column(table, column);
            self.push(" AS ");
            self.push(kind);
            self.push(")");
        } else {
            self.column(table, column);
        }
    }

    /// The next placeholder, as it is.
    pub(super) fn placeholder(&mut self) {
        self.count += 1;
        self.numbered(self.count);
    }

    /// The next placeholder, for a value of this column; or, with a number, that one once more.
    pub(super) fn value(&mut self, table: &Table, column: usize, what: Use, again: Option<usize>) {
        let kind = table.columns.get(column).and_then(|column| self.cast(column, what));
        self.push(if kind.is_some() { "CAST(" } else { "" });
        match again {
            Some(number) => self.numbered(number),
            None => self.placeholder(),
        }
        if let Some(kind) = kind {
            self.push(" AS ");
            self.push(&kind);
            self.push(")");
        }
    }

    fn cast(&self, column: &Column, what: Use) -> Option<String> {
        match (self.dialect.casts, &column.kind) {
            (Casts::DecimalKeys, ColumnType::Decimal { precision, scale, .. }) if what == Use::Compared => {
                Some(format!("DECIMAL({precision},{scale})"))
            }
            (Casts::DecimalKeys | Casts::Never, _) => None,
            // In another code page than the database's: a cast to `varchar` would lose what that one lacks.
            (Casts::Declared, _) if column.storage == Storage::NVarChar => cast_to("nvarchar", what),
            (Casts::Declared, _) => cast_to(&column.declared, what),
        }
    }

    fn numbered(&mut self, number: usize) {
        let written = match self.dialect.placeholders {
            Placeholders::Question => self.text.write_char('?'),
            Placeholders::AtP => write!(self.text, "@P{number}"),
            Placeholders::Colon => write!(self.text, ":{number}"),
        };
        written.expect("a String takes all");
    }

    /// Items with something between them.
    pub(super) fn list<T>(
        &mut self,
        between: &str,
        items: impl IntoIterator<Item = T>,
        mut item: impl FnMut(&mut Self, T),
    ) {
        for (i, it) in items.into_iter().enumerate() {
            if i > 0 {
                self.push(between);
            }
            item(self, it);
        }
    }
}
