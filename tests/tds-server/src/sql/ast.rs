//! Owns the syntax tree of T-SQL; never holds a resolved name.

use crate::types::SqlType;

/// A value or a condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Null,
    /// Digits as written; `true` where an exponent makes it a float.
    Number(String, bool),
    Text(String, bool),
    Hex(Vec<u8>),
    Var(String),
    /// A column with its qualifiers.
    Column(Vec<String>),
    Negate(Box<Expr>),
    BitNot(Box<Expr>),
    /// `+ - * / % & | ^`.
    Binary(char, Box<Expr>, Box<Expr>),
    Compare(&'static str, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    IsNull(Box<Expr>, bool),
    InList(Box<Expr>, Vec<Expr>, bool),
    InQuery(Box<Expr>, Box<Query>, bool),
    Between(Box<Expr>, Box<Expr>, Box<Expr>, bool),
    Like(Box<Expr>, Box<Expr>, Option<Box<Expr>>, bool),
    Exists(Box<Query>),
    Case(Option<Box<Expr>>, Vec<(Expr, Expr)>, Option<Box<Expr>>),
    Call(Call),
    /// CAST and CONVERT: the value, its new type, the style, and whether it is TRY_.
    Cast(Box<Expr>, SqlType, Option<Box<Expr>>, bool),
    Query(Box<Query>),
    Collate(Box<Expr>, String),
    /// DEFAULT as a value of INSERT and UPDATE.
    Default,
}

/// A function's call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) args: Vec<Expr>,
    pub(crate) distinct: bool,
    /// `COUNT(*)`.
    pub(crate) star: bool,
    /// `OVER (PARTITION BY ... ORDER BY ...)`.
    pub(crate) over: Option<(Vec<Expr>, Vec<(Expr, bool)>)>,
}

impl Expr {
    /// Whether it is a condition, which T-SQL never takes for a value.
    pub(crate) fn is_condition(&self) -> bool {
        matches!(
            self,
            Self::Compare(..)
                | Self::And(..)
                | Self::Or(..)
                | Self::Not(_)
                | Self::IsNull(..)
                | Self::InList(..)
                | Self::InQuery(..)
                | Self::Between(..)
                | Self::Like(..)
                | Self::Exists(_)
        )
    }
}

/// A name of up to four parts, the last one first in meaning: server, database, schema, object.
pub(crate) type Name = Vec<String>;

