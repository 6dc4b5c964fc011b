//! Owns the rules of types: which meet in an operation, which are assigned without CAST; never touches values.

use crate::collation;
use crate::compile::{Compiler, Typed};
use crate::error::{SqlError, err};
use crate::types::{MAX, SqlType};

use SqlType as T;

/// The type that two values share.
pub(crate) fn common(a: SqlType, b: SqlType) -> SqlType {
    if a == T::Null {
        return b;
    }
    if b == T::Null {
        return a;
    }
    let (high, low) = if a.precedence() >= b.precedence() { (a, b) } else { (b, a) };
    let longer = a.length().max(b.length());
    match high {
        T::Char(n) if low.length() != n && low.is_text() => T::VarChar(longer),
        T::VarChar(_) if low.is_text() => T::VarChar(longer),
        T::NChar(_) if low.is_text() => {
            if matches!(low, T::NChar(_) | T::Char(_)) && low.length() == high.length() {
                high
            } else {
                T::NVarChar(cap(longer))
            }
        }
        T::NVarChar(_) if low.is_text() => T::NVarChar(cap(longer)),
        T::VarBinary(_) if low.is_binary() => T::VarBinary(longer),
        T::Binary(_) => T::Binary(longer),
        T::Decimal(..) if low.is_number() => {
            let ((p1, s1), (p2, s2)) = (a.digits(), b.digits());
            let scale = s1.max(s2);
            let whole = (p1 - s1).max(p2 - s2);
            T::Decimal((whole + scale).min(38), scale.min(38 - whole.min(38)))
        }
        T::Time(n) => T::Time(n.max(fraction(low))),
        T::DateTime2(n) => T::DateTime2(n.max(fraction(low))),
        T::DateTimeOffset(n) => T::DateTimeOffset(n.max(fraction(low))),
        other => other,
    }
}

fn cap(length: u32) -> u32 {
    if length == MAX || length <= 4000 { length } else { 4000 }
}

fn fraction(ty: SqlType) -> u8 {
    match ty {
        T::Time(n) | T::DateTime2(n) | T::DateTimeOffset(n) => n,
        T::DateTime => 3,
        _ if ty.is_text() => 7,
        _ => 0,
    }
}

/// Whether both hold their values in SQLite in the same way, so that nothing needs to be converted.
fn same_form(from: SqlType, to: SqlType) -> bool {
    let fits = |a: u32, b: u32| b == MAX || (a != MAX && a <= b);
    match (from, to) {
        _ if from == to || from == T::Null => true,
        (_, T::Variant) => true,
        (T::Bit | T::TinyInt, T::SmallInt | T::Int | T::BigInt)
        | (T::SmallInt, T::Int | T::BigInt)
        | (T::Int, T::BigInt)
        | (T::Bit, T::TinyInt)
        | (T::Real, T::Float)
        | (T::SmallMoney, T::Money) => true,
        (T::Decimal(p, s), T::Decimal(q, t)) => s == t && p <= q,
        (T::DateTime2(a), T::DateTime2(b))
        | (T::Time(a), T::Time(b))
        | (T::DateTimeOffset(a), T::DateTimeOffset(b)) => a <= b,
        (T::SmallDateTime, T::DateTime | T::DateTime2(_)) => true,
        (T::DateTime, T::DateTime2(n)) => n >= 3,
        (T::Char(a) | T::VarChar(a), T::VarChar(b) | T::NVarChar(b))
        | (T::NChar(a) | T::NVarChar(a), T::NVarChar(b))
        | (T::Binary(a) | T::VarBinary(a), T::VarBinary(b)) => fits(a, b),
        _ => false,
    }
}

/// 206 or 257: what T-SQL refuses to convert on its own.
pub(crate) fn assignable(from: SqlType, to: SqlType) -> Result<(), SqlError> {
    let clash =
        || Err(err(206, format!("Operand type clash: {} is incompatible with {}", from.name(), to.name())));
    let explicit = || {
        Err(err(
            257,
            format!(
                "Implicit conversion from data type {} to {} is not allowed. Use the CONVERT function to run this query.",
                from.name(),
                to.name()
            ),
        ))
    };
    let new_time = |t: SqlType| matches!(t, T::Date | T::Time(_) | T::DateTime2(_) | T::DateTimeOffset(_));
    let old_time = |t: SqlType| matches!(t, T::DateTime | T::SmallDateTime);
    match (from, to) {
        (T::Null, _) | (_, T::Variant) => Ok(()),
        (T::Variant, _) if to != T::Variant => explicit(),
        _ if from.is_number() && new_time(to) || new_time(from) && to.is_number() => clash(),
        _ if old_time(from) && to.is_number() => explicit(),
        (T::Time(_), T::Date) | (T::Date, T::Time(_)) => clash(),
        _ if from.is_text() && to.is_binary() => explicit(),
        _ if matches!(from, T::Float | T::Real) && to.is_binary() => explicit(),
        _ if from.is_binary() && matches!(to, T::Float | T::Real | T::Text | T::NText) => clash(),
        _ if from.is_binary() && to.is_time() => explicit(),
        (T::UniqueIdentifier, _) if to.is_number() || to.is_time() => clash(),
        (_, T::UniqueIdentifier) if from.is_number() || from.is_time() => clash(),
        (T::Money | T::SmallMoney, _) if to.is_text() => explicit(),
        _ if from.is_number() && matches!(to, T::Text | T::NText | T::Image) => clash(),
        _ if from.is_time() && (to.is_binary() || matches!(to, T::Text | T::NText)) => clash(),
        (T::Image, _) if to.is_text() => clash(),
        _ => Ok(()),
    }
}

