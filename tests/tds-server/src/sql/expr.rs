//! Owns the grammar of values and conditions, which T-SQL keeps apart; never runs anything.

use crate::error::err_class;
use crate::sql::ast::{Call, Expr};
use crate::sql::lexer::{Kind, is_reserved};
use crate::sql::parser::{Parsed, Parser};

/// Keywords that are functions all the same.
const KEYWORD_FUNCTIONS: &[&str] = &["LEFT", "RIGHT", "COALESCE", "NULLIF", "CONVERT", "TRY_CONVERT", "USER"];
/// Functions without parentheses.
const BARE_FUNCTIONS: &[&str] = &["CURRENT_TIMESTAMP", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "USER"];

impl Parser {
    /// A value; a condition in its place is a syntax error.
    pub(crate) fn value(&mut self) -> Parsed<Expr> {
        let start = self.at;
        let value = self.sum()?;
        if value.is_condition() {
            // Parentheses around a condition: the real one stumbles at its operator.
            self.at = start;
            while !matches!(
                self.peek().kind,
                Kind::Mark("=" | "<" | ">" | "<>" | "<=" | ">=" | "!=") | Kind::End
            ) && !["IS", "LIKE", "IN", "BETWEEN", "AND", "OR", "NOT", "EXISTS"]
                .iter()
                .any(|k| self.is(k))
            {
                self.at += 1;
            }
            return self.fail();
        }
        Ok(value)
    }

    /// A condition; a value in its place is error 4145.
    pub(crate) fn condition(&mut self) -> Parsed<Expr> {
        let mut left = self.conjunction()?;
        while self.take("OR") {
            let right = self.conjunction()?;
            left = Expr::Or(Box::new(left), Box::new(right));
        }
        self.demand(left)
    }

    fn conjunction(&mut self) -> Parsed<Expr> {
        let mut left = self.negation()?;
        while self.is("AND") {
            left = self.demand(left)?;
            self.at += 1;
            let right = self.negation()?;
            let right = self.demand(right)?;
            left = Expr::And(Box::new(left), Box::new(right));
        }
        self.demand(left)
    }

    fn demand(&self, expr: Expr) -> Parsed<Expr> {
        if expr.is_condition() {
            return Ok(expr);
        }
        let token = self.peek();
        let near = self.text.get(token.start..token.end).filter(|t| !t.is_empty()).unwrap_or(")");
        Err(err_class(
            4145,
            15,
            1,
            format!(
                "An expression of non-boolean type specified in a context where a condition is expected, near '{near}'."
            ),
        )
        .at(token.line))
    }

