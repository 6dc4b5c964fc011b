//! Values: literals, placeholders, arithmetic, CASE, CAST. It must never let an empty text be anything but NULL.

use crate::ora::{Ora, OraError};
use crate::plan::scope::Scope;
use crate::plan::types::{Ex, NUMBER, Origin, Ty, common};
use crate::plan::{Planner, literal};
use crate::sql::ast::{Expr, TypeName};

impl Planner<'_> {
    pub(crate) fn expr(&mut self, e: &Expr, scope: &Scope) -> Ora<Ex> {
        Ok(match e {
            Expr::Null => Ex { sql: "NULL".into(), ty: Ty::Null, from: Origin::Literal },
            Expr::Num(n) => Ex { sql: format!("{n}::numeric"), ty: NUMBER, from: Origin::Literal },
            Expr::Str(s, _) if s.is_empty() => Ex { sql: "NULL".into(), ty: Ty::Null, from: Origin::Literal },
            Expr::Str(s, national) => {
                if s.len() > 4000 {
                    return Err(OraError::new(1704, "string literal too long"));
                }
                let (bytes, chars) = (size(s.len()), size(s.chars().count()));
                let ty = Ty::Char { bytes, chars, national: *national };
                Ex { sql: format!("{}::text", literal(s)), ty, from: Origin::Literal }
            }
            Expr::Bind(n) => self.placeholder(*n)?,
            Expr::Name(path) => self.resolve(path, scope)?,
            Expr::Row(row, column) => self.row_column(row, column)?,
            Expr::DateLiteral(s) => Ex::new(format!("ora.to_date({}, 'YYYY-MM-DD')", literal(s)), Ty::Date),
            Expr::TimestampLiteral(s) => timestamp_literal(s),
            Expr::Interval(value, unit) => interval(value, unit),
            Expr::Negative(a) => {
                let value = self.expr(a, scope)?;
                if value.ty.is_binary_float() {
                    Ex::new(format!("(-{})", value.sql), value.ty)
                } else {
                    Ex::new(format!("(-{})", value.number()?), NUMBER)
                }
            }
            Expr::Binary("||", a, b) => self.concatenation(a, b, scope)?,
            Expr::Binary(op, a, b) => {
                let (a, b) = (self.expr(a, scope)?, self.expr(b, scope)?);
                arithmetic(op, &a, &b)?
            }
            Expr::Case(operand, whens, otherwise) => {
                self.case(operand.as_deref(), whens, otherwise.as_deref(), scope)?
            }
            Expr::Cast(a, ty) => {
                let value = self.expr(a, scope)?;
                cast(&value, column_type(ty, self.rules.major)?)?
            }
            Expr::Extract(field, a) => {
                let value = self.expr(a, scope)?;
                let interval = matches!(value.ty, Ty::IntervalDs | Ty::IntervalYm);
                let from = if interval { value.sql.clone() } else { value.timestamp()? };
                let field = match field.as_str() {
                    f @ ("YEAR" | "MONTH" | "DAY" | "HOUR" | "MINUTE" | "SECOND") => f,
                    _ => return Err(OraError::new(907, "missing right parenthesis")),
                };
                Ex::new(format!("extract({field} from {from})::numeric"), NUMBER)
            }
            Expr::Trim(mode, what, a) => {
                let value = self.expr(a, scope)?;
                let what = match what {
                    Some(w) => self.expr(w, scope)?.text()?,
                    None => "' '".to_owned(),
                };
                Ex::new(format!("ora.nz(trim({mode} {what} from {}))", value.text()?), varying(value.ty))
            }
            Expr::AtZone(a, zone) => {
                let value = self.expr(a, scope)?;
                let zone = match zone {
                    Some(z) => self.expr(z, scope)?.text()?,
                    None => "ora.session_zone()".to_owned(),
                };
                Ex::new(format!("ora.tz({}, {zone})", value.instant()?), Ty::TsTz(6))
            }
            Expr::Func(f) => self.function(f, scope)?,
            Expr::Sub(query) => {
                let planned = self.query(query, Some(scope))?;
                match planned.columns.as_slice() {
                    [one] => Ex::new(format!("({})", planned.sql), one.ty),
                    _ => return Err(OraError::plain(913)),
                }
            }
            Expr::Cursor(what) => match what.as_str() {
                "ROWCOUNT" => Ex::new("\"~rows\"", NUMBER),
                "FOUND" => Ex::new("(\"~rows\" > 0)", Ty::Bool),
                "NOTFOUND" => Ex::new("(\"~rows\" = 0)", Ty::Bool),
                _ => return Err(OraError::absent("this attribute of the cursor SQL")),
            },
            Expr::Tuple(_) => return Err(OraError::plain(907)),
            _ => Ex::new(self.condition(e, scope)?, Ty::Bool),
        })
    }

    fn placeholder(&mut self, n: usize) -> Ora<Ex> {
        let ty = self.binds.get(n).map_or(Ty::varchar(4000), |b| b.ty);
        let from = Origin::Bind(n);
        if self.in_block {
            return Ok(Ex { sql: format!("\"b~{n}\""), ty, from });
        }
        let at = self.params.iter().position(|p| *p == n).unwrap_or_else(|| {
            self.params.push(n);
            self.params.len() - 1
        });
        let sql = match ty {
            Ty::TsTz(_) => format!("ora.tstz_in(${})", at + 1),
            _ => format!("${}", at + 1),
        };
        Ok(Ex { sql, ty, from })
    }

    fn concatenation(&mut self, a: &Expr, b: &Expr, scope: &Scope) -> Ora<Ex> {
        let (a, b) = (self.expr(a, scope)?, self.expr(b, scope)?);
        self.check_long_bind(&a)?;
        self.check_long_bind(&b)?;
        let national = a.ty.national() || b.ty.national();
        if matches!(a.ty, Ty::Clob { .. }) || matches!(b.ty, Ty::Clob { .. }) {
            return Ok(Ex::new(format!("ora.catlob({}, {})", a.text()?, b.text()?), Ty::Clob { national }));
        }
        let length = |e: &Ex| match e.ty {
            Ty::Char { bytes, chars, .. } | Ty::Varchar { bytes, chars, .. } => (bytes, chars),
            Ty::Null => (0, 0),
            _ => (40, 40),
        };
        let bytes = (length(&a).0 + length(&b).0).clamp(1, 4000);
        let chars = (length(&a).1 + length(&b).1).clamp(1, 4000);
        Ok(Ex::new(format!("ora.cat({}, {})", a.text()?, b.text()?), Ty::Varchar { bytes, chars, national }))
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        whens: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        scope: &Scope,
    ) -> Ora<Ex> {
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        for (when, then) in whens {
            conditions.push(match operand {
                Some(o) => {
                    self.condition(&Expr::Compare("=", Box::new(o.clone()), Box::new(when.clone())), scope)?
                }
                None => self.condition(when, scope)?,
            });
            values.push(self.expr(then, scope)?);
        }
        let last = match otherwise {
            Some(e) => Some(self.expr(e, scope)?),
            None => None,
        };
        let types: Vec<Ty> = values.iter().chain(&last).map(|e| e.ty).collect();
        let ty = common(&types);
        let mut sql = String::from("CASE");
        for (condition, value) in conditions.iter().zip(&values) {
            sql.push_str(&format!(" WHEN {condition} THEN {}", value.as_ty(ty)?));
        }
        if let Some(last) = last {
            sql.push_str(&format!(" ELSE {}", last.as_ty(ty)?));
        }
        sql.push_str(" END");
        Ok(Ex::new(format!("({sql})"), if ty == Ty::Null { Ty::varchar(1) } else { varying(ty) }))
    }
}

