//! Conditions. It must never compare what Oracle would not: a CLOB, a padded text with one that is not padded.

use crate::ora::{Ora, OraError};
use crate::plan::scope::Scope;
use crate::plan::types::{Ex, Origin, Ty};
use crate::plan::{Planner, Scan};
use crate::sql::ast::Expr;

impl Planner<'_> {
    /// A condition in PostgreSQL's text.
    pub(crate) fn condition(&mut self, e: &Expr, scope: &Scope) -> Ora<String> {
        Ok(match e {
            Expr::And(a, b) => format!("({} AND {})", self.condition(a, scope)?, self.condition(b, scope)?),
            Expr::Or(a, b) => format!("({} OR {})", self.condition(a, scope)?, self.condition(b, scope)?),
            Expr::Not(a) => format!("(NOT {})", self.condition(a, scope)?),
            Expr::Compare(op, a, b) => self.comparison(op, a, b, scope)?,
            Expr::IsNull(a, not) => {
                let value = self.expr(a, scope)?;
                let sql = if matches!(value.ty, Ty::TsTz(_)) {
                    format!("({}).ts", value.sql)
                } else {
                    value.output()
                };
                format!("({sql} IS {}NULL)", if *not { "NOT " } else { "" })
            }
            Expr::Between(a, low, high, not) => {
                let (low, high) =
                    (self.comparison(">=", a, low, scope)?, self.comparison("<=", a, high, scope)?);
                format!("({}({low} AND {high}))", if *not { "NOT " } else { "" })
            }
            Expr::In(a, list, not) => {
                let mut parts = Vec::with_capacity(list.len());
                for item in list {
                    parts.push(self.comparison("=", a, item, scope)?);
                }
                format!("({}({}))", if *not { "NOT " } else { "" }, parts.join(" OR "))
            }
            Expr::InQuery(a, query, not) => self.in_query(a, query, *not, scope)?,
            Expr::Quantified(op, a, which, query) => {
                let left = self.expr(a, scope)?;
                let planned = self.query(query, Some(scope))?;
                let [column] = planned.columns.as_slice() else { return Err(OraError::plain(913)) };
                let right = Ex::new("q.c1", column.ty);
                let (l, r) = self.both(&left, &right)?;
                format!("({l} {op} {which} (SELECT {r} FROM ({}) q(c1)))", planned.sql)
            }
            Expr::Like(a, pattern, escape, not) => {
                let text = self.expr(a, scope)?.text()?;
                let pattern = self.expr(pattern, scope)?.text()?;
                let escape = match escape {
                    Some(e) => self.expr(e, scope)?.text()?,
                    // Oracle has no escape unless one is named.
                    None => "''".to_owned(),
                };
                format!("({text} {}LIKE {pattern} ESCAPE {escape})", if *not { "NOT " } else { "" })
            }
            Expr::Exists(query) => format!("EXISTS ({})", self.query(query, Some(scope))?.sql),
            Expr::Func(f) if f.name.last().is_some_and(|n| n == "REGEXP_LIKE") => {
                let [(_, text), (_, pattern), rest @ ..] = f.args.as_slice() else {
                    return Err(OraError::plain(909));
                };
                let text = self.expr(text, scope)?.text()?;
                let pattern = self.expr(pattern, scope)?.text()?;
                let op = if rest.first().is_some_and(|(_, e)| *e == Expr::Str("i".into(), false)) {
                    "~*"
                } else {
                    "~"
                };
                format!("({text} {op} {pattern})")
            }
            other => {
                let value = self.expr(other, scope)?;
                if value.ty != Ty::Bool {
                    return Err(OraError::plain(920));
                }
                value.sql
            }
        })
    }

    fn comparison(&mut self, op: &str, a: &Expr, b: &Expr, scope: &Scope) -> Ora<String> {
        if let (Expr::Tuple(left), Expr::Tuple(right)) = (a, b) {
            if left.len() != right.len() {
                return Err(OraError::plain(if left.len() < right.len() { 913 } else { 947 }));
            }
            let mut parts = Vec::new();
            for (l, r) in left.iter().zip(right) {
                parts.push(self.comparison("=", l, r, scope)?);
            }
            let all = parts.join(" AND ");
            return Ok(if op == "=" { format!("({all})") } else { format!("(NOT ({all}))") });
        }
        let left = self.expr(a, scope)?;
        let right = self.expr(b, scope)?;
        let (l, r) = self.both(&left, &right)?;
        Ok(format!("({l} {op} {r})"))
    }

    fn in_query(
        &mut self,
        a: &Expr,
        query: &crate::sql::ast::Query,
        not: bool,
        scope: &Scope,
    ) -> Ora<String> {
        let list = match a {
            Expr::Tuple(list) => list.clone(),
            one => vec![one.clone()],
        };
        let planned = self.query(query, Some(scope))?;
        if planned.columns.len() != list.len() {
            return Err(OraError::plain(if planned.columns.len() > list.len() { 913 } else { 947 }));
        }
        let (mut left, mut right, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (i, (item, column)) in list.iter().zip(&planned.columns).enumerate() {
            let value = self.expr(item, scope)?;
            let (l, r) = self.both(&value, &Ex::new(format!("q.c{i}"), column.ty))?;
            left.push(l);
            right.push(r);
            names.push(format!("c{i}"));
        }
        Ok(format!(
            "(({}) {}IN (SELECT {} FROM ({}) q({})))",
            left.join(", "),
            if not { "NOT " } else { "" },
            right.join(", "),
            planned.sql,
            names.join(", ")
        ))
    }

    /// Two values in the form that they are compared in.
    pub(crate) fn both(&mut self, a: &Ex, b: &Ex) -> Ora<(String, String)> {
        for (one, other) in [(a, b), (b, a)] {
            if one.ty.is_lob() {
                return Err(OraError::new(
                    932,
                    format!("inconsistent datatypes: expected - got {}", one.ty.label()),
                ));
            }
            if one.ty == Ty::Long {
                return Err(OraError::plain(997));
            }
            self.note_scan(one, other);
            self.check_long_bind(one)?;
        }
        let pair = |x: Ora<String>, y: Ora<String>| Ok((x?, y?));
        if a.ty == Ty::Null || b.ty == Ty::Null {
            let other = if a.ty == Ty::Null { b } else { a };
            let ty = other.ty;
            return pair(a.as_ty(ty), b.as_ty(ty));
        }
        if a.ty.is_binary_float() || b.ty.is_binary_float() {
            return pair(a.double(), b.double());
        }
        if a.ty.is_number() || b.ty.is_number() {
            return pair(a.number(), b.number());
        }
        if a.ty.is_time() || b.ty.is_time() {
            let zoned = |t: Ty| matches!(t, Ty::TsTz(_) | Ty::TsLtz(_));
            if zoned(a.ty) || zoned(b.ty) {
                let instant = |e: &Ex| {
                    if e.ty.is_text() { Ok(format!("({}).ts", e.zoned()?)) } else { e.instant() }
                };
                return pair(instant(a), instant(b));
            }
            if a.ty == Ty::Date || b.ty == Ty::Date {
                // A text is read as a date when the other is one, and a timestamp keeps its fraction.
                let side = |e: &Ex| if e.ty.is_text() { e.date() } else { e.timestamp() };
                return pair(side(a), side(b));
            }
            return pair(a.timestamp(), b.timestamp());
        }
        if matches!(a.ty, Ty::Raw(_)) || matches!(b.ty, Ty::Raw(_)) {
            return pair(a.bytes(), b.bytes());
        }
        if matches!(a.ty, Ty::IntervalDs | Ty::IntervalYm) {
            return Ok((a.sql.clone(), b.sql.clone()));
        }
        let (l, r) = (a.text()?, b.text()?);
        let fixed = |e: &Ex| matches!(e.ty, Ty::Char { .. });
        let real = |e: &Ex| fixed(e) && e.from != Origin::Literal;
        if fixed(a) && fixed(b) && (real(a) || real(b)) {
            return Ok((format!("rtrim({l}, ' ')"), format!("rtrim({r}, ' ')")));
        }
        Ok((l, r))
    }

    /// A column that the server would convert, so that no index helps.
    fn note_scan(&mut self, column: &Ex, other: &Ex) {
        let Origin::Column { owner, table, column: name, indexed: true, .. } = &column.from else { return };
        let text =
            matches!(column.ty, Ty::Char { national: false, .. } | Ty::Varchar { national: false, .. });
        let reason = if text && other.ty.national() {
            "NVARCHAR2"
        } else if text && other.ty.is_number() {
            "NUMBER"
        } else if column.ty == Ty::Date && matches!(other.ty, Ty::Ts(_) | Ty::TsTz(_) | Ty::TsLtz(_)) {
            "TIMESTAMP"
        } else {
            return;
        };
        let scan = Scan { owner: owner.clone(), table: table.clone(), column: name.clone(), reason };
        self.scans.push(scan);
    }

    /// A text of more than 4,000 bytes is a LONG, which only a CLOB or LONG column takes.
    pub(crate) fn check_long_bind(&self, e: &Ex) -> Ora<()> {
        let Origin::Bind(n) = e.from else { return Ok(()) };
        let long = matches!(e.ty, Ty::Varchar { .. } | Ty::Char { .. } | Ty::Raw(_))
            && self.binds.get(n).is_some_and(|b| b.longest > 4000);
        if long { Err(OraError::plain(1461)) } else { Ok(()) }
    }
}
