//! Owns errors as Oracle words them: the number, the text, and where in the statement. It must never hold anything else.

use std::fmt::Write as _;

/// An error of the server or of the client library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OraError {
    pub(crate) code: i32,
    /// All of the text, with `ORA-nnnnn: ` in front.
    pub(crate) text: String,
    /// Where in the statement, in bytes.
    pub(crate) offset: usize,
}

pub(crate) type Ora<T> = Result<T, OraError>;

impl OraError {
    pub(crate) fn new(code: i32, message: impl AsRef<str>) -> Self {
        Self { code, text: format!("ORA-{code:05}: {}", message.as_ref()), offset: 0 }
    }

    pub(crate) fn at(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// An error with the text that belongs to its number, for those that name nothing.
    pub(crate) fn plain(code: i32) -> Self {
        Self::new(code, message(code))
    }

    /// The number that stands in a text like `ORA-20001: no`.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("ORA-")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(Self { code: digits.parse().ok()?, text: text.to_owned(), offset: 0 })
    }

    /// The same with another line below, as stacks have it.
    pub(crate) fn below(mut self, code: i32, message: &str) -> Self {
        let _ = write!(self.text, "\nORA-{code:05}: {message}");
        self
    }

    /// What cannot be done by the double.
    pub(crate) fn absent(what: &str) -> Self {
        Self::new(3001, format!("unimplemented feature: {what}"))
    }
}

/// The texts of errors that name nothing, from Oracle's error messages manual
/// (<https://docs.oracle.com/en/error-help/db/>).
pub(crate) fn message(code: i32) -> &'static str {
    match code {
        1 => "unique constraint violated",
        28 => "your session has been killed",
        54 => "resource busy and acquire with NOWAIT specified or timeout expired",
        60 => "deadlock detected while waiting for resource",
        257 => "Archiver error. Connect AS SYSDBA only until resolved.",
        900 => "invalid SQL statement",
        901 => "invalid CREATE command",
        902 => "invalid datatype",
        903 => "invalid table name",
        905 => "missing keyword",
        906 => "missing left parenthesis",
        907 => "missing right parenthesis",
        909 => "invalid number of arguments",
        911 => "invalid character",
        913 => "too many values",
        917 => "missing comma",
        918 => "column ambiguously defined",
        920 => "invalid relational operator",
        921 => "unexpected end of SQL command",
        922 => "missing or invalid option",
        923 => "FROM keyword not found where expected",
        925 => "missing INTO keyword",
        926 => "missing VALUES keyword",
        927 => "missing equal sign",
        928 => "missing SELECT keyword",
        932 => "inconsistent datatypes",
        933 => "SQL command not properly ended",
        934 => "group function is not allowed here",
        936 => "missing expression",
        937 => "not a single-group group function",
        942 => "table or view does not exist",
        947 => "not enough values",
        955 => "name is already used by an existing object",
        957 => "duplicate column name",
        969 => "missing ON keyword",
        971 => "missing SET keyword",
        972 => "identifier is too long",
        979 => "not a GROUP BY expression",
        988 => "missing or invalid password(s)",
        997 => "illegal use of LONG datatype",
        1002 => "fetch out of sequence",
        1008 => "not all variables bound",
        1012 => "not logged on",
        1013 => "user requested cancel of current operation",
        1017 => "invalid username/password; logon denied",
        1031 => "insufficient privileges",
        1033 => "ORACLE initialization or shutdown in progress",
        1036 => "illegal variable name/number",
        1086 => "savepoint never established in this session or is invalid",
        1089 => "immediate shutdown or close in progress - no operations are permitted",
        1400 => "cannot insert NULL",
        1403 => "no data found",
        1410 => "invalid ROWID",
        1418 => "specified index does not exist",
        1422 => "exact fetch returns more than requested number of rows",
        1427 => "single-row subquery returns more than one row",
        1430 => "column being added already exists in table",
        1438 => "value larger than specified precision allowed for this column",
        1461 => "can bind a LONG value only for insert into a LONG column",
        1465 => "invalid hex number",
        1476 => "divisor is equal to zero",
        1489 => "result of string concatenation is too long",
        1556 => "failed to allocate memory",
        1653 => "unable to extend table in tablespace USERS",
        1722 => "invalid number",
        1733 => "virtual column not allowed here",
        1747 => "invalid user.table.column, table.column, or column specification",
        1756 => "quoted string not properly terminated",
        1789 => "query block has incorrect number of result columns",
        1790 => "expression must have same datatype as corresponding expression",
        1795 => "maximum number of expressions in a list is 1000",
        1830 => "date format picture ends before converting entire input string",
        1839 => "date not valid for month specified",
        1840 => "input value not long enough for date format",
        1841 => "(full) year must be between -4713 and +9999, and not be 0",
        1843 => "not a valid month",
        1847 => "day of month must be between 1 and last day of month",
        1861 => "literal does not match format string",
        1922 => "CASCADE must be specified to drop",
        1918 => "user does not exist",
        1920 => "user name conflicts with another user or role name",
        2014 => "cannot select FOR UPDATE from view with DISTINCT, GROUP BY, etc.",
        2289 => "sequence does not exist",
        3113 => "end-of-file on communication channel",
        3114 => "not connected to ORACLE",
        3135 => "connection lost contact",
        3136 => "inbound connection timed out",
        3156 => "OCI call timed out",
        8002 => "sequence CURRVAL is not yet defined in this session",
        8177 => "can't serialize access for this transaction",
        12154 => "TNS:could not resolve the connect identifier specified",
        12505 => "TNS:listener does not currently know of SID given in connect descriptor",
        12514 => "TNS:listener does not currently know of service requested in connect descriptor",
        12541 => "TNS:no listener",
        12545 => "Connect failed because target host or object does not exist",
        12170 => "TNS:Connect timeout occurred",
        12537 => "TNS:connection closed",
        24381 => "error(s) in array DML",
        28000 => "The account is locked.",
        28001 => "The account has expired.",
        30006 => "resource busy; acquire with WAIT timeout expired",
        30926 => "unable to get a stable set of rows in the source tables",
        32795 => "cannot insert into a generated always identity column",
        32796 => "cannot update a generated always identity column",
        54013 => "INSERT operation disallowed on virtual columns",
        54017 => "UPDATE operation disallowed on virtual columns",
        _ => "error of the test double",
    }
}
