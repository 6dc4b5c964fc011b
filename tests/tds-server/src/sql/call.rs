//! Owns the grammar of names and calls of functions; never runs anything.

use crate::error::err_class;
use crate::sql::ast::{Call, Expr};
use crate::sql::lexer::Kind;
use crate::sql::parser::{Parsed, Parser};

impl Parser {
    pub(crate) fn column_or_call(&mut self) -> Parsed<Expr> {
        if !matches!(self.peek_at(1).kind, Kind::Mark("(")) {
            let mut parts = self.name()?;
            if matches!(self.peek().kind, Kind::Mark("(")) {
                // `dbo.f(...)`: no such function is kept here.
                return Err(err_class(
                    4121,
                    16,
                    1,
                    format!(
                        "Cannot find either column \"{}\" or the user-defined function or aggregate \"{}\", or the name is ambiguous.",
                        parts.remove(0),
                        self.text_from(self.at.saturating_sub(3))
                    ),
                )
                .at(self.line()));
            }
            return Ok(Expr::Column(parts));
        }
        let Kind::Word(name) = self.next().kind else {
            self.at -= 1;
            return self.fail();
        };
        self.expect_mark("(")?;
        let mut call = Call {
            name: name.to_ascii_uppercase(),
            args: Vec::new(),
            distinct: false,
            star: false,
            over: None,
        };
        if call.name == "IIF" && self.major >= 11 {
            let when = self.condition()?;
            self.expect_mark(",")?;
            let then = self.value()?;
            self.expect_mark(",")?;
            let other = self.value()?;
            self.expect_mark(")")?;
            return Ok(Expr::Case(None, vec![(when, then)], Some(Box::new(other))));
        }
        if self.take_mark("*") {
            call.star = true;
        } else if !self.is_mark(")") {
            call.distinct = self.take("DISTINCT");
            self.date_part(&mut call)?;
            loop {
                call.args.push(self.value()?);
                if !self.take_mark(",") {
                    break;
                }
            }
        }
        self.expect_mark(")")?;
        if self.take("OVER") {
            call.over = Some(self.window()?);
        }
        Ok(Expr::Call(call))
    }

    /// The first argument of DATEADD and its like is a bare word.
    pub(crate) fn date_part(&mut self, call: &mut Call) -> Parsed<()> {
        if matches!(call.name.as_str(), "DATEADD" | "DATEDIFF" | "DATEPART" | "DATENAME") {
            let Kind::Word(part) = self.next().kind else {
                self.at -= 1;
                return self.fail();
            };
            self.expect_mark(",")?;
            call.args.push(Expr::Text(part.to_lowercase(), false));
        }
        Ok(())
    }

    pub(crate) fn window(&mut self) -> Parsed<(Vec<Expr>, Vec<(Expr, bool)>)> {
        self.expect_mark("(")?;
        let mut partition = Vec::new();
        if self.take_all(&["PARTITION", "BY"]) {
            partition.push(self.value()?);
            while self.take_mark(",") {
                partition.push(self.value()?);
            }
        }
        let order = if self.take_all(&["ORDER", "BY"]) { self.order_items()? } else { Vec::new() };
        self.expect_mark(")")?;
        Ok((partition, order))
    }

    /// `a, b DESC`: the flag says DESC.
    pub(crate) fn order_items(&mut self) -> Parsed<Vec<(Expr, bool)>> {
        let mut items = Vec::new();
        loop {
            let value = self.value()?;
            let descending = matches!(self.take_any(&["ASC", "DESC"]), Some("DESC"));
            items.push((value, descending));
            if !self.take_mark(",") {
                return Ok(items);
            }
        }
    }
}