pub(crate) fn size(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX).max(1)
}

/// Results of functions are not padded.
pub(crate) fn varying(ty: Ty) -> Ty {
    match ty {
        Ty::Char { bytes, chars, national } => Ty::Varchar { bytes, chars, national },
        other => other,
    }
}

fn timestamp_literal(s: &str) -> Ex {
    let zoned = s.rsplit(' ').next().is_some_and(|z| z.starts_with(['+', '-']));
    if zoned {
        Ex::new(format!("ora.to_tstz({}, 'YYYY-MM-DD HH24:MI:SS.FF TZH:TZM')", literal(s)), Ty::TsTz(9))
    } else {
        Ex::new(format!("ora.to_ts({}, 'YYYY-MM-DD HH24:MI:SS.FF')", literal(s)), Ty::Ts(9))
    }
}

fn interval(value: &str, unit: &str) -> Ex {
    if unit.starts_with("YEAR") || unit.starts_with("MONTH") {
        let sql = if unit.contains("TO") {
            let (years, months) = value.split_once('-').unwrap_or((value, "0"));
            format!("'{} years {} months'::interval", years.trim(), months.trim())
        } else {
            format!("{}::interval", literal(&format!("{value} {}", unit.to_lowercase())))
        };
        return Ex::new(sql, Ty::IntervalYm);
    }
    let text =
        if unit.contains(" TO ") { value.to_owned() } else { format!("{value} {}", unit.to_lowercase()) };
    Ex::new(format!("{}::interval", literal(&text)), Ty::IntervalDs)
}

