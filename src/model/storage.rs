//! How a database keeps a column. Words alone: what is bound as what is for the drivers.

/// How a database keeps a column, where a bound value has to be declared so: Oracle compares an index with nothing else.
/// See <https://docs.oracle.com/en/database/oracle/oracle-database/19/sqlrf/Data-Types.html>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Storage {
    /// A value is taken for what it is.
    #[default]
    Any,
    /// Text in the database's character set.
    VarChar,
    /// Text in the national character set.
    NVarChar,
    /// Text of a fixed length, in the database's character set: padded with spaces to so many of its units.
    Char(u32),
    /// Text of a fixed length in characters, in the national character set.
    NChar(u32),
    /// Long text in the database's character set.
    Clob,
    /// Long text in the national character set.
    NClob,
    /// Bytes.
    Raw,
    /// Many bytes.
    Blob,
    /// A decimal number.
    Number,
    /// A single.
    BinaryFloat,
    /// A double.
    BinaryDouble,
    /// A date with its time of day, in whole seconds.
    Date,
    /// A date and time with fractions.
    Timestamp,
    /// The same with a zone.
    TimestampTz,
    /// The same in the session's zone.
    TimestampLtz,
}

impl Storage {
    /// Whether an empty value is kept as NULL: Oracle's texts and bytes, see
    /// <https://docs.oracle.com/en/database/oracle/oracle-database/19/sqlrf/Nulls.html>.
    #[must_use]
    pub fn keeps_empty_as_null(self) -> bool {
        matches!(
            self,
            Self::VarChar
                | Self::NVarChar
                | Self::Char(_)
                | Self::NChar(_)
                | Self::Clob
                | Self::NClob
                | Self::Raw
                | Self::Blob
        )
    }
}
