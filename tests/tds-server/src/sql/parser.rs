//! Owns the parser's state and what all parts of the grammar share: words, names, types; never runs anything.

use std::collections::HashSet;
use std::sync::Arc;

use crate::error::{SqlError, err_class, no_variable, syntax};
use crate::sql::ast::{Expr, Name, Param, Stmt};
use crate::sql::lexer::{Kind, Token, is_reserved, lex, unexpected};
use crate::types::{MAX, SqlType, named};

/// What the parser comes to.
pub(crate) type Parsed<T> = Result<T, SqlError>;

/// A text on its way to statements.
pub(crate) struct Parser {
    pub(crate) text: Arc<str>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) at: usize,
    /// Variables that are known; `None` where the text is no batch and no variable is checked.
    pub(crate) declared: Option<HashSet<String>>,
    /// MERGE has ended without a semicolon.
    pub(crate) major: u8,
}

/// The statements of a batch in which `variables` are declared already.
pub(crate) fn batch(text: &str, quoted: bool, variables: &[String], major: u8) -> Parsed<Vec<Stmt>> {
    let mut parser = Parser::new(text, quoted)?;
    parser.major = major;
    parser.declared = Some(variables.iter().map(|v| v.to_lowercase()).collect());
    parser.statements()
}

/// A text that is one value, as the catalog keeps defaults and computed columns.
pub(crate) fn value(text: &str) -> Parsed<Expr> {
    let mut parser = Parser::new(text, true)?;
    let value = parser.value()?;
    parser.end()?;
    Ok(value)
}

/// A text that is one condition, as the catalog keeps checks and filters.
pub(crate) fn condition(text: &str) -> Parsed<Expr> {
    let mut parser = Parser::new(text, true)?;
    let condition = parser.condition()?;
    parser.end()?;
    Ok(condition)
}

/// The declarations of `sp_executesql`: `@a int, @b nvarchar(10) OUTPUT`.
pub(crate) fn params(text: &str) -> Parsed<Vec<Param>> {
    let mut parser = Parser::new(text, true)?;
    if parser.is_end() {
        return Ok(Vec::new());
    }
    let params = parser.param_list()?;
    parser.end()?;
    Ok(params)
}

/// The names in a text such as `[dbo].[t]` or `dbo.t`.
pub(crate) fn name(text: &str) -> Parsed<Name> {
    let mut parser = Parser::new(text, true)?;
    let name = parser.name()?;
    parser.end()?;
    Ok(name)
}

impl Parser {
    pub(crate) fn new(text: &str, quoted: bool) -> Parsed<Self> {
        Ok(Self { text: text.into(), tokens: lex(text, quoted)?, at: 0, declared: None, major: 14 })
    }

    pub(crate) fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    pub(crate) fn peek_at(&self, ahead: usize) -> &Token {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    pub(crate) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    pub(crate) fn line(&self) -> u32 {
        self.peek().line
    }

    pub(crate) fn is_end(&self) -> bool {
        self.peek().kind == Kind::End
    }

    pub(crate) fn fail<T>(&self) -> Parsed<T> {
        Err(unexpected(self.peek(), &self.text))
    }

    /// Whether the next word is this keyword.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.is_at(0, keyword)
    }

    pub(crate) fn is_at(&self, ahead: usize, keyword: &str) -> bool {
        matches!(&self.peek_at(ahead).kind, Kind::Word(w) if w.eq_ignore_ascii_case(keyword))
    }

    /// Takes the keyword if it is next.
    pub(crate) fn take(&mut self, keyword: &str) -> bool {
        let found = self.is(keyword);
        self.at += usize::from(found);
        found
    }

    /// Takes these keywords if all of them are next.
    pub(crate) fn take_all(&mut self, keywords: &[&str]) -> bool {
        let found = keywords.iter().enumerate().all(|(i, k)| self.is_at(i, k));
        if found {
            self.at += keywords.len();
        }
        found
    }

