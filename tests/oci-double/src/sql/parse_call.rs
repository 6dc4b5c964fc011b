//! Names and calls, with what may follow them. It must never take a link to another database.

use crate::ora::Ora;
use crate::sql::ast::{Expr, Func, Order};
use crate::sql::lexer::Tok;
use crate::sql::parse::Parser;

impl Parser<'_> {
    /// A column, a sequence's value, or a call.
    pub(crate) fn named(&mut self) -> Ora<Expr> {
        let mut path = vec![self.name(936)?];
        while self.is_op(".") {
            self.at += 1;
            // ROWID is reserved, but `t.ROWID` is a column.
            if self.is_word("ROWID") {
                self.at += 1;
                path.push("ROWID".to_owned());
            } else {
                path.push(self.name(1747)?);
            }
        }
        if self.is_op("@") {
            return Err(crate::ora::OraError::new(
                2019,
                "connection description for remote database not found",
            ));
        }
        if self.is_op("(") && matches!((self.ahead(1), self.ahead(2)), (Tok::Op("+"), Tok::Op(")"))) {
            return Err(crate::ora::OraError::absent("outer joins by (+)"));
        }
        if !self.op("(") {
            return Ok(Expr::Name(path));
        }
        let mut func = Func {
            name: path,
            args: Vec::new(),
            star: false,
            distinct: false,
            within: Vec::new(),
            over: None,
        };
        if self.op("*") {
            func.star = true;
        } else if !self.is_op(")") {
            func.distinct = self.word("DISTINCT") || self.word("UNIQUE");
            func.args = self.arguments()?;
        }
        self.close()?;
        if self.words(&["WITHIN", "GROUP"]) {
            self.open()?;
            func.within = self.order_by()?;
            self.close()?;
        }
        if self.is_word("OVER") && matches!(self.ahead(1), Tok::Op("(")) {
            self.at += 2;
            let mut partition = Vec::new();
            if self.words(&["PARTITION", "BY"]) {
                partition.push(self.expression()?);
                while self.op(",") {
                    partition.push(self.expression()?);
                }
            }
            let order = self.order_by()?;
            self.close()?;
            func.over = Some((partition, order));
        }
        Ok(Expr::Func(Box::new(func)))
    }

    /// Arguments up to the closing parenthesis, with names where they are given.
    pub(crate) fn arguments(&mut self) -> Ora<Vec<(Option<String>, Expr)>> {
        let mut args = Vec::new();
        loop {
            let name = match (self.tok().clone(), self.ahead(1)) {
                (Tok::Word(w) | Tok::Quoted(w), Tok::Op("=>")) => {
                    self.at += 2;
                    Some(w)
                }
                _ => None,
            };
            args.push((name, self.expression()?));
            if !self.op(",") {
                return Ok(args);
            }
        }
    }

    pub(crate) fn order_by(&mut self) -> Ora<Vec<Order>> {
        let mut order = Vec::new();
        if !self.words(&["ORDER", "BY"]) {
            return Ok(order);
        }
        loop {
            let by = self.expression()?;
            let descending = self.one_of(&["ASC", "DESC"]) == Some("DESC");
            let nulls_first = if self.word("NULLS") {
                let first = self.word("FIRST");
                if !first {
                    self.need("LAST", 905)?;
                }
                Some(first)
            } else {
                None
            };
            order.push(Order { by, descending, nulls_first });
            if !self.op(",") {
                return Ok(order);
            }
        }
    }
}