    fn negation(&mut self) -> Parsed<Expr> {
        if self.take("NOT") {
            let inner = self.negation()?;
            return Ok(Expr::Not(Box::new(self.demand(inner)?)));
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Parsed<Expr> {
        if self.is("EXISTS") {
            self.at += 1;
            self.expect_mark("(")?;
            let query = self.query()?;
            self.expect_mark(")")?;
            return Ok(Expr::Exists(Box::new(query)));
        }
        let left = self.sum()?;
        if left.is_condition() {
            return Ok(left);
        }
        let left = Box::new(left);
        for mark in ["=", "<>", "!=", "<=", ">=", "!<", "!>", "<", ">"] {
            if self.take_mark(mark) {
                let op = match mark {
                    "!=" => "<>",
                    "!<" => ">=",
                    "!>" => "<=",
                    other => other,
                };
                if self.take_any(&["ALL", "ANY", "SOME"]).is_some() {
                    return self.fail();
                }
                return Ok(Expr::Compare(op, left, Box::new(self.value()?)));
            }
        }
        if self.take("IS") {
            let not = self.take("NOT");
            self.expect("NULL")?;
            return Ok(Expr::IsNull(left, not));
        }
        let not = self.take("NOT");
        if self.take("IN") {
            return self.membership(left, not);
        }
        if self.take("BETWEEN") {
            let low = self.value()?;
            self.expect("AND")?;
            return Ok(Expr::Between(left, Box::new(low), Box::new(self.value()?), not));
        }
        if self.take("LIKE") {
            let pattern = self.value()?;
            let escape = if self.take("ESCAPE") { Some(Box::new(self.value()?)) } else { None };
            return Ok(Expr::Like(left, Box::new(pattern), escape, not));
        }
        if not { self.fail() } else { Ok(*left) }
    }

    fn membership(&mut self, left: Box<Expr>, not: bool) -> Parsed<Expr> {
        self.expect_mark("(")?;
        if self.is("SELECT") || self.is("WITH") {
            let query = self.query()?;
            self.expect_mark(")")?;
            return Ok(Expr::InQuery(left, Box::new(query), not));
        }
        let mut list = vec![self.value()?];
        while self.take_mark(",") {
            list.push(self.value()?);
        }
        self.expect_mark(")")?;
        Ok(Expr::InList(left, list, not))
    }

    fn sum(&mut self) -> Parsed<Expr> {
        let mut left = self.product()?;
        loop {
            let Kind::Mark(mark @ ("+" | "-" | "&" | "|" | "^")) = self.peek().kind else { return Ok(left) };
            if left.is_condition() {
                return self.fail();
            }
            self.at += 1;
            let right = self.product()?;
            let op = mark.chars().next().unwrap_or('+');
            left = Expr::Binary(op, Box::new(left), Box::new(right));
        }
    }

    fn product(&mut self) -> Parsed<Expr> {
        let mut left = self.unary()?;
        loop {
            let Kind::Mark(mark @ ("*" | "/" | "%")) = self.peek().kind else { return Ok(left) };
            self.at += 1;
            let right = self.unary()?;
            let op = mark.chars().next().unwrap_or('*');
            left = Expr::Binary(op, Box::new(left), Box::new(right));
        }
    }

    fn unary(&mut self) -> Parsed<Expr> {
        if self.take_mark("-") {
            return Ok(Expr::Negate(Box::new(self.unary()?)));
        }
        if self.take_mark("+") {
            return self.unary();
        }
        if self.take_mark("~") {
            return Ok(Expr::BitNot(Box::new(self.unary()?)));
        }
        let mut value = self.primary()?;
        while self.take("COLLATE") {
            value = Expr::Collate(Box::new(value), self.ident()?);
        }
        Ok(value)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.peek().clone();
        match token.kind {
            Kind::Number(digits) => {
                self.at += 1;
                Ok(Expr::Number(digits, false))
            }
            Kind::Float(digits) => {
                self.at += 1;
                Ok(Expr::Number(digits, true))
            }
            Kind::Text(text, national) => {
                self.at += 1;
                Ok(Expr::Text(text, national))
            }
            Kind::Hex(bytes) => {
                self.at += 1;
                Ok(Expr::Hex(bytes))
            }
            Kind::Variable(_) => Ok(Expr::Var(self.variable()?)),
            Kind::Mark("(") => self.parenthesis(),
            Kind::Word(word) => self.word(&word),
            Kind::Quoted(_) => self.column_or_call(),
            _ => self.fail(),
        }
    }

    fn parenthesis(&mut self) -> Parsed<Expr> {
        self.expect_mark("(")?;
        if self.is("SELECT") || self.is("WITH") {
            let query = self.query()?;
            self.expect_mark(")")?;
            return Ok(Expr::Query(Box::new(query)));
        }
        let mut left = self.loose_conjunction()?;
        while self.take("OR") {
            let right = self.conjunction()?;
            left = Expr::Or(Box::new(self.demand(left)?), Box::new(right));
        }
        self.expect_mark(")")?;
        Ok(left)
    }

    /// What may stand in parentheses: a condition or a value.
    fn loose_conjunction(&mut self) -> Parsed<Expr> {
        let mut left = self.negation()?;
        while self.is("AND") {
            left = self.demand(left)?;
            self.at += 1;
            let right = self.negation()?;
            left = Expr::And(Box::new(left), Box::new(self.demand(right)?));
        }
        Ok(left)
    }

    fn word(&mut self, word: &str) -> Parsed<Expr> {
        let upper = word.to_ascii_uppercase();
        let call = matches!(self.peek_at(1).kind, Kind::Mark("("));
        match upper.as_str() {
            "NULL" => {
                self.at += 1;
                Ok(Expr::Null)
            }
            "CASE" => self.case(),
            "DEFAULT" => {
                self.at += 1;
                Ok(Expr::Default)
            }
            "CAST" | "TRY_CAST" if call => {
                self.at += 2;
                let value = self.value()?;
                self.expect("AS")?;
                let ty = self.cast_type()?;
                self.expect_mark(")")?;
                Ok(Expr::Cast(Box::new(value), ty, None, upper.starts_with("TRY")))
            }
            "CONVERT" | "TRY_CONVERT" if call => {
                self.at += 2;
                let ty = self.cast_type()?;
                self.expect_mark(",")?;
                let value = self.value()?;
                let style = if self.take_mark(",") { Some(Box::new(self.value()?)) } else { None };
                self.expect_mark(")")?;
                Ok(Expr::Cast(Box::new(value), ty, style, upper.starts_with("TRY")))
            }
            _ if call && KEYWORD_FUNCTIONS.contains(&upper.as_str()) => self.column_or_call(),
            _ if BARE_FUNCTIONS.contains(&upper.as_str()) => {
                self.at += 1;
                Ok(Expr::Call(Call {
                    name: upper,
                    args: Vec::new(),
                    distinct: false,
                    star: false,
                    over: None,
                }))
            }
            _ if is_reserved(word) => self.fail(),
            _ => self.column_or_call(),
        }
    }

    fn case(&mut self) -> Parsed<Expr> {
        self.expect("CASE")?;
        let operand = if self.is("WHEN") { None } else { Some(Box::new(self.value()?)) };
        let mut whens = Vec::new();
        while self.take("WHEN") {
            let when = if operand.is_some() { self.value()? } else { self.condition()? };
            self.expect("THEN")?;
            whens.push((when, self.value()?));
        }
        if whens.is_empty() {
            return self.fail();
        }
        let other = if self.take("ELSE") { Some(Box::new(self.value()?)) } else { None };
        self.expect("END")?;
        Ok(Expr::Case(operand, whens, other))
    }
}