    /// Takes whichever of these keywords is next.
    pub(crate) fn take_any(&mut self, keywords: &[&'static str]) -> Option<&'static str> {
        keywords.iter().copied().find(|k| self.take(k))
    }

    pub(crate) fn expect(&mut self, keyword: &str) -> Parsed<()> {
        if self.take(keyword) { Ok(()) } else { self.fail() }
    }

    pub(crate) fn is_mark(&self, mark: &str) -> bool {
        matches!(self.peek().kind, Kind::Mark(m) if m == mark)
    }

    pub(crate) fn take_mark(&mut self, mark: &str) -> bool {
        let found = self.is_mark(mark);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn expect_mark(&mut self, mark: &str) -> Parsed<()> {
        if self.take_mark(mark) { Ok(()) } else { self.fail() }
    }

    pub(crate) fn end(&self) -> Parsed<()> {
        if self.is_end() { Ok(()) } else { self.fail() }
    }

    /// Whether a name may begin here.
    pub(crate) fn is_name(&self) -> bool {
        match &self.peek().kind {
            Kind::Word(word) => !is_reserved(word),
            Kind::Quoted(_) => true,
            _ => false,
        }
    }

    /// One name.
    pub(crate) fn ident(&mut self) -> Parsed<String> {
        if !self.is_name() {
            return self.fail();
        }
        match self.next().kind {
            Kind::Word(name) | Kind::Quoted(name) => Ok(name),
            _ => self.fail(),
        }
    }

    /// A name with its qualifiers; `db..t` leaves the schema empty.
    pub(crate) fn name(&mut self) -> Parsed<Name> {
        let mut parts = vec![self.ident()?];
        while self.is_mark(".") {
            self.at += 1;
            if self.is_mark(".") {
                parts.push(String::new());
                continue;
            }
            // After a point even keywords are names: `deleted.key` is refused, `t.name` is not.
            parts.push(self.ident()?);
        }
        if parts.len() > 4 {
            return Err(err_class(
                117,
                15,
                1,
                "The object name contains more than the maximum number of prefixes. The maximum is 3.",
            ));
        }
        Ok(parts)
    }

    /// `(a, b)`.
    pub(crate) fn name_list(&mut self) -> Parsed<Vec<String>> {
        self.expect_mark("(")?;
        let mut names = vec![self.ident()?];
        while self.take_mark(",") {
            names.push(self.ident()?);
        }
        self.expect_mark(")")?;
        Ok(names)
    }

    /// `name [AS] alias`: the alias, if there is one.
    pub(crate) fn alias(&mut self) -> Parsed<Option<String>> {
        if self.take("AS") {
            if let Kind::Text(text, _) = self.peek().kind.clone() {
                self.at += 1;
                return Ok(Some(text));
            }
            return self.ident().map(Some);
        }
        if !self.is_name() || self.begins_statement() {
            return Ok(None);
        }
        self.ident().map(Some)
    }

    /// Words that begin a statement without being reserved.
    fn begins_statement(&self) -> bool {
        self.is("THROW") && !matches!(self.peek_at(1).kind, Kind::Mark("," | ")" | "."))
    }

    /// A variable that must be declared.
    pub(crate) fn variable(&mut self) -> Parsed<String> {
        let token = self.next();
        let Kind::Variable(name) = token.kind else {
            self.at -= 1;
            return self.fail();
        };
        self.check_variable(&name).map_err(|e| e.at(token.line))?;
        Ok(name.to_lowercase())
    }

    pub(crate) fn check_variable(&self, name: &str) -> Parsed<()> {
        let Some(declared) = &self.declared else { return Ok(()) };
        if name.starts_with("@@") {
            const KNOWN: &[&str] = &[
                "@@rowcount",
                "@@trancount",
                "@@error",
                "@@version",
                "@@spid",
                "@@servername",
                "@@identity",
                "@@servicename",
                "@@language",
                "@@langid",
                "@@lock_timeout",
                "@@max_precision",
                "@@nestlevel",
                "@@options",
                "@@procid",
                "@@datefirst",
                "@@dbts",
                "@@fetch_status",
                "@@microsoftversion",
                "@@textsize",
                "@@max_connections",
            ];
            if !KNOWN.contains(&name.to_lowercase().as_str()) {
                return Err(no_variable(name));
            }
        } else if !declared.contains(&name.to_lowercase()) {
            return Err(no_variable(name));
        }
        Ok(())
    }

    pub(crate) fn declare(&mut self, name: &str) -> Parsed<()> {
        if let Some(declared) = &mut self.declared
            && !declared.insert(name.to_lowercase())
        {
            return Err(err_class(
                134,
                15,
                2,
                format!(
                    "The variable name '{name}' has already been declared. Variable names must be unique within a query batch or stored procedure."
                ),
            ));
        }
        Ok(())
    }

    /// A type with its arguments.
    pub(crate) fn data_type(&mut self) -> Parsed<SqlType> {
        Ok(self.data_type_named()?.1)
    }

    /// A type and its name as written.
    pub(crate) fn data_type_named(&mut self) -> Parsed<(String, SqlType)> {
        let line = self.line();
        let (Kind::Word(mut name) | Kind::Quoted(mut name)) = self.next().kind else {
            self.at -= 1;
            return self.fail();
        };
        if name.eq_ignore_ascii_case("sys") && self.take_mark(".") {
            name = self.ident()?;
        }
        if name.eq_ignore_ascii_case("double") && self.take("PRECISION") {
            name = "float".into();
        }
        if name.eq_ignore_ascii_case("national") {
            name = format!("n{}", self.ident()?.to_lowercase().replace("character", "char"));
        }
        if matches!(name.to_lowercase().as_str(), "char" | "character" | "nchar") && self.take("VARYING") {
            name = if name.to_lowercase().starts_with('n') { "nvarchar".into() } else { "varchar".into() };
        }
        let mut args = Vec::new();
        if self.take_mark("(") {
            loop {
                let token = self.next();
                match token.kind {
                    Kind::Number(digits) if !digits.contains('.') => {
                        args.push(digits.parse().map_err(|_| syntax(&digits).at(line))?);
                    }
                    Kind::Word(word) if word.eq_ignore_ascii_case("max") => args.push(MAX),
                    _ => {
                        self.at -= 1;
                        return self.fail();
                    }
                }
                if !self.take_mark(",") {
                    break;
                }
            }
            self.expect_mark(")")?;
        }
        let ty = named(&name, &args).map_err(|e| e.at(line))?;
        Ok((name, ty))
    }

    /// The type of CAST and CONVERT, where char and varchar without a length have 30.
    pub(crate) fn cast_type(&mut self) -> Parsed<SqlType> {
        let (_, ty) = self.data_type_named()?;
        let bare = !matches!(self.tokens[self.at - 1].kind, Kind::Mark(")"));
        Ok(match ty {
            _ if !bare => ty,
            SqlType::Char(1) => SqlType::Char(30),
            SqlType::VarChar(1) => SqlType::VarChar(30),
            SqlType::NChar(1) => SqlType::NChar(30),
            SqlType::NVarChar(1) => SqlType::NVarChar(30),
            SqlType::Binary(1) => SqlType::Binary(30),
            SqlType::VarBinary(1) => SqlType::VarBinary(30),
            _ => ty,
        })
    }

    /// Parameters with types, defaults and OUTPUT.
    pub(crate) fn param_list(&mut self) -> Parsed<Vec<Param>> {
        let mut params = Vec::new();
        loop {
            let token = self.next();
            let Kind::Variable(name) = token.kind else {
                self.at -= 1;
                return self.fail();
            };
            self.take("AS");
            let ty = self.data_type()?;
            let default = if self.take_mark("=") { Some(self.value()?) } else { None };
            let output = self.take("OUTPUT") || self.take("OUT");
            self.take("READONLY");
            params.push(Param { name: name.to_lowercase(), ty, default, output });
            if !self.take_mark(",") {
                return Ok(params);
            }
        }
    }

    /// The text from a token to where the parser stands.
    pub(crate) fn text_from(&self, token: usize) -> String {
        let start = self.tokens[token].start;
        let end = if self.at == 0 { 0 } else { self.tokens[self.at - 1].end };
        self.text.get(start..end.max(start)).unwrap_or_default().to_owned()
    }

    /// A whole number with an optional sign.
    pub(crate) fn integer(&mut self) -> Parsed<i64> {
        let negative = self.take_mark("-");
        match self.peek().kind.clone() {
            Kind::Number(digits) if !digits.contains('.') => {
                self.at += 1;
                let n: i64 = digits.parse().map_err(|_| syntax(&digits))?;
                Ok(if negative { -n } else { n })
            }
            _ => self.fail(),
        }
    }
}
