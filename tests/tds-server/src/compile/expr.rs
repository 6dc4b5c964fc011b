//! Owns the translation of values and conditions; never of queries as a whole.

use rusqlite::types::Value;

use crate::collation;
use crate::compile::rules::{cast, collate, common, convert};
use crate::compile::{Compiled, Compiler, Typed, quote};
use crate::decimal::{Dec, result_type};
use crate::error::{SqlError, err, err_class, no_variable};
use crate::sql::ast::Expr;
use crate::types::{MAX, SqlType};

use SqlType as T;

impl Compiler<'_> {
    /// A value.
    pub(crate) fn value(&mut self, expr: &Expr) -> Compiled<Typed> {
        self.depth += 1;
        if self.depth > 200 {
            return Err(err_class(
                191,
                15,
                1,
                "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into smaller queries.",
            ));
        }
        let value = self.value_inner(expr);
        self.depth -= 1;
        value
    }

    fn value_inner(&mut self, expr: &Expr) -> Compiled<Typed> {
        match expr {
            Expr::Null => Ok(Typed::new("NULL", T::Null)),
            Expr::Number(digits, float) => number(digits, *float),
            Expr::Text(text, national) => Ok(self.text(text, *national)),
            Expr::Hex(bytes) => {
                let hex: String = bytes.iter().map(|b| format!("{b:02X}")).collect();
                Ok(constant(format!("x'{hex}'"), T::VarBinary((bytes.len() as u32).max(1))))
            }
            Expr::Var(name) => self.variable(name),
            Expr::Column(parts) => self.column(parts),
            Expr::Negate(inner) => {
                let inner = self.value(inner)?;
                if inner.ty.is_text() || inner.ty.is_time() || inner.ty == T::Bit {
                    return Err(err(
                        8117,
                        format!("Operand data type {} is invalid for minus operator.", inner.ty.name()),
                    ));
                }
                if inner.literal {
                    // Twice negative would begin a comment.
                    let sql = inner.sql.strip_prefix('\'').map_or_else(
                        || format!("(- {})", inner.sql),
                        |rest| {
                            rest.strip_prefix('-')
                                .map_or_else(|| format!("'-{rest}"), |rest| format!("'{rest}"))
                        },
                    );
                    return Ok(Typed { sql, ..inner });
                }
                let zero = constant("0", T::Int);
                self.arithmetic('-', &zero, &Typed { ty: inner.ty, ..inner })
            }
            Expr::BitNot(inner) => {
                let inner = self.value(inner)?;
                let sql = if inner.ty == T::Bit {
                    format!("(1 - {})", inner.sql)
                } else {
                    format!("(~{})", inner.sql)
                };
                Ok(Typed::new(sql, inner.ty))
            }
            Expr::Binary(op, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.arithmetic(*op, &a, &b)
            }
            Expr::Case(operand, whens, other) => self.case(operand.as_deref(), whens, other.as_deref()),
            Expr::Call(call) => self.call(call),
            Expr::Cast(value, ty, style, lenient) => self.cast(value, *ty, style.as_deref(), *lenient),
            Expr::Query(query) => self.subquery(query),
            Expr::Collate(inner, name) => self.collate(inner, name),
            Expr::Default => Err(crate::error::syntax_keyword("DEFAULT")),
            _ => Err(err_class(
                4145,
                15,
                1,
                "An expression of non-boolean type specified in a context where a condition is expected, near ')'.",
            )),
        }
    }

    fn cast(&mut self, value: &Expr, ty: SqlType, style: Option<&Expr>, lenient: bool) -> Compiled<Typed> {
        let value = self.value(value)?;
        let style = match style {
            Some(style) => {
                let style = self.value(style)?;
                convert(&style, T::Int, "0")
            }
            None => "0".to_owned(),
        };
        let collation = if value.ty.is_text() { value.collation.clone() } else { None };
        Ok(Typed { collation, ..Typed::new(cast(&value, ty, &style, lenient)?, ty) })
    }

    fn subquery(&mut self, query: &crate::sql::ast::Query) -> Compiled<Typed> {
        let (sql, columns) = self.query(query)?;
        let [column] = columns.as_slice() else {
            return Err(err(
                116,
                "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.",
            ));
        };
        let sql = format!("(SELECT tsingle(\"{}\") FROM ({sql}))", column.sql);
        Ok(Typed { collation: column.collation.clone(), ..Typed::new(sql, column.ty) })
    }

    fn collate(&mut self, inner: &Expr, name: &str) -> Compiled<Typed> {
        let inner = self.value(inner)?;
        let lower = name.to_lowercase();
        let collation = match lower.as_str() {
            "database_default" | "catalog_default" => self.env.facts.collation.clone(),
            _ if collation::exists(name) => name.to_owned(),
            _ => return Err(err_class(448, 16, 1, format!("Invalid collation '{name}'."))),
        };
        if !inner.ty.is_text() {
            return Err(err(
                447,
                format!("Expression type {} is invalid for COLLATE clause.", inner.ty.name()),
            ));
        }
        Ok(Typed { collation: Some(collation), column: None, ..inner })
    }

    fn text(&mut self, text: &str, national: bool) -> Typed {
        let length = text.encode_utf16().count() as u32;
        let page = collation::code_page(&self.env.facts.collation);
        let (text, ty) = if national {
            (text.to_owned(), if length > 4000 { T::NVarChar(MAX) } else { T::NVarChar(length.max(1)) })
        } else {
            let narrow = page.narrow(text);
            let bytes = page.bytes(&narrow) as u32;
            (narrow, if bytes > 8000 { T::VarChar(MAX) } else { T::VarChar(bytes.max(1)) })
        };
        let sql = if text.contains('\0') { self.bind(Value::Text(text)) } else { quote(&text) };
        Typed { literal: true, nullable: false, ..Typed::new(sql, ty) }
    }

    fn variable(&mut self, name: &str) -> Compiled<Typed> {
        if let Some(fact) = name.strip_prefix("@@") {
            return self.fact(fact);
        }
        let (ty, value) = self.env.variables.get(name).ok_or_else(|| no_variable(name))?.clone();
        let sql = self.bind_variable(name, &value);
        Ok(Typed::new(sql, ty))
    }

    /// `a op b` with T-SQL's types.
    fn arithmetic(&mut self, op: char, a: &Typed, b: &Typed) -> Compiled<Typed> {
        if op == '+' && (a.ty.is_text() || a.ty == T::Null) && (b.ty.is_text() || b.ty == T::Null) {
            return Ok(concatenation(a, b));
        }
        if op == '+' && a.ty.is_binary() && b.ty.is_binary() {
            return Ok(Typed::new(format!("tf('binplus', {}, {})", a.sql, b.sql), T::VarBinary(8000)));
        }
        let invalid = |ty: SqlType| {
            let word = match op {
                '+' => "add",
                '-' => "subtract",
                '*' => "multiply",
                '/' => "divide",
                '%' => "modulo",
                _ => "boolean",
            };
            err(8117, format!("Operand data type {} is invalid for {word} operator.", ty.name()))
        };
        if matches!(a.ty, T::DateTime | T::SmallDateTime) || matches!(b.ty, T::DateTime | T::SmallDateTime) {
            return self.date_arithmetic(op, a, b);
        }
        for side in [a, b] {
            if side.ty.is_time() || matches!(side.ty, T::UniqueIdentifier | T::Text | T::NText | T::Variant) {
                return Err(invalid(side.ty));
            }
        }
        if a.ty.is_text() && b.ty.is_text() {
            return Err(invalid(a.ty));
        }
        let ty = common(a.ty, b.ty);
        let ty = if ty.is_binary() || ty == T::Null { T::Int } else { ty };
        let (left, right) = (self.implicit(a, meet(a.ty, ty))?, self.implicit(b, meet(b.ty, ty))?);
        if matches!(op, '&' | '|' | '^') {
            if !ty.is_int() {
                return Err(invalid(ty));
            }
            let sql = match op {
                '^' => format!("(({left} | {right}) - ({left} & {right}))"),
                _ => format!("({left} {op} {right})"),
            };
            return Ok(Typed::new(sql, ty));
        }
        if ty == T::Bit {
            return Err(invalid(ty));
        }
        let ty = match ty {
            T::Decimal(..) => result_type(op, numeric(a), numeric(b)),
            other => other,
        };
        Ok(Typed::new(format!("tarith('{op}', {left}, {right}, {})", ty.code()), ty))
    }

    fn date_arithmetic(&mut self, op: char, a: &Typed, b: &Typed) -> Compiled<Typed> {
        let ty = if a.ty.is_time() { a.ty } else { b.ty };
        if !matches!(op, '+' | '-') || (a.ty.is_time() && !matches!(a.ty, T::DateTime | T::SmallDateTime)) {
            return Err(err(8117, format!("Operand data type {} is invalid for this operator.", ty.name())));
        }
        let (left, right) = (self.implicit(a, T::DateTime)?, self.implicit(b, T::DateTime)?);
        Ok(Typed::new(format!("tf('dateplus{op}', {left}, {right})"), T::DateTime))
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        whens: &[(Expr, Expr)],
        other: Option<&Expr>,
    ) -> Compiled<Typed> {
        let operand = operand.map(|o| self.value(o)).transpose()?;
        let mut arms = Vec::new();
        for (when, then) in whens {
            let condition = match &operand {
                Some(operand) => {
                    let when = self.value(when)?;
                    let (a, b, collate) = self.comparable(operand, &when)?;
                    format!("{a} = {b}{collate}")
                }
                None => self.condition(when)?,
            };
            arms.push((condition, self.value(then)?));
        }
        let other = other.map(|o| self.value(o)).transpose()?;
        let mut ty = T::Null;
        let mut collation = None;
        for arm in arms.iter().map(|a| &a.1).chain(&other) {
            ty = common(ty, arm.ty);
            collation = collation.or_else(|| arm.collation.clone());
        }
        if ty == T::Null {
            return Err(err(
                8133,
                "At least one of the result expressions in a CASE specification must be an expression other than the NULL constant.",
            ));
        }
        let mut sql = "CASE".to_owned();
        for (condition, then) in &arms {
            let then = self.implicit(then, ty)?;
            sql.push_str(&format!(" WHEN {condition} THEN {then}"));
        }
        if let Some(other) = &other {
            let other = self.implicit(other, ty)?;
            sql.push_str(&format!(" ELSE {other}"));
        }
        Ok(Typed { collation, ..Typed::new(format!("({sql} END)"), ty) })
    }
}

