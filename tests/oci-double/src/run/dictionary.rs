//! Look-ups in the dictionary, kept as long as no definition has changed. It must never answer for another user.

use std::collections::HashMap;
use std::rc::Rc;

use crate::ora::Ora;
use crate::pg::{Answer, PgConn};
use crate::plan::types::{Col, NUMBER, Ty};
use crate::plan::{Object, literal};

type Key = (String, Option<String>, String);

/// What has been looked up.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    known: HashMap<Key, Option<Rc<Object>>>,
    version: String,
}

impl Dictionary {
    /// Forgets all if definitions have changed since.
    pub(crate) fn at_version(&mut self, version: &str) {
        if self.version != version {
            self.known.clear();
            version.clone_into(&mut self.version);
        }
    }

    pub(crate) fn look_up(
        &mut self,
        conn: &mut PgConn,
        user: &str,
        schema: &str,
        owner: Option<&str>,
        name: &str,
    ) -> Ora<Option<Rc<Object>>> {
        let key = (schema.to_owned(), owner.map(str::to_owned), name.to_owned());
        if let Some(found) = self.known.get(&key) {
            return Ok(found.clone());
        }
        let sql = format!(
            "SELECT * FROM ora.lookup({}, {}, {}, {})",
            literal(user),
            literal(schema),
            owner.map_or("NULL".to_owned(), literal),
            literal(name)
        );
        let answers = conn.simple(&sql).map_err(|f| crate::run::errors::failure(&f))?;
        let found = answers.first().and_then(object).map(Rc::new);
        self.known.insert(key, found.clone());
        Ok(found)
    }
}

fn object(answer: &Answer) -> Option<Object> {
    let text = |row: &[Option<String>], i: usize| row.get(i).cloned().flatten();
    let first = answer.rows.first()?;
    let mut object = Object {
        kind: text(first, 0)?,
        owner: text(first, 1)?,
        name: text(first, 2)?,
        privileges: text(first, 3).unwrap_or_default(),
        columns: Vec::new(),
        extra: text(first, 16).unwrap_or_default(),
    };
    for row in &answer.rows {
        let Some(name) = text(row, 4) else { continue };
        let number = |i: usize| text(row, i).and_then(|n| n.parse::<i64>().ok());
        let yes = |i: usize| text(row, i).as_deref() == Some("t");
        object.columns.push(Col {
            name,
            ty: column_type(&text(row, 5).unwrap_or_default(), number(6), number(7), number(9), number(10)),
            nullable: yes(11),
            computed: yes(12),
            identity: text(row, 13),
            indexed: yes(14),
        });
    }
    Some(object)
}

fn column_type(
    name: &str,
    length: Option<i64>,
    chars: Option<i64>,
    precision: Option<i64>,
    scale: Option<i64>,
) -> Ty {
    let size = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let small = |n: Option<i64>, otherwise: u8| n.and_then(|n| u8::try_from(n).ok()).unwrap_or(otherwise);
    let (bytes, chars) = (size(length), size(chars));
    match name {
        "VARCHAR2" => Ty::Varchar { bytes, chars, national: false },
        "NVARCHAR2" => Ty::Varchar { bytes, chars, national: true },
        "CHAR" => Ty::Char { bytes, chars, national: false },
        "NCHAR" => Ty::Char { bytes, chars, national: true },
        "NUMBER" if precision.is_none() && scale.is_none() => NUMBER,
        "NUMBER" => Ty::Number {
            precision: small(precision, 38),
            scale: scale.and_then(|s| i16::try_from(s).ok()).unwrap_or(0),
        },
        "FLOAT" => Ty::Float(small(precision, 126)),
        "BINARY_FLOAT" => Ty::BFloat,
        "BINARY_DOUBLE" => Ty::BDouble,
        "DATE" => Ty::Date,
        "TIMESTAMP" => Ty::Ts(small(scale, 6)),
        "TIMESTAMP WITH TIME ZONE" => Ty::TsTz(small(scale, 6)),
        "TIMESTAMP WITH LOCAL TIME ZONE" => Ty::TsLtz(small(scale, 6)),
        "RAW" => Ty::Raw(bytes),
        "CLOB" => Ty::Clob { national: false },
        "NCLOB" => Ty::Clob { national: true },
        "BLOB" => Ty::Blob,
        "LONG" => Ty::Long,
        "ROWID" => Ty::Rowid,
        "INTERVAL DAY TO SECOND" => Ty::IntervalDs,
        "INTERVAL YEAR TO MONTH" => Ty::IntervalYm,
        _ => Ty::Bool,
    }
}
