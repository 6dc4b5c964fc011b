//! A proposal as it is written into the configuration, and as it is shown beside the table.

use std::borrow::Cow;

use crate::{
    model::table::{Column, ColumnName, Filled, Table},
    propose::{Document, Filling, Form, Proposal, RowKey, sources},
};

impl Proposal {
    /// The mapping, as the configuration has it.
    #[must_use]
    pub fn mapping(&self) -> Document {
        let text = |name: &ColumnName| Document::scalar(name.0.as_str());
        let mut entries = vec![("table".to_owned(), Document::scalar(self.table.0.as_str()))];
        if let RowKey::Generated(column) = &self.key {
            entries.push(("generated_key".to_owned(), text(column)));
            entries.push(("key".to_owned(), Document::scalar(self.own_id())));
        }
        if let Some(column) = &self.marker {
            entries.push(("marker".to_owned(), text(column)));
        }
        let mut fields: Vec<(String, Document)> = Vec::new();
        for filling in &self.fillings {
            let target = target(filling);
            match fields.iter_mut().find(|(source, _)| source == filling.source) {
                None => fields.push((filling.source.to_owned(), target)),
                Some((_, Document::List(targets))) => targets.push(target),
                Some((_, first)) => *first = Document::List(vec![first.clone(), target]),
            }
        }
        entries.push(("fields".to_owned(), Document::Object(fields)));
        if let Some(flag) = &self.deleted {
            let constants = Document::row([(flag.0.as_str(), Document::scalar(1))]);
            let deleted = Document::row([("constants", constants)]);
            entries.push(("on".to_owned(), Document::object([("deleted", deleted)])));
        }
        Document::Object(entries)
    }

    /// A line for each column of the table: its name, its type, and what fills it.
    #[must_use]
    pub fn lines(&self, table: &Table) -> Vec<Vec<String>> {
        let line = |column: &Column| {
            let must = if column.nullable { "" } else { " not null" };
            let name = column.name.0.clone();
            vec![name, format!("{}{must}", column.declared), self.filled_with(column).into_owned()]
        };
        table.columns.iter().map(line).collect()
    }

    fn filled_with(&self, column: &Column) -> Cow<'static, str> {
        let name = &column.name;
        if let Some(filling) = self.fillings.iter().find(|f| f.column == *name) {
            let unsure = if filling.certain { "" } else { " ?" };
            let form = match &filling.form {
                Form::Plain => "",
                Form::Cut => ", cut if it is too long",
                Form::Values(_) => ", in the column's own words",
            };
            return format!("{}{unsure}{form}", filling.source).into();
        }
        if self.key == RowKey::Generated(name.clone()) {
            return format!("counted by the database, remembered for {}", self.own_id()).into();
        }
        if self.marker.as_ref() == Some(name) {
            return "a mark of this program".into();
        }
        if self.deleted.as_ref() == Some(name) && !self.unfilled.contains(name) {
            return "1 when the record is deleted".into();
        }
        if let Some((source, _)) = self.other_ids.iter().find(|(_, c)| c == name) {
            let must = if self.unfilled.contains(name) { "STILL TO BE FILLED: " } else { "nothing yet: " };
            return format!("{must}perhaps {source}").into();
        }
        match column.filled {
            Filled::ByNobody => "STILL TO BE FILLED".into(),
            Filled::ByCounter | Filled::ByIdentity => "counted by the database".into(),
            Filled::ByExpression => "computed by the database".into(),
            Filled::ByDefault => "-".into(),
        }
    }

    /// The event's field that identifies its record.
    #[must_use]
    pub fn own_id(&self) -> &'static str {
        let own = sources::sources(self.event).iter().find(|s| s.kind == sources::Kind::OwnId);
        own.map_or("", |source| source.name)
    }
}

fn target(filling: &Filling) -> Document {
    let column = || ("column", Document::scalar(filling.column.0.as_str()));
    match &filling.form {
        Form::Plain => Document::scalar(filling.column.0.as_str()),
        Form::Cut => Document::row([column(), ("truncate", Document::scalar(true))]),
        Form::Values(values) => {
            let values = values.iter().map(|(word, code)| (word.as_str(), Document::scalar(code.as_str())));
            Document::row([column(), ("values", Document::row(values))])
        }
    }
}