/// The type that an operand takes before an operation of the common type: decimals keep their own digits.
fn meet(own: SqlType, common: SqlType) -> SqlType {
    match (own, common) {
        (T::Decimal(..), T::Decimal(..)) => own,
        (_, T::Decimal(..)) if own.is_number() => {
            let (p, s) = own.digits();
            T::Decimal(p, s)
        }
        _ => common,
    }
}

/// The digits of an operand; of a literal only those that it has.
fn numeric(value: &Typed) -> SqlType {
    if value.literal && value.ty == T::Int {
        let digits = value.sql.bytes().filter(u8::is_ascii_digit).count() as u8;
        return T::Decimal(digits.max(1), 0);
    }
    value.ty
}

fn constant(sql: impl Into<String>, ty: SqlType) -> Typed {
    Typed { literal: true, nullable: false, ..Typed::new(sql, ty) }
}

fn number(digits: &str, float: bool) -> Compiled<Typed> {
    if float {
        return match digits.parse::<f64>() {
            Ok(f) if f.is_finite() => {
                Ok(constant(format!("{f:e}").replace('e', "e+").replace("e+-", "e-"), T::Float))
            }
            _ => Err(SqlError::at(
                err_class(
                    168,
                    15,
                    1,
                    format!(
                        "The floating point value '{digits}' is out of the range of computer representation (8 bytes)."
                    ),
                ),
                0,
            )),
        };
    }
    if !digits.contains('.')
        && let Ok(n) = digits.parse::<i32>()
    {
        return Ok(constant(n.to_string(), T::Int));
    }
    let number = Dec::parse(digits).filter(|d| d.value.unsigned_abs() < 10u128.pow(38));
    let Some(number) = number else {
        return Err(err_class(
            1007,
            15,
            1,
            format!(
                "The number '{digits}' is out of the range for numeric representation (maximum precision 38)."
            ),
        ));
    };
    let count = number.value.unsigned_abs().to_string().len() as u8;
    let precision = count.max(number.scale).max(1);
    let precision = if number.value == 0 { number.scale.max(1) } else { precision };
    Ok(constant(quote(&number.to_string()), T::Decimal(precision, number.scale)))
}

/// `a + b` of texts.
fn concatenation(a: &Typed, b: &Typed) -> Typed {
    let national = a.ty.is_national() || b.ty.is_national();
    let (x, y) = (a.ty.length(), b.ty.length());
    let limit = if national { 4000 } else { 8000 };
    let length = if x == MAX || y == MAX { MAX } else { (x + y).clamp(1, limit) };
    let ty = if national { T::NVarChar(length) } else { T::VarChar(length) };
    let collation = a.collation.clone().or_else(|| b.collation.clone());
    Typed {
        collation,
        nullable: a.nullable || b.nullable,
        ..Typed::new(format!("({} || {})", a.sql, b.sql), ty)
    }
}

/// The text of any value, for functions of texts.
pub(crate) fn as_text(value: &Typed) -> String {
    if value.ty.is_text() || value.ty == T::Null {
        value.sql.clone()
    } else {
        convert(value, T::NVarChar(4000), "0")
    }
}

/// What ORDER BY adds behind a value.
pub(crate) fn order_collation(value: &Typed, database: &str) -> String {
    if value.ty.is_text() {
        return format!(" COLLATE {}", collation::sqlite(value.collation.as_deref().unwrap_or(database)));
    }
    collate(value.ty).to_owned()
}
