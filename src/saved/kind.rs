//! What a column can hold, as the file has it. A mirror of [`ColumnType`] and nothing more.

use serde::{Deserialize, Serialize};

use crate::model::table::{Calendar, Charset, ColumnType, TextLength};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Kind {
    Int {
        min: i128,
        max: i128,
    },
    Decimal {
        precision: u32,
        scale: u32,
        unsigned: bool,
    },
    Money {
        small: bool,
    },
    Float {
        single: bool,
    },
    Text {
        length: Length,
        charset: Characters,
    },
    Bytes {
        max: Option<u64>,
    },
    Date,
    Time {
        fraction: u32,
    },
    DateTime {
        fraction: u32,
        /// Files of earlier versions, which knew no SQL Server, do not have it.
        #[serde(default)]
        calendar: Counting,
    },
    Timestamp {
        fraction: u32,
    },
    Choice {
        members: Vec<String>,
        many: bool,
    },
    Year,
    Guid,
    Json,
    Other,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Length {
    Unlimited,
    Chars(u64),
    Bytes(u64),
    Units(u64),
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Counting {
    #[default]
    Full,
    From1753,
    Small,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Characters {
    Any,
    Utf8mb3,
    Latin1,
    Ascii,
    CodePage(u16),
    Iso8859(u8),
}

impl Kind {
    pub(super) fn of(kind: &ColumnType) -> Self {
        match kind {
            ColumnType::Int { min, max } => Self::Int { min: *min, max: *max },
            ColumnType::Decimal { precision, scale, unsigned } => {
                Self::Decimal { precision: *precision, scale: *scale, unsigned: *unsigned }
            }
            ColumnType::Money { small } => Self::Money { small: *small },
            ColumnType::Float { single } => Self::Float { single: *single },
            ColumnType::Text { length, charset } => Self::Text {
                length: match length {
                    TextLength::Unlimited => Length::Unlimited,
                    TextLength::Chars(n) => Length::Chars(*n),
                    TextLength::Bytes(n) => Length::Bytes(*n),
                    TextLength::Units(n) => Length::Units(*n),
                },
                charset: match charset {
                    Charset::Any => Characters::Any,
                    Charset::Utf8mb3 => Characters::Utf8mb3,
                    Charset::Latin1 => Characters::Latin1,
                    Charset::Ascii => Characters::Ascii,
                    Charset::CodePage(page) => Characters::CodePage(*page),
                    Charset::Iso8859(part) => Characters::Iso8859(*part),
                },
            },
            ColumnType::Bytes { max } => Self::Bytes { max: *max },
            ColumnType::Date => Self::Date,
            ColumnType::Time { fraction } => Self::Time { fraction: *fraction },
            ColumnType::DateTime { fraction, calendar } => {
                let calendar = match calendar {
                    Calendar::Full => Counting::Full,
                    Calendar::From1753 => Counting::From1753,
                    Calendar::Small => Counting::Small,
                };
                Self::DateTime { fraction: *fraction, calendar }
            }
            ColumnType::Timestamp { fraction } => Self::Timestamp { fraction: *fraction },
            ColumnType::Choice { members, many } => Self::Choice { members: members.clone(), many: *many },
            ColumnType::Year => Self::Year,
            ColumnType::Guid => Self::Guid,
            ColumnType::Json => Self::Json,
            ColumnType::Other => Self::Other,
        }
    }

    pub(super) fn model(self) -> ColumnType {
        match self {
            Self::Int { min, max } => ColumnType::Int { min, max },
            Self::Decimal { precision, scale, unsigned } => {
                ColumnType::Decimal { precision, scale, unsigned }
            }
            Self::Money { small } => ColumnType::Money { small },
            Self::Float { single } => ColumnType::Float { single },
            Self::Text { length, charset } => ColumnType::Text {
                length: match length {
                    Length::Unlimited => TextLength::Unlimited,
                    Length::Chars(n) => TextLength::Chars(n),
                    Length::Bytes(n) => TextLength::Bytes(n),
                    Length::Units(n) => TextLength::Units(n),
                },
                charset: match charset {
                    Characters::Any => Charset::Any,
                    Characters::Utf8mb3 => Charset::Utf8mb3,
                    Characters::Latin1 => Charset::Latin1,
                    Characters::Ascii => Charset::Ascii,
                    Characters::CodePage(page) => Charset::CodePage(page),
                    Characters::Iso8859(part) => Charset::Iso8859(part),
                },
            },
            Self::Bytes { max } => ColumnType::Bytes { max },
            Self::Date => ColumnType::Date,
            Self::Time { fraction } => ColumnType::Time { fraction },
            Self::DateTime { fraction, calendar } => {
                let calendar = match calendar {
                    Counting::Full => Calendar::Full,
                    Counting::From1753 => Calendar::From1753,
                    Counting::Small => Calendar::Small,
                };
                ColumnType::DateTime { fraction, calendar }
            }
            Self::Timestamp { fraction } => ColumnType::Timestamp { fraction },
            Self::Choice { members, many } => ColumnType::Choice { members, many },
            Self::Year => ColumnType::Year,
            Self::Guid => ColumnType::Guid,
            Self::Json => ColumnType::Json,
            Self::Other => ColumnType::Other,
        }
    }
}