/// SELECT with all that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) ctes: Vec<(String, Vec<String>, Query)>,
    pub(crate) body: Body,
    pub(crate) order: Vec<(Expr, bool)>,
    pub(crate) offset: Option<(Expr, Option<Expr>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Select(Box<Select>),
    /// UNION, UNION ALL, INTERSECT, EXCEPT.
    Set(&'static str, Box<Body>, Box<Body>),
    Nested(Box<Query>),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Select {
    pub(crate) distinct: bool,
    pub(crate) top: Option<Expr>,
    pub(crate) items: Vec<Item>,
    pub(crate) into: Option<Name>,
    pub(crate) from: Vec<From>,
    pub(crate) filter: Option<Expr>,
    pub(crate) group: Vec<Expr>,
    pub(crate) having: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Star(Option<Name>),
    Value(Expr, Option<String>),
    Assign(String, Expr),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum From {
    Table {
        name: Name,
        alias: Option<String>,
        hints: Vec<String>,
        line: u32,
    },
    /// A table variable.
    Variable {
        name: String,
        alias: Option<String>,
    },
    Derived {
        query: Box<Query>,
        alias: String,
        columns: Vec<String>,
    },
    Values {
        rows: Vec<Vec<Expr>>,
        alias: String,
        columns: Vec<String>,
    },
    /// `INNER`, `LEFT`, `RIGHT`, `FULL`, `CROSS`.
    Join(&'static str, Box<From>, Box<From>, Option<Expr>),
}

/// A statement with its line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stmt {
    pub(crate) line: u32,
    pub(crate) kind: StmtKind,
    /// The text of the statement, for the faults that look for one.
    pub(crate) text: std::sync::Arc<str>,
}

/// Where the rows of OUTPUT go.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Output {
    pub(crate) items: Vec<Item>,
    pub(crate) into: Option<(Name, Vec<String>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Insert {
    pub(crate) table: Name,
    pub(crate) columns: Vec<String>,
    pub(crate) output: Option<Output>,
    pub(crate) source: Source,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    Values(Vec<Vec<Expr>>),
    Query(Query),
    Defaults,
    Exec(Box<Exec>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    pub(crate) target: Name,
    pub(crate) hints: Vec<String>,
    pub(crate) top: Option<Expr>,
    pub(crate) set: Vec<(Set, Expr)>,
    pub(crate) output: Option<Output>,
    pub(crate) from: Vec<From>,
    pub(crate) filter: Option<Expr>,
}

/// What SET of an UPDATE assigns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Set {
    Column(Name),
    Variable(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delete {
    pub(crate) target: Name,
    pub(crate) hints: Vec<String>,
    pub(crate) top: Option<Expr>,
    pub(crate) output: Option<Output>,
    pub(crate) from: Vec<From>,
    pub(crate) filter: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Merge {
    pub(crate) target: Name,
    pub(crate) alias: Option<String>,
    pub(crate) hints: Vec<String>,
    pub(crate) source: From,
    pub(crate) on: Expr,
    pub(crate) clauses: Vec<MergeClause>,
    pub(crate) output: Option<Output>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MergeClause {
    pub(crate) when: MergeWhen,
    pub(crate) and: Option<Expr>,
    pub(crate) action: MergeAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MergeWhen {
    Matched,
    NotMatched,
    NotMatchedBySource,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum MergeAction {
    Update(Vec<(Set, Expr)>),
    Insert(Vec<String>, Vec<Expr>),
    Delete,
}

/// EXEC of a procedure, or of a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exec {
    pub(crate) result: Option<String>,
    pub(crate) target: ExecTarget,
    pub(crate) args: Vec<ExecArg>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExecTarget {
    Procedure(Name),
    Text(Expr),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ExecArg {
    pub(crate) name: Option<String>,
    pub(crate) value: Expr,
    pub(crate) output: bool,
}

/// A parameter of a procedure or of `sp_executesql`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) ty: SqlType,
    pub(crate) default: Option<Expr>,
    pub(crate) output: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnDef {
    pub(crate) name: String,
    pub(crate) ty: SqlType,
    /// As written, since numeric and sysname have ids of their own.
    pub(crate) type_name: String,
    pub(crate) computed: Option<(String, Expr, bool)>,
    pub(crate) nullable: Option<bool>,
    pub(crate) identity: Option<(i64, i64)>,
    pub(crate) default: Option<(Option<String>, String)>,
    pub(crate) collation: Option<String>,
    pub(crate) rowguid: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constraint {
    Key { name: Option<String>, primary: bool, columns: Vec<(String, bool)>, clustered: Option<bool> },
    Foreign { name: Option<String>, columns: Vec<String>, table: Name, refs: Vec<String>, cascade: (u8, u8) },
    Check { name: Option<String>, text: String },
    Default { name: Option<String>, text: String, column: String },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TableDef {
    pub(crate) columns: Vec<ColumnDef>,
    pub(crate) constraints: Vec<Constraint>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Alter {
    Add(TableDef),
    DropColumn(Vec<String>),
    DropConstraint(Vec<String>),
    Column(ColumnDef),
    /// ENABLE or DISABLE TRIGGER; no name means ALL.
    Trigger(bool, Option<String>),
    /// CHECK or NOCHECK CONSTRAINT.
    Check(bool, Option<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexDef {
    pub(crate) name: String,
    pub(crate) table: Name,
    pub(crate) unique: bool,
    pub(crate) clustered: bool,
    pub(crate) columns: Vec<(String, bool)>,
    pub(crate) include: Vec<String>,
    pub(crate) filter: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StmtKind {
    Declare(Vec<(String, SqlType, Option<Expr>)>),
    DeclareTable(String, TableDef),
    SetVar(String, Expr),
    /// SET options: name and value as written.
    SetOption(Vec<(String, String)>),
    IdentityInsert(Name, bool),
    If(Expr, Box<Stmt>, Option<Box<Stmt>>),
    While(Expr, Box<Stmt>),
    Block(Vec<Stmt>),
    Try(Vec<Stmt>, Vec<Stmt>),
    Break,
    Continue,
    Return(Option<Expr>),
    Print(Expr),
    RaiseError(Vec<Expr>, bool),
    Throw(Option<(Expr, Expr, Expr)>),
    Wait(Expr),
    Begin(Option<String>),
    Commit,
    Rollback(Option<String>),
    Save(String),
    Select(Query),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
    Merge(Merge),
    Exec(Exec),
    Use(String),
    Kill(i64),
    CreateTable(Name, TableDef),
    AlterTable(Name, Alter),
    CreateIndex(IndexDef),
    /// The action is DISABLE or REBUILD; no index name means ALL.
    AlterIndex(Option<String>, Name, bool),
    /// Kind as in sys.objects, `IF EXISTS`, names.
    Drop(&'static str, bool, Vec<Name>),
    DropIndex(String, Name),
    CreateSchema(String),
    CreateView(Name, String, Vec<String>, bool),
    CreateTrigger(TriggerDef),
    CreateProcedure(Name, String, bool),
    CreateSynonym(Name, Name),
    CreateLogin(String, String),
    CreateUser(String),
    AlterRole(String, String, bool),
    AlterDatabase(Option<String>, String, String),
    Truncate(Name),
    Trigger(bool, Option<Name>, Name),
    /// GRANT, DENY or REVOKE; permissions, object (or none: the database), users.
    Grant(&'static str, Vec<String>, Option<Name>, Vec<String>),
    Nothing,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TriggerDef {
    pub(crate) name: Name,
    pub(crate) table: Name,
    pub(crate) instead: bool,
    /// INSERT, UPDATE, DELETE.
    pub(crate) events: [bool; 3],
    /// The text after AS.
    pub(crate) body: String,
    pub(crate) text: String,
    pub(crate) alter: bool,
}