fn arithmetic(op: &str, a: &Ex, b: &Ex) -> Ora<Ex> {
    let interval = |t: Ty| matches!(t, Ty::IntervalDs | Ty::IntervalYm);
    if a.ty.is_time() && interval(b.ty) {
        let ty = a.ty;
        let base = if matches!(ty, Ty::TsTz(_)) { a.instant()? } else { a.sql.clone() };
        let sum = format!("({base} {op} {})", b.sql);
        return Ok(if matches!(ty, Ty::TsTz(_)) {
            Ex::new(format!("ROW({sum}, ({}).off)::ora.tstz", a.sql), ty)
        } else {
            Ex::new(sum, ty)
        });
    }
    if interval(a.ty) && b.ty.is_time() && op == "+" {
        return arithmetic("+", b, a);
    }
    if interval(a.ty) || interval(b.ty) {
        let side = |e: &Ex| if interval(e.ty) { Ok(e.sql.clone()) } else { e.double() };
        return Ok(Ex::new(
            format!("({} {op} {})", side(a)?, side(b)?),
            if interval(a.ty) { a.ty } else { b.ty },
        ));
    }
    if a.ty.is_time() && b.ty.is_time() {
        if op != "-" {
            return Err(OraError::new(975, "date + date not allowed"));
        }
        if a.ty == Ty::Date && b.ty == Ty::Date {
            return Ok(Ex::new(format!("ora.days({}, {})", a.sql, b.sql), NUMBER));
        }
        return Ok(Ex::new(format!("({} - {})", a.timestamp()?, b.timestamp()?), Ty::IntervalDs));
    }
    if a.ty.is_time() && matches!(op, "+" | "-") {
        let days = b.number()?;
        let days = if op == "-" { format!("(-{days})") } else { days };
        return Ok(Ex::new(format!("ora.plus_days({}, {days})", a.date()?), Ty::Date));
    }
    if b.ty.is_time() && op == "+" {
        return arithmetic(op, b, a);
    }
    if a.ty.is_binary_float() || b.ty.is_binary_float() {
        return Ok(Ex::new(format!("({} {op} {})", a.double()?, b.double()?), Ty::BDouble));
    }
    let (x, y) = (a.number()?, b.number()?);
    Ok(Ex::new(if op == "/" { format!("ora.div({x}, {y})") } else { format!("({x} {op} {y})") }, NUMBER))
}

fn cast(value: &Ex, ty: Ty) -> Ora<Ex> {
    let sql = match ty {
        Ty::Varchar { bytes, .. } => format!("left({}, {bytes})", value.text()?),
        Ty::Char { bytes, .. } => format!("rpad({}, {bytes})", value.text()?),
        Ty::Number { precision: 0, .. } | Ty::Float(_) => value.number()?,
        Ty::Number { .. } => format!("({})::{}", value.number()?, ty.pg()),
        Ty::Ts(_) => format!("({})::{}", value.timestamp()?, ty.pg()),
        other => value.as_ty(other)?,
    };
    Ok(Ex::new(sql, ty))
}

