//! The tree of a statement. It must never hold what is not in the text.

/// A name as the dictionary spells it: unquoted words are in upper case already.
pub(crate) type Name = String;

/// `a`, `b.a` or `c.b.a`.
pub(crate) type Path = Vec<Name>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Null,
    Num(String),
    Str(String, bool),
    /// The number of the placeholder, from 0.
    Bind(usize),
    Name(Path),
    /// `:NEW.x` and `:OLD.x` of triggers.
    Row(Name, Name),
    DateLiteral(String),
    TimestampLiteral(String),
    Interval(String, String),
    Negative(Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Compare(&'static str, Box<Expr>, Box<Expr>),
    Quantified(&'static str, Box<Expr>, &'static str, Box<Query>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    IsNull(Box<Expr>, bool),
    Between(Box<Expr>, Box<Expr>, Box<Expr>, bool),
    In(Box<Expr>, Vec<Expr>, bool),
    InQuery(Box<Expr>, Box<Query>, bool),
    Like(Box<Expr>, Box<Expr>, Option<Box<Expr>>, bool),
    Exists(Box<Query>),
    Case(Option<Box<Expr>>, Vec<(Expr, Expr)>, Option<Box<Expr>>),
    Cast(Box<Expr>, TypeName),
    Extract(Name, Box<Expr>),
    Trim(&'static str, Option<Box<Expr>>, Box<Expr>),
    AtZone(Box<Expr>, Option<Box<Expr>>),
    Func(Box<Func>),
    Sub(Box<Query>),
    Tuple(Vec<Expr>),
    /// `SQL%ROWCOUNT` and the like.
    Cursor(Name),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Func {
    pub(crate) name: Path,
    pub(crate) args: Vec<(Option<Name>, Expr)>,
    pub(crate) star: bool,
    pub(crate) distinct: bool,
    pub(crate) within: Vec<Order>,
    pub(crate) over: Option<(Vec<Expr>, Vec<Order>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TypeName {
    /// In upper case, without lengths: `VARCHAR2`, `TIMESTAMP WITH TIME ZONE`, or a user's own name.
    pub(crate) name: String,
    pub(crate) args: Vec<i32>,
    /// `BYTE` or `CHAR`, if said.
    pub(crate) unit: Option<String>,
    /// `t.c%TYPE`.
    pub(crate) like: Option<Path>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) by: Expr,
    pub(crate) descending: bool,
    pub(crate) nulls_first: Option<bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) with: Vec<(Name, Vec<Name>, Query)>,
    pub(crate) body: Body,
    pub(crate) order: Vec<Order>,
    pub(crate) offset: Option<Expr>,
    pub(crate) fetch: Option<Expr>,
    pub(crate) lock: Option<Lock>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Select(Box<Select>),
    Set(&'static str, Box<Body>, Box<Body>),
    Nested(Box<Query>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Select {
    pub(crate) distinct: bool,
    pub(crate) items: Vec<Item>,
    pub(crate) into: Vec<Expr>,
    pub(crate) from: Vec<From>,
    pub(crate) filter: Option<Expr>,
    pub(crate) group: Vec<Expr>,
    pub(crate) having: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Star,
    TableStar(Path),
    Expr(Expr, Option<Name>, String),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub(crate) path: Path,
    pub(crate) link: Option<Name>,
    pub(crate) alias: Option<Name>,
    pub(crate) at: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum From {
    Table(Table),
    Query(Box<Query>, Option<Name>),
    Join(Box<From>, &'static str, Box<From>, Option<Expr>, Vec<Name>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wait {
    Forever,
    NoWait,
    Seconds(u32),
    SkipLocked,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lock {
    pub(crate) of: Vec<Path>,
    pub(crate) wait: Wait,
}

/// Columns that get a value: `a = 1` or `(a, b) = (SELECT ..)`.
pub(crate) type Assignment = (Vec<(Path, usize)>, Option<Expr>);

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Returning {
    pub(crate) what: Vec<Expr>,
    pub(crate) into: Vec<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Insert {
    pub(crate) table: Table,
    pub(crate) columns: Vec<(Path, usize)>,
    pub(crate) rows: Vec<Vec<Option<Expr>>>,
    pub(crate) query: Option<Box<Query>>,
    pub(crate) returning: Returning,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    pub(crate) table: Table,
    pub(crate) sets: Vec<Assignment>,
    pub(crate) filter: Option<Expr>,
    pub(crate) returning: Returning,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delete {
    pub(crate) table: Table,
    pub(crate) filter: Option<Expr>,
    pub(crate) returning: Returning,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Merge {
    pub(crate) table: Table,
    pub(crate) source: From,
    pub(crate) on: Expr,
    pub(crate) update: Option<(Vec<Assignment>, Option<Expr>, Option<Expr>)>,
    pub(crate) insert: Option<(Vec<(Path, usize)>, Vec<Option<Expr>>, Option<Expr>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnDef {
    pub(crate) name: Name,
    pub(crate) ty: Option<TypeName>,
    pub(crate) default: Option<(Expr, String)>,
    pub(crate) default_on_null: bool,
    /// `ALWAYS`, `BY DEFAULT` or `BY DEFAULT ON NULL`.
    pub(crate) identity: Option<&'static str>,
    pub(crate) identity_start: Option<i64>,
    pub(crate) computed: Option<(Expr, String)>,
    pub(crate) not_null: Option<bool>,
    pub(crate) constraints: Vec<Constraint>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    Primary(Vec<Name>),
    Unique(Vec<Name>),
    Check(Expr, String),
    Foreign { columns: Vec<Name>, table: Path, targets: Vec<Name>, on_delete: Option<&'static str> },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Constraint {
    pub(crate) name: Option<Name>,
    pub(crate) rule: Rule,
    pub(crate) disabled: bool,
    pub(crate) deferrable: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AlterTable {
    Add(Vec<ColumnDef>, Vec<Constraint>),
    Modify(Vec<ColumnDef>),
    DropColumns(Vec<Name>),
    DropConstraint(Name),
    DropPrimary,
    RenameColumn(Name, Name),
    RenameTo(Name),
    Constraint(Name, bool),
    Triggers(bool),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sequence {
    pub(crate) start: Option<i64>,
    pub(crate) increment: Option<i64>,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<String>,
    pub(crate) cycle: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trigger {
    pub(crate) name: Path,
    /// `BEFORE`, `AFTER` or `INSTEAD OF`.
    pub(crate) when: &'static str,
    /// `INSERT`, `UPDATE`, `DELETE`, with the columns of UPDATE OF.
    pub(crate) events: Vec<(&'static str, Vec<Name>)>,
    pub(crate) table: Path,
    pub(crate) each_row: bool,
    pub(crate) condition: Option<Expr>,
    pub(crate) disabled: bool,
    pub(crate) body: Block,
    pub(crate) text: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Param {
    pub(crate) name: Name,
    /// `IN`, `OUT` or `IN OUT`.
    pub(crate) mode: &'static str,
    pub(crate) ty: TypeName,
    pub(crate) default: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Routine {
    pub(crate) name: Path,
    pub(crate) params: Vec<Param>,
    pub(crate) returns: Option<TypeName>,
    pub(crate) body: Block,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ddl {
    CreateTable {
        name: Path,
        temporary: bool,
        columns: Vec<ColumnDef>,
        constraints: Vec<Constraint>,
        query: Option<Box<Query>>,
    },
    CreateIndex {
        name: Path,
        table: Path,
        unique: bool,
        keys: Vec<(Expr, bool, String)>,
    },
    CreateView {
        name: Path,
        columns: Vec<Name>,
        query: Box<Query>,
        text: String,
        read_only: bool,
    },
    CreateSequence(Path, Sequence),
    CreateSynonym {
        name: Path,
        public: bool,
        target: Path,
        link: Option<Name>,
    },
    CreateTrigger(Box<Trigger>),
    CreateRoutine(Box<Routine>),
    CreateUser(Name, String),
    AlterUser(Name, Option<String>, Option<&'static str>),
    CreateRole(Name),
    CreateDatabase(Name),
    DropDatabase(Name),
    AlterTable(Path, Vec<AlterTable>),
    AlterTrigger(Path, bool),
    AlterIndex(Path, &'static str),
    AlterSequence(Path, Sequence),
    Drop {
        kind: String,
        name: Path,
        public: bool,
    },
    Truncate(Path),
    Comment,
    Grant {
        privileges: Vec<(String, Vec<Name>)>,
        on: Option<Path>,
        to: Vec<Name>,
    },
    Revoke {
        privileges: Vec<(String, Vec<Name>)>,
        on: Option<Path>,
        from: Vec<Name>,
    },
    Rename(Name, Name),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Block {
    pub(crate) declarations: Vec<Declaration>,
    pub(crate) body: Vec<Step>,
    /// The names of the exceptions (`OTHERS` for all) and what is done.
    pub(crate) handlers: Vec<(Vec<Name>, Vec<Step>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Declaration {
    Variable(Name, TypeName, Option<Expr>),
    Exception(Name),
    /// `PRAGMA EXCEPTION_INIT(name, number)`.
    ExceptionInit(Name, i32),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Sql(Box<Statement>),
    Assign(Expr, Expr),
    Call(Path, Vec<(Option<Name>, Expr)>),
    If(Vec<(Expr, Vec<Step>)>, Vec<Step>),
    While(Option<Expr>, Vec<Step>),
    ForRange(Name, Expr, Expr, Vec<Step>),
    ForQuery(Name, Box<Query>, Vec<Step>),
    Exit(Option<Expr>),
    Return(Option<Expr>),
    Raise(Option<Name>),
    Block(Box<Block>),
    Execute(Expr),
    Nothing,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Statement {
    Select(Box<Query>),
    Insert(Box<Insert>),
    Update(Box<Update>),
    Delete(Box<Delete>),
    Merge(Box<Merge>),
    Commit,
    Rollback(Option<Name>),
    Savepoint(Name),
    SetTransaction(&'static str),
    LockTable(Vec<Table>, String, Wait),
    AlterSession(Vec<(Name, String)>),
    /// `ALTER SYSTEM KILL SESSION 'sid,serial#'`.
    KillSession(String),
    Ddl(Box<Ddl>),
    Block(Box<Block>),
    Call(Path, Vec<(Option<Name>, Expr)>),
}
