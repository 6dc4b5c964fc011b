//! Expressions and conditions. It must never take an operator of another dialect.

use crate::ora::Ora;
use crate::sql::ast::{Expr, Func};
use crate::sql::lexer::Tok;
use crate::sql::parse::{Parser, reserved};

/// Functions that are called without parentheses.
const BARE: [&str; 13] = [
    "SYSDATE",
    "SYSTIMESTAMP",
    "CURRENT_TIMESTAMP",
    "CURRENT_DATE",
    "LOCALTIMESTAMP",
    "USER",
    "UID",
    "ROWNUM",
    "ROWID",
    "LEVEL",
    "SESSIONTIMEZONE",
    "DBTIMEZONE",
    "SQLERRM",
];

impl Parser<'_> {
    pub(crate) fn condition(&mut self) -> Ora<Expr> {
        let mut left = self.conjunction()?;
        while self.word("OR") {
            left = Expr::Or(Box::new(left), Box::new(self.conjunction()?));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Ora<Expr> {
        let mut left = self.negation()?;
        while self.word("AND") {
            left = Expr::And(Box::new(left), Box::new(self.negation()?));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Ora<Expr> {
        if self.word("NOT") { Ok(Expr::Not(Box::new(self.negation()?))) } else { self.predicate() }
    }

    fn predicate(&mut self) -> Ora<Expr> {
        if self.is_word("EXISTS") && matches!(self.ahead(1), Tok::Op("(")) {
            self.at += 2;
            let query = self.query()?;
            self.close()?;
            return Ok(Expr::Exists(Box::new(query)));
        }
        let left = self.expression()?;
        let op = match self.tok() {
            Tok::Op(op @ ("=" | "<" | ">" | "<=" | ">=")) => Some(*op),
            Tok::Op("<>" | "!=" | "^=" | "~=") => Some("<>"),
            _ => None,
        };
        if let Some(op) = op {
            self.at += 1;
            if let Some(which) = self.one_of(&["ANY", "SOME", "ALL"]) {
                self.open()?;
                let query = self.query()?;
                self.close()?;
                return Ok(Expr::Quantified(op, Box::new(left), which, Box::new(query)));
            }
            return Ok(Expr::Compare(op, Box::new(left), Box::new(self.expression()?)));
        }
        if self.word("IS") {
            let not = self.word("NOT");
            self.need("NULL", 908)?;
            return Ok(Expr::IsNull(Box::new(left), not));
        }
        let not = self.word("NOT");
        if self.word("BETWEEN") {
            let low = self.expression()?;
            self.need("AND", 905)?;
            let high = self.expression()?;
            return Ok(Expr::Between(Box::new(left), Box::new(low), Box::new(high), not));
        }
        if self.word("LIKE") {
            let pattern = self.expression()?;
            let escape = if self.word("ESCAPE") { Some(Box::new(self.expression()?)) } else { None };
            return Ok(Expr::Like(Box::new(left), Box::new(pattern), escape, not));
        }
        if self.word("IN") {
            return self.membership(left, not);
        }
        if not {
            return Err(self.fail(920));
        }
        Ok(left)
    }

    fn membership(&mut self, left: Expr, not: bool) -> Ora<Expr> {
        if !self.op("(") {
            // A single placeholder or value may stand without parentheses.
            return Ok(Expr::In(Box::new(left), vec![self.expression()?], not));
        }
        if self.is_word("SELECT") || self.is_word("WITH") {
            let query = self.query()?;
            self.close()?;
            return Ok(Expr::InQuery(Box::new(left), Box::new(query), not));
        }
        let mut list = vec![self.expression()?];
        while self.op(",") {
            list.push(self.expression()?);
        }
        self.close()?;
        if list.len() > 1000 && !self.rules.at_least(23) {
            return Err(self.fail(1795));
        }
        Ok(Expr::In(Box::new(left), list, not))
    }

    /// Sums and concatenations, which bind alike.
    pub(crate) fn expression(&mut self) -> Ora<Expr> {
        let mut left = self.product()?;
        loop {
            let op = match self.tok() {
                Tok::Op(op @ ("+" | "-" | "||")) => *op,
                _ => return Ok(left),
            };
            self.at += 1;
            left = Expr::Binary(op, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Ora<Expr> {
        let mut left = self.signed()?;
        loop {
            let op = match self.tok() {
                Tok::Op(op @ ("*" | "/")) => *op,
                _ => return Ok(left),
            };
            self.at += 1;
            left = Expr::Binary(op, Box::new(left), Box::new(self.signed()?));
        }
    }

    fn signed(&mut self) -> Ora<Expr> {
        if self.op("-") {
            return Ok(Expr::Negative(Box::new(self.signed()?)));
        }
        self.op("+");
        let mut value = self.primary()?;
        while self.is_word("AT") {
            self.at += 1;
            if self.word("LOCAL") {
                value = Expr::AtZone(Box::new(value), None);
            } else {
                self.words(&["TIME", "ZONE"]);
                value = Expr::AtZone(Box::new(value), Some(Box::new(self.primary()?)));
            }
        }
        Ok(value)
    }

    fn primary(&mut self) -> Ora<Expr> {
        match self.tok().clone() {
            Tok::Num(n) => {
                self.at += 1;
                Ok(Expr::Num(n))
            }
            Tok::Str(s) => {
                self.at += 1;
                Ok(Expr::Str(s, false))
            }
            Tok::NStr(s) => {
                self.at += 1;
                Ok(Expr::Str(s, true))
            }
            Tok::Bind(name) => self.bind_or_row(name),
            Tok::Op("(") => self.parenthesized(),
            Tok::Quoted(_) => self.named(),
            Tok::Word(word) => self.worded(&word),
            _ => Err(self.fail(936)),
        }
    }

    fn bind_or_row(&mut self, name: String) -> Ora<Expr> {
        self.at += 1;
        if self.trigger && matches!(name.as_str(), "NEW" | "OLD") {
            if !self.op(".") {
                return Err(self.block_error());
            }
            let column = match self.next() {
                Tok::Word(w) | Tok::Quoted(w) => w,
                _ => return Err(self.block_error()),
            };
            return Ok(Expr::Row(name, column));
        }
        Ok(self.placeholder(name))
    }

    fn parenthesized(&mut self) -> Ora<Expr> {
        self.at += 1;
        if self.is_word("SELECT") || self.is_word("WITH") {
            let query = self.query()?;
            self.close()?;
            return Ok(Expr::Sub(Box::new(query)));
        }
        let first = self.condition()?;
        if !self.is_op(",") {
            self.close()?;
            return Ok(first);
        }
        let mut list = vec![first];
        while self.op(",") {
            list.push(self.expression()?);
        }
        self.close()?;
        Ok(Expr::Tuple(list))
    }

    fn worded(&mut self, word: &str) -> Ora<Expr> {
        match (word, self.ahead(1).clone()) {
            ("NULL", _) => {
                self.at += 1;
                Ok(Expr::Null)
            }
            ("CASE", _) => self.case(),
            ("CAST", Tok::Op("(")) => self.cast(),
            ("EXTRACT", Tok::Op("(")) => self.extract(),
            ("TRIM", Tok::Op("(")) => self.trim(),
            ("DATE", Tok::Str(s)) => {
                self.at += 2;
                Ok(Expr::DateLiteral(s))
            }
            ("TIMESTAMP", Tok::Str(s)) => {
                self.at += 2;
                Ok(Expr::TimestampLiteral(s))
            }
            ("INTERVAL", Tok::Str(s)) => {
                self.at += 2;
                self.interval(s)
            }
            ("SQL", Tok::Op("%")) => {
                self.at += 2;
                self.name(936).map(Expr::Cursor)
            }
            (w, _) if BARE.contains(&w) => self.bare(),
            (w, _) if reserved(w) => Err(self.fail(936)),
            _ => self.named(),
        }
    }

    /// `SYSDATE`, perhaps with a precision.
    fn bare(&mut self) -> Ora<Expr> {
        let Tok::Word(word) = self.next() else { return Err(self.fail(936)) };
        let mut args = Vec::new();
        if self.is_op("(") && word.ends_with("TIMESTAMP") {
            self.at += 1;
            args.push((None, self.expression()?));
            self.close()?;
        }
        Ok(Expr::Func(Box::new(Func {
            name: vec![word],
            args,
            star: false,
            distinct: false,
            within: Vec::new(),
            over: None,
        })))
    }

    fn interval(&mut self, value: String) -> Ora<Expr> {
        let mut unit = self.name(905)?;
        if self.op("(") {
            self.integer()?;
            self.close()?;
        }
        if self.word("TO") {
            unit = format!("{unit} TO {}", self.name(905)?);
        }
        Ok(Expr::Interval(value, unit))
    }

    fn case(&mut self) -> Ora<Expr> {
        self.at += 1;
        let operand = if self.is_word("WHEN") { None } else { Some(Box::new(self.expression()?)) };
        let mut whens = Vec::new();
        while self.word("WHEN") {
            let when = if operand.is_some() { self.expression()? } else { self.condition()? };
            self.need("THEN", 905)?;
            whens.push((when, self.expression()?));
        }
        let otherwise = if self.word("ELSE") { Some(Box::new(self.expression()?)) } else { None };
        if whens.is_empty() {
            return Err(self.fail(905));
        }
        self.need("END", 905)?;
        Ok(Expr::Case(operand, whens, otherwise))
    }

    fn cast(&mut self) -> Ora<Expr> {
        self.at += 2;
        let value = self.expression()?;
        self.need("AS", 905)?;
        let ty = self.type_name()?;
        self.close()?;
        Ok(Expr::Cast(Box::new(value), ty))
    }

    fn extract(&mut self) -> Ora<Expr> {
        self.at += 2;
        let field = self.name(907)?;
        self.need("FROM", 905)?;
        let value = self.expression()?;
        self.close()?;
        Ok(Expr::Extract(field, Box::new(value)))
    }

    fn trim(&mut self) -> Ora<Expr> {
        self.at += 2;
        let mode = self.one_of(&["LEADING", "TRAILING", "BOTH"]);
        let what = if self.is_word("FROM") { None } else { Some(self.expression()?) };
        let trimmed = if self.word("FROM") {
            let value = self.expression()?;
            Expr::Trim(mode.unwrap_or("BOTH"), what.map(Box::new), Box::new(value))
        } else {
            Expr::Trim(mode.unwrap_or("BOTH"), None, Box::new(what.ok_or_else(|| self.fail(936))?))
        };
        self.close()?;
        Ok(trimmed)
    }
}
