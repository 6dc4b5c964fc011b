//! The parser's hands: looking at tokens, taking them, names, types. It must never decide what a statement means.

use crate::ora::{Ora, OraError};
use crate::sql::ast::{Expr, Name, Path, Statement, TypeName};
use crate::sql::lexer::{Tok, Token, tokens};

/// What the server's version makes of the grammar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) major: u32,
    pub(crate) minor: u32,
}

impl Rules {
    pub(crate) fn name_bytes(self) -> usize {
        if (self.major, self.minor) >= (12, 2) { 128 } else { 30 }
    }

    pub(crate) fn at_least(self, major: u32) -> bool {
        self.major >= major
    }
}

/// A parsed statement and its placeholders.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) statement: Statement,
    pub(crate) binds: Vec<String>,
}

/// A place in the tokens of a statement.
pub(crate) struct Parser<'a> {
    pub(crate) sql: &'a str,
    tokens: Vec<Token>,
    pub(crate) at: usize,
    pub(crate) rules: Rules,
    pub(crate) binds: Vec<String>,
    /// In blocks a placeholder counts once, wherever it stands.
    pub(crate) once: bool,
    /// `:NEW` and `:OLD` are rows, not placeholders.
    pub(crate) trigger: bool,
}

/// Words that cannot be names without quotes
/// (<https://docs.oracle.com/en/database/oracle/oracle-database/19/sqlrf/Oracle-SQL-Reserved-Words.html>).
const RESERVED: &str = " ACCESS ADD ALL ALTER AND ANY AS ASC AUDIT BETWEEN BY CHAR CHECK CLUSTER COLUMN COMMENT COMPRESS \
CONNECT CREATE CURRENT DATE DECIMAL DEFAULT DELETE DESC DISTINCT DROP ELSE EXCLUSIVE EXISTS FILE FLOAT FOR FROM GRANT \
GROUP HAVING IDENTIFIED IMMEDIATE IN INCREMENT INDEX INITIAL INSERT INTEGER INTERSECT INTO IS LEVEL LIKE LOCK LONG \
MAXEXTENTS MINUS MLSLABEL MODE MODIFY NOAUDIT NOCOMPRESS NOT NOWAIT NULL NUMBER OF OFFLINE ON ONLINE OPTION OR ORDER \
PCTFREE PRIOR PUBLIC RAW RENAME RESOURCE REVOKE ROW ROWID ROWNUM ROWS SELECT SESSION SET SHARE SIZE SMALLINT START \
SUCCESSFUL SYNONYM SYSDATE TABLE THEN TO TRIGGER UID UNION UNIQUE UPDATE USER VALIDATE VALUES VARCHAR VARCHAR2 VIEW \
WHENEVER WHERE WITH ";

/// Words that end a table in FROM, though they can be names elsewhere.
const NO_ALIAS: &str =
    " LEFT RIGHT FULL INNER JOIN CROSS NATURAL OUTER USING FETCH OFFSET RETURNING RETURN LOG WHEN END ";

pub(crate) fn reserved(word: &str) -> bool {
    RESERVED.contains(&format!(" {word} "))
}

/// One statement, and nothing after it.
pub(crate) fn parse(sql: &str, rules: Rules) -> Ora<Parsed> {
    let mut parser = Parser::new(sql, rules)?;
    let statement = parser.statement()?;
    parser.finish(&statement)?;
    Ok(Parsed { statement, binds: parser.binds })
}

impl<'a> Parser<'a> {
    pub(crate) fn new(sql: &'a str, rules: Rules) -> Ora<Self> {
        let tokens = tokens(sql)?;
        Ok(Self { sql, tokens, at: 0, rules, binds: Vec::new(), once: false, trigger: false })
    }

    fn finish(&mut self, statement: &Statement) -> Ora<()> {
        let block = matches!(statement, Statement::Block(_) | Statement::Ddl(_));
        if block {
            self.op(";");
        }
        match self.tok() {
            Tok::End => Ok(()),
            Tok::Op(";" | "@" | "%" | "{" | "}" | "|") => Err(self.fail(911)),
            _ => Err(self.fail(933)),
        }
    }