/// The type that a definition names.
pub(crate) fn column_type(ty: &TypeName, major: u32) -> Ora<Ty> {
    let arg = |i: usize| ty.args.get(i).copied();
    let positive = |n: i32| {
        u32::try_from(n)
            .ok()
            .filter(|n| *n > 0)
            .ok_or_else(|| OraError::new(1723, "zero-length columns are not allowed"))
    };
    let by_char = ty.unit.as_deref() == Some("CHAR");
    let limit = if major >= 12 { 32767 } else { 4000 };
    let sized = |national: bool, fixed: bool| -> Ora<Ty> {
        let n = match arg(0) {
            Some(n) => positive(n)?,
            None if fixed => 1,
            None => return Err(OraError::plain(906)),
        };
        let most = if fixed { 2000 } else { limit };
        if n > most {
            return Err(OraError::new(910, "specified length too long for its datatype"));
        }
        let bytes = if national {
            n * 2
        } else if by_char {
            (n * 4).min(limit.max(4000))
        } else {
            n
        };
        Ok(if fixed {
            Ty::Char { bytes, chars: n, national }
        } else {
            Ty::Varchar { bytes, chars: n, national }
        })
    };
    Ok(match ty.name.as_str() {
        "VARCHAR2" | "VARCHAR" => sized(false, false)?,
        "NVARCHAR2" => sized(true, false)?,
        "CHAR" | "CHARACTER" => sized(false, true)?,
        "NCHAR" => sized(true, true)?,
        "NUMBER" | "NUMERIC" | "DECIMAL" | "DEC" => match (arg(0), arg(1)) {
            (None, _) if ty.name == "NUMBER" => NUMBER,
            (p, s) => {
                let p = p.unwrap_or(38);
                if !(1..=38).contains(&p) {
                    return Err(OraError::new(1727, "numeric precision specifier is out of range (1 to 38)"));
                }
                let scale = i16::try_from(s.unwrap_or(0)).unwrap_or(0);
                if !(-84..=127).contains(&scale) {
                    return Err(OraError::new(1728, "numeric scale specifier is out of range (-84 to 127)"));
                }
                Ty::Number { precision: u8::try_from(p).unwrap_or(38), scale }
            }
        },
        "INTEGER" | "INT" | "SMALLINT" => Ty::Number { precision: 38, scale: 0 },
        "PLS_INTEGER" | "BINARY_INTEGER" | "NATURAL" | "POSITIVE" => Ty::Number { precision: 38, scale: 0 },
        "FLOAT" | "REAL" => Ty::Float(u8::try_from(arg(0).unwrap_or(126)).unwrap_or(126)),
        "BINARY_FLOAT" => Ty::BFloat,
        "BINARY_DOUBLE" => Ty::BDouble,
        "DATE" => Ty::Date,
        "TIMESTAMP" => Ty::Ts(fraction(arg(0))),
        "TIMESTAMP WITH TIME ZONE" => Ty::TsTz(fraction(arg(0))),
        "TIMESTAMP WITH LOCAL TIME ZONE" => Ty::TsLtz(fraction(arg(0))),
        "CLOB" => Ty::Clob { national: false },
        "NCLOB" => Ty::Clob { national: true },
        "BLOB" => Ty::Blob,
        "LONG" => Ty::Long,
        "RAW" => Ty::Raw(positive(arg(0).ok_or_else(|| OraError::plain(906))?)?),
        "ROWID" | "UROWID" => Ty::Rowid,
        "INTERVAL DAY TO SECOND" => Ty::IntervalDs,
        "INTERVAL YEAR TO MONTH" => Ty::IntervalYm,
        "BOOLEAN" if major >= 23 => Ty::Bool,
        _ => return Err(OraError::plain(902)),
    })
}

fn fraction(n: Option<i32>) -> u8 {
    n.and_then(|n| u8::try_from(n).ok()).map_or(6, |n| n.min(9))
}