impl Compiler<'_> {
    /// The value as this type, where T-SQL converts on its own.
    pub(crate) fn implicit(&mut self, value: &Typed, to: SqlType) -> Result<String, SqlError> {
        assignable(value.ty, to)?;
        Ok(convert(value, to, "0"))
    }

    /// Both sides of a comparison, and the collation that SQLite is to use.
    pub(crate) fn comparable(&mut self, a: &Typed, b: &Typed) -> Result<(String, String, String), SqlError> {
        self.note_scan(a, b);
        self.note_scan(b, a);
        if a.ty.is_text() && b.ty.is_text() {
            for side in [a.ty, b.ty] {
                if matches!(side, T::Text | T::NText) {
                    return Err(err(
                        402,
                        format!(
                            "The data types {} and {} are incompatible in the equal to operator.",
                            a.ty.name(),
                            b.ty.name()
                        ),
                    ));
                }
            }
            let name = a.collation.as_ref().or(b.collation.as_ref()).unwrap_or(&self.env.facts.collation);
            return Ok((a.sql.clone(), b.sql.clone(), format!(" COLLATE {}", collation::sqlite(name))));
        }
        let ty = common(a.ty, b.ty);
        let (left, right) = (self.implicit(a, ty)?, self.implicit(b, ty)?);
        Ok((left, right, collate(ty).to_owned()))
    }

    /// A narrow key against a wide value: SQL Server converts the column, row by row.
    fn note_scan(&mut self, column: &Typed, other: &Typed) {
        if column.column.as_ref().is_some_and(|(t, _)| t.kind == crate::catalog::Kind::User)
            && matches!(column.ty, T::Char(_) | T::VarChar(_))
            && other.ty.is_national()
        {
            self.scans = true;
        }
    }
}

/// The collation that orders values of this type, where SQLite's own order is not theirs.
pub(crate) fn collate(ty: SqlType) -> &'static str {
    match ty {
        _ if ty.is_exact() => " COLLATE TNUM",
        T::DateTimeOffset(_) => " COLLATE TDTO",
        _ => "",
    }
}

/// The value as another type.
pub(crate) fn convert(value: &Typed, to: SqlType, style: &str) -> String {
    if same_form(value.ty, to) {
        return value.sql.clone();
    }
    format!("tconv({}, {}, {}, {style})", value.sql, value.ty.code(), to.code())
}

/// The value as a CAST makes it: a length cuts, a blank pads.
pub(crate) fn cast(value: &Typed, to: SqlType, style: &str, lenient: bool) -> Result<String, SqlError> {
    let refused = matches!((value.ty, to), (T::Time(_), T::Date) | (T::Date, T::Time(_)))
        || value.ty.is_number()
            && matches!(to, T::Date | T::Time(_) | T::DateTime2(_) | T::DateTimeOffset(_))
        || matches!(value.ty, T::Date | T::Time(_) | T::DateTime2(_) | T::DateTimeOffset(_))
            && to.is_number()
        || value.ty == T::UniqueIdentifier && (to.is_number() || to.is_time())
        || to == T::UniqueIdentifier && (value.ty.is_number() || value.ty.is_time());
    if refused {
        return Err(crate::error::err_class(
            529,
            16,
            2,
            format!(
                "Explicit conversion from data type {} to {} is not allowed.",
                value.ty.name(),
                to.name()
            ),
        ));
    }
    let function = if lenient { "ttryconv" } else { "tconv" };
    // Rounding to fewer digits and padding need the function even between alike types.
    if same_form(value.ty, to) && style == "0" && !lenient {
        return Ok(value.sql.clone());
    }
    Ok(format!("{function}({}, {}, {}, {style})", value.sql, value.ty.code(), to.code()))
}