    pub(crate) fn tok(&self) -> &Tok {
        self.ahead(0)
    }

    pub(crate) fn ahead(&self, n: usize) -> &Tok {
        self.tokens.get(self.at + n).or(self.tokens.last()).map_or(&Tok::End, |t| &t.tok)
    }

    /// Where the current token stands in the text.
    pub(crate) fn offset(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |t| t.at)
    }

    /// The text from `from` up to the current token.
    pub(crate) fn text_from(&self, from: usize) -> String {
        self.sql.get(from..self.offset()).unwrap_or_default().trim_end().to_owned()
    }

    pub(crate) fn fail(&self, code: i32) -> OraError {
        OraError::plain(code).at(self.offset())
    }

    pub(crate) fn next(&mut self) -> Tok {
        let tok = self.tok().clone();
        self.at += 1;
        tok
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self.tok(), Tok::Word(w) if w == word)
    }

    pub(crate) fn is_words(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(i, word)| matches!(self.ahead(i), Tok::Word(w) if w == word))
    }

    pub(crate) fn word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn words(&mut self, words: &[&str]) -> bool {
        let found = self.is_words(words);
        if found {
            self.at += words.len();
        }
        found
    }

    /// The first of `words` that stands here.
    pub(crate) fn one_of(&mut self, words: &[&'static str]) -> Option<&'static str> {
        let found = words.iter().find(|w| self.is_word(w)).copied();
        self.at += usize::from(found.is_some());
        found
    }

    pub(crate) fn need(&mut self, word: &str, code: i32) -> Ora<()> {
        if self.word(word) { Ok(()) } else { Err(self.fail(code)) }
    }

    pub(crate) fn is_op(&self, op: &str) -> bool {
        matches!(self.tok(), Tok::Op(o) if *o == op)
    }

    pub(crate) fn op(&mut self, op: &str) -> bool {
        let found = self.is_op(op);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn open(&mut self) -> Ora<()> {
        if self.op("(") { Ok(()) } else { Err(self.fail(906)) }
    }

    pub(crate) fn close(&mut self) -> Ora<()> {
        if self.op(")") { Ok(()) } else { Err(self.fail(907)) }
    }

    pub(crate) fn semicolon(&mut self) -> Ora<()> {
        if self.op(";") { Ok(()) } else { Err(self.block_error()) }
    }

    /// What is wrong inside a block, as its compiler says.
    pub(crate) fn block_error(&self) -> OraError {
        let (line, what) = self.tokens.get(self.at).or(self.tokens.last()).map_or((1, String::new()), |t| {
            let what = match &t.tok {
                Tok::Word(w) | Tok::Quoted(w) | Tok::Num(w) | Tok::Str(w) | Tok::NStr(w) | Tok::Bind(w) => {
                    w.clone()
                }
                Tok::Op(o) => (*o).to_owned(),
                Tok::End => "end-of-file".to_owned(),
            };
            (t.line, what)
        });
        OraError::new(6550, format!("line {line}, column 1:\nPLS-00103: Encountered the symbol \"{what}\""))
            .at(self.offset())
    }

    fn checked(&self, name: Name) -> Ora<Name> {
        if name.len() > self.rules.name_bytes() { Err(self.fail(972)) } else { Ok(name) }
    }

    /// A name, or the error `code`.
    pub(crate) fn name(&mut self, code: i32) -> Ora<Name> {
        match self.tok().clone() {
            Tok::Word(w) if !reserved(&w) => {
                let name = self.checked(w)?;
                self.at += 1;
                Ok(name)
            }
            Tok::Quoted(q) => {
                let name = self.checked(q)?;
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.fail(code)),
        }
    }

    pub(crate) fn path(&mut self, code: i32) -> Ora<Path> {
        let mut path = vec![self.name(code)?];
        while self.is_op(".") {
            self.at += 1;
            path.push(self.name(code)?);
        }
        Ok(path)
    }

    pub(crate) fn names(&mut self, code: i32) -> Ora<Vec<Name>> {
        self.open()?;
        let mut names = vec![self.name(code)?];
        while self.op(",") {
            names.push(self.name(code)?);
        }
        self.close()?;
        Ok(names)
    }

    /// A name after a table or a query in FROM; AS is no part of it.
    pub(crate) fn table_alias(&mut self) -> Ora<Option<Name>> {
        match self.tok() {
            Tok::Word(w) if reserved(w) || NO_ALIAS.contains(&format!(" {w} ")) => Ok(None),
            Tok::Word(_) | Tok::Quoted(_) => self.name(933).map(Some),
            _ => Ok(None),
        }
    }

    pub(crate) fn placeholder(&mut self, name: String) -> Expr {
        let known = self.once.then(|| self.binds.iter().position(|b| *b == name)).flatten();
        Expr::Bind(known.unwrap_or_else(|| {
            self.binds.push(name);
            self.binds.len() - 1
        }))
    }

    pub(crate) fn integer(&mut self) -> Ora<i64> {
        let negative = self.op("-");
        match self.tok() {
            Tok::Num(n) => {
                let value: i64 = n.parse().map_err(|_| self.fail(922))?;
                self.at += 1;
                Ok(if negative { -value } else { value })
            }
            _ => Err(self.fail(922)),
        }
    }

    /// A type of a column, a cast or a variable.
    pub(crate) fn type_name(&mut self) -> Ora<TypeName> {
        let mut name = match self.next() {
            Tok::Word(w) => w,
            Tok::Quoted(q) => q,
            _ => {
                self.at -= 1;
                return Err(self.fail(902));
            }
        };
        let mut like = None;
        if self.is_op(".") || self.is_op("%") {
            let mut path = vec![name.clone()];
            while self.op(".") {
                path.push(self.name(902)?);
            }
            if self.op("%") && !self.word("TYPE") {
                self.need("ROWTYPE", 902)?;
                name = "%ROWTYPE".to_owned();
            }
            like = Some(path);
        }
        match name.as_str() {
            "LONG" if self.word("RAW") => name = "LONG RAW".to_owned(),
            "DOUBLE" if self.word("PRECISION") => name = "FLOAT".to_owned(),
            "NATIONAL" => {
                name =
                    if self.word("CHARACTER") || self.word("CHAR") { "NCHAR" } else { "NVARCHAR2" }.to_owned()
            }
            "CHAR" | "CHARACTER" if self.word("VARYING") => name = "VARCHAR2".to_owned(),
            _ => {}
        }
        let mut args = Vec::new();
        let mut unit = None;
        if self.is_op("(") && !matches!(self.ahead(1), Tok::Op(")")) {
            self.at += 1;
            loop {
                if self.op("*") {
                    args.push(38);
                } else {
                    args.push(i32::try_from(self.integer()?).map_err(|_| self.fail(902))?);
                }
                unit = self.one_of(&["BYTE", "CHAR"]).map(str::to_owned).or(unit);
                if !self.op(",") {
                    break;
                }
            }
            self.close()?;
        }
        match name.as_str() {
            "TIMESTAMP" if self.words(&["WITH", "LOCAL", "TIME", "ZONE"]) => {
                name.push_str(" WITH LOCAL TIME ZONE")
            }
            "TIMESTAMP" if self.words(&["WITH", "TIME", "ZONE"]) => name.push_str(" WITH TIME ZONE"),
            "INTERVAL" if self.word("DAY") => {
                self.precision()?;
                self.need("TO", 905)?;
                self.need("SECOND", 905)?;
                self.precision()?;
                name.push_str(" DAY TO SECOND");
            }
            "INTERVAL" if self.words(&["YEAR"]) => {
                self.precision()?;
                self.need("TO", 905)?;
                self.need("MONTH", 905)?;
                name.push_str(" YEAR TO MONTH");
            }
            _ => {}
        }
        Ok(TypeName { name, args, unit, like })
    }

    fn precision(&mut self) -> Ora<()> {
        if self.op("(") {
            self.integer()?;
            self.close()?;
        }
        Ok(())
    }
}
