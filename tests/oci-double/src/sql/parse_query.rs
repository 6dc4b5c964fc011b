//! Queries. It must never take LIMIT, AS before a table's alias, or FETCH from a server that is too old.

use crate::ora::Ora;
use crate::sql::ast::{Body, Expr, From, Item, Lock, Query, Select, Table, Wait};
use crate::sql::lexer::Tok;
use crate::sql::parse::{Parser, reserved};

impl Parser<'_> {
    pub(crate) fn query(&mut self) -> Ora<Query> {
        let mut with = Vec::new();
        if self.word("WITH") {
            loop {
                let name = self.name(903)?;
                let columns = if self.is_op("(") { self.names(904)? } else { Vec::new() };
                self.need("AS", 905)?;
                self.open()?;
                let query = self.query()?;
                self.close()?;
                with.push((name, columns, query));
                if !self.op(",") {
                    break;
                }
            }
        }
        let body = self.body()?;
        let order = self.order_by()?;
        let mut query = Query { with, body, order, offset: None, fetch: None, lock: None };
        self.row_limit(&mut query)?;
        if self.word("FOR") {
            self.need("UPDATE", 905)?;
            query.lock = Some(self.lock()?);
        }
        Ok(query)
    }

    fn row_limit(&mut self, query: &mut Query) -> Ora<()> {
        if !self.rules.at_least(12) {
            return Ok(());
        }
        if self.word("OFFSET") {
            query.offset = Some(self.expression()?);
            if self.one_of(&["ROW", "ROWS"]).is_none() {
                return Err(self.fail(905));
            }
        }
        if self.word("FETCH") {
            if self.one_of(&["FIRST", "NEXT"]).is_none() {
                return Err(self.fail(905));
            }
            let rows = if self.is_word("ROW") || self.is_word("ROWS") {
                Expr::Num("1".to_owned())
            } else {
                self.expression()?
            };
            if self.one_of(&["ROW", "ROWS"]).is_none() {
                return Err(self.fail(905));
            }
            self.need("ONLY", 905)?;
            query.fetch = Some(rows);
        }
        Ok(())
    }

    fn lock(&mut self) -> Ora<Lock> {
        let mut of = Vec::new();
        if self.word("OF") {
            of.push(self.path(904)?);
            while self.op(",") {
                of.push(self.path(904)?);
            }
        }
        Ok(Lock { of, wait: self.wait()? })
    }

    pub(crate) fn wait(&mut self) -> Ora<Wait> {
        if self.word("NOWAIT") {
            return Ok(Wait::Never);
        }
        if self.words(&["SKIP", "LOCKED"]) {
            return Ok(Wait::SkipLocked);
        }
        if self.word("WAIT") {
            let seconds = self.integer()?;
            return Ok(Wait::Seconds(u32::try_from(seconds).map_err(|_| self.fail(30005))?));
        }
        Ok(Wait::Forever)
    }

    fn body(&mut self) -> Ora<Body> {
        let mut left = self.block_or_nested()?;
        loop {
            let op = if self.words(&["UNION", "ALL"]) {
                "UNION ALL"
            } else if self.word("UNION") {
                "UNION"
            } else if self.word("INTERSECT") {
                "INTERSECT"
            } else if self.word("MINUS") || (self.rules.at_least(21) && self.word("EXCEPT")) {
                "EXCEPT"
            } else {
                return Ok(left);
            };
            left = Body::Set(op, Box::new(left), Box::new(self.block_or_nested()?));
        }
    }

    fn block_or_nested(&mut self) -> Ora<Body> {
        if self.op("(") {
            let query = self.query()?;
            self.close()?;
            return Ok(Body::Nested(Box::new(query)));
        }
        self.select().map(|s| Body::Select(Box::new(s)))
    }

    fn select(&mut self) -> Ora<Select> {
        self.need("SELECT", 928)?;
        let distinct = self.one_of(&["DISTINCT", "UNIQUE", "ALL"]).is_some_and(|w| w != "ALL");
        let mut items = vec![self.item()?];
        while self.op(",") {
            items.push(self.item()?);
        }
        let mut into = Vec::new();
        if self.once && self.word("INTO") {
            into.push(self.expression()?);
            while self.op(",") {
                into.push(self.expression()?);
            }
        }
        let mut from = Vec::new();
        if self.word("FROM") {
            from.push(self.joined()?);
            while self.op(",") {
                from.push(self.joined()?);
            }
        } else if !self.rules.at_least(23)
            || !matches!(self.tok(), Tok::End | Tok::Op(")" | ";") | Tok::Word(_))
        {
            return Err(self.fail(923));
        }
        let filter = if self.word("WHERE") { Some(self.condition()?) } else { None };
        let mut group = Vec::new();
        if self.words(&["GROUP", "BY"]) {
            group.push(self.expression()?);
            while self.op(",") {
                group.push(self.expression()?);
            }
        }
        let having = if self.word("HAVING") { Some(self.condition()?) } else { None };
        Ok(Select { distinct, items, into, from, filter, group, having })
    }

    fn item(&mut self) -> Ora<Item> {
        if self.op("*") {
            return Ok(Item::Star);
        }
        if let Some(path) = self.table_star()? {
            return Ok(Item::TableStar(path));
        }
        let from = self.offset();
        let value = self.expression()?;
        let text = self.text_from(from);
        if self.word("AS") {
            return Ok(Item::Expr(value, Some(self.name(923)?), text));
        }
        let alias = match self.tok() {
            Tok::Word(w) if reserved(w) => None,
            Tok::Word(_) | Tok::Quoted(_) => Some(self.name(923)?),
            _ => None,
        };
        Ok(Item::Expr(value, alias, text))
    }

    /// `t.*`.
    fn table_star(&mut self) -> Ora<Option<Vec<String>>> {
        let mut n = 0;
        while matches!(self.ahead(n), Tok::Word(_) | Tok::Quoted(_))
            && matches!(self.ahead(n + 1), Tok::Op("."))
        {
            n += 2;
            if matches!(self.ahead(n), Tok::Op("*")) {
                let mut path = vec![self.name(936)?];
                while self.op(".") && !self.is_op("*") {
                    path.push(self.name(936)?);
                }
                self.op("*");
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    fn joined(&mut self) -> Ora<From> {
        let mut left = self.source()?;
        loop {
            let kind = if self.words(&["CROSS", "JOIN"]) {
                "CROSS"
            } else if self.word("JOIN") || self.words(&["INNER", "JOIN"]) {
                "INNER"
            } else if let Some(kind) = self.one_of(&["LEFT", "RIGHT", "FULL"]) {
                self.word("OUTER");
                self.need("JOIN", 905)?;
                kind
            } else if self.words(&["NATURAL", "JOIN"]) {
                "NATURAL"
            } else {
                return Ok(left);
            };
            let right = self.source()?;
            let (mut on, mut using) = (None, Vec::new());
            if !matches!(kind, "CROSS" | "NATURAL") {
                if self.word("USING") {
                    using = self.names(904)?;
                } else {
                    self.need("ON", 905)?;
                    on = Some(self.condition()?);
                }
            }
            left = From::Join(Box::new(left), kind, Box::new(right), on, using);
        }
    }

    pub(crate) fn source(&mut self) -> Ora<From> {
        self.word("LATERAL");
        if !self.is_op("(") {
            return self.table().map(From::Table);
        }
        // Either a query or a join in parentheses.
        let mut n = 1;
        while matches!(self.ahead(n), Tok::Op("(")) {
            n += 1;
        }
        let is_query = matches!(self.ahead(n), Tok::Word(w) if w == "SELECT" || w == "WITH");
        self.at += 1;
        if !is_query {
            let inner = self.joined()?;
            self.close()?;
            return Ok(inner);
        }
        let query = self.query()?;
        self.close()?;
        let alias = self.table_alias()?;
        Ok(From::Query(Box::new(query), alias))
    }

    /// A table with its alias.
    pub(crate) fn table(&mut self) -> Ora<Table> {
        let at = self.offset();
        let path = self.path(903)?;
        let link = if self.op("@") { Some(self.path(903)?.join(".")) } else { None };
        let alias = self.table_alias()?;
        Ok(Table { path, link, alias, at })
    }
}
