//! Owns what SQLite calls back: conversions, arithmetic, texts, dates, facts of the catalog, collations; the session
//! gives it its state before each statement.

mod dates;
mod meta;
mod plain;

pub(crate) use meta::may;
pub(crate) use plain::like;

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::functions::{Aggregate, Context, FunctionFlags, WindowAggregate};
use rusqlite::types::Value;
use rusqlite::{Connection, Error, Result};

use crate::catalog::Catalog;
use crate::collation::{compare_ci, compare_cs, compare_numbers, compare_offsets};
use crate::compile::Facts;
use crate::convert::{self, Ctx, natural, text_of};
use crate::database::Database;
use crate::decimal::{Dec, arithmetic};
use crate::error::{SqlError, divide_by_zero, err, overflow};
use crate::types::SqlType;

/// The session's state as the functions need it.
pub(crate) struct Scope {
    pub(crate) ctx: Ctx,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) facts: Facts,
    pub(crate) database: Arc<Database>,
    pub(crate) limited: bool,
    pub(crate) host: String,
    pub(crate) app: String,
}

/// What a connection to SQLite and its functions share.
pub(crate) struct Shared {
    error: Mutex<Option<SqlError>>,
    pub(crate) scope: Mutex<Scope>,
}

impl Shared {
    pub(crate) fn new(scope: Scope) -> Arc<Self> {
        Arc::new(Self { error: Mutex::new(None), scope: Mutex::new(scope) })
    }

    /// The error of a function, which SQLite itself cannot carry.
    pub(crate) fn take_error(&self) -> Option<SqlError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn fail(&self, error: SqlError) -> Error {
        let message = error.to_string();
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        Error::UserFunctionError(message.into())
    }

    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut Scope) -> T) -> T {
        f(&mut self.scope.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn arg(ctx: &Context<'_>, i: usize) -> Value {
    ctx.get::<Value>(i).unwrap_or(Value::Null)
}

fn int(ctx: &Context<'_>, i: usize) -> i64 {
    match arg(ctx, i) {
        Value::Integer(n) => n,
        other => text_of(&other).parse().unwrap_or(0),
    }
}

/// Gives the connection T-SQL's functions and collations.
pub(crate) fn register(db: &Connection, shared: &Arc<Shared>) -> Result<()> {
    db.create_collation("TCI", compare_ci)?;
    db.create_collation("TCS", compare_cs)?;
    db.create_collation("TNUM", compare_numbers)?;
    db.create_collation("TDTO", compare_offsets)?;
    let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    let impure = FunctionFlags::SQLITE_UTF8;
    let s = Arc::clone(shared);
    db.create_scalar_function("tconv", 4, pure, move |c| {
        let ctx = s.with(|scope| scope.ctx);
        let (from, to) = (SqlType::from_code(int(c, 1)), SqlType::from_code(int(c, 2)));
        convert::convert(arg(c, 0), from, to, int(c, 3), ctx).map_err(|e| s.fail(e))
    })?;
    let s = Arc::clone(shared);
    db.create_scalar_function("ttryconv", 4, pure, move |c| {
        let ctx = s.with(|scope| scope.ctx);
        let (from, to) = (SqlType::from_code(int(c, 1)), SqlType::from_code(int(c, 2)));
        Ok(convert::convert(arg(c, 0), from, to, int(c, 3), ctx).unwrap_or(Value::Null))
    })?;
    let s = Arc::clone(shared);
    db.create_scalar_function("tarith", 4, pure, move |c| {
        let op = text_of(&arg(c, 0)).chars().next().unwrap_or('+');
        calculate(op, &arg(c, 1), &arg(c, 2), SqlType::from_code(int(c, 3))).map_err(|e| s.fail(e))
    })?;
    db.create_scalar_function("tlike", 4, pure, move |c| {
        let (text, pattern) = (arg(c, 0), arg(c, 1));
        if matches!(text, Value::Null) || matches!(pattern, Value::Null) {
            return Ok(Value::Null);
        }
        let escape = text_of(&arg(c, 2)).chars().next();
        Ok(Value::Integer(i64::from(plain::like(
            &text_of(&text),
            &text_of(&pattern),
            escape,
            int(c, 3) != 0,
        ))))
    })?;
    let s = Arc::clone(shared);
    db.create_scalar_function("tf", -1, impure, move |c| {
        let args: Vec<Value> = (1..c.len()).map(|i| arg(c, i)).collect();
        let page = s.with(|scope| scope.ctx.page);
        plain::call(&text_of(&arg(c, 0)), &args, page).map_err(|e| s.fail(e))
    })?;
    let s = Arc::clone(shared);
    db.create_scalar_function("tmeta", -1, impure, move |c| {
        let args: Vec<Value> = (1..c.len()).map(|i| arg(c, i)).collect();
        s.with(|scope| meta::call(&text_of(&arg(c, 0)), &args, scope)).map_err(|e| s.fail(e))
    })?;
    let s = Arc::clone(shared);
    db.create_scalar_function("tvisible", 1, impure, move |c| {
        let id = int(c, 0);
        Ok(s.with(|scope| meta::visible(scope, id)))
    })?;
    db.create_aggregate_function("tsingle", 1, impure, Single(Arc::clone(shared)))?;
    db.create_window_function("tsum", 2, impure, Sum(Arc::clone(shared), false))?;
    db.create_window_function("tavg", 2, impure, Sum(Arc::clone(shared), true))?;
    Ok(())
}

/// `a op b` of numbers that have the type's form already.
fn calculate(op: char, a: &Value, b: &Value, ty: SqlType) -> std::result::Result<Value, SqlError> {
    if matches!(a, Value::Null) || matches!(b, Value::Null) {
        return Ok(Value::Null);
    }
    let too_large =
        || overflow("expression", if matches!(ty, SqlType::Decimal(..)) { "numeric" } else { ty.name() });
    if matches!(ty, SqlType::Real | SqlType::Float) {
        let number = |v: &Value| match v {
            Value::Real(f) => *f,
            other => text_of(other).parse().unwrap_or(0.0),
        };
        let (x, y) = (number(a), number(b));
        let result = match op {
            '+' => x + y,
            '-' => x - y,
            '*' => x * y,
            '/' if y == 0.0 => return Err(divide_by_zero()),
            '/' => x / y,
            _ => {
                return Err(err(
                    402,
                    "The data types float and float are incompatible in the modulo operator.",
                ));
            }
        };
        return if result.is_finite() { Ok(Value::Real(result)) } else { Err(too_large()) };
    }
    let dec = |v: &Value| Dec::parse(&text_of(v)).ok_or_else(too_large);
    let (x, y) = (dec(a)?, dec(b)?);
    if ty.is_int() {
        let (x, y) = (x.value, y.value);
        let result = match op {
            '+' => x + y,
            '-' => x - y,
            '*' => x * y,
            _ if y == 0 => return Err(divide_by_zero()),
            '/' => x / y,
            _ => x % y,
        };
        let fits = match ty {
            SqlType::TinyInt => (0..=255).contains(&result),
            SqlType::SmallInt => i16::try_from(result).is_ok(),
            SqlType::Int => i32::try_from(result).is_ok(),
            _ => i64::try_from(result).is_ok(),
        };
        return if fits { Ok(Value::Integer(result as i64)) } else { Err(too_large()) };
    }
    let (p, s) = ty.digits();
    let result = arithmetic(op, x, y, s)?.and_then(|d| d.fit(p, s)).map_err(|_| too_large())?;
    Ok(Value::Text(result.to_string()))
}

/// One row at most, as a subquery in a value's place may give.
struct Single(Arc<Shared>);

impl Aggregate<Option<Value>, Value> for Single {
    fn init(&self, _: &mut Context<'_>) -> Result<Option<Value>> {
        Ok(None)
    }
    fn step(&self, c: &mut Context<'_>, state: &mut Option<Value>) -> Result<()> {
        if state.is_some() {
            return Err(self.0.fail(err(512, "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= or when the subquery is used as an expression.")));
        }
        *state = Some(arg(c, 0));
        Ok(())
    }
    fn finalize(&self, _: &mut Context<'_>, state: Option<Option<Value>>) -> Result<Value> {
        Ok(state.flatten().unwrap_or(Value::Null))
    }
}

/// SUM and AVG in T-SQL's types.
struct Sum(Arc<Shared>, bool);

/// Sum so far, rows, and the type's code.
type Total = (Option<Value>, i64, i64);

impl Sum {
    fn add(&self, c: &Context<'_>, total: &mut Total, op: char) -> Result<()> {
        let value = arg(c, 0);
        if matches!(value, Value::Null) {
            return Ok(());
        }
        total.2 = int(c, 1);
        let ty = SqlType::from_code(total.2);
        let zero =
            if matches!(natural(&value), SqlType::Float) { Value::Real(0.0) } else { Value::Integer(0) };
        let before = total.0.take().unwrap_or(zero);
        total.0 = Some(calculate(op, &before, &value, ty).map_err(|e| self.0.fail(e))?);
        total.1 += if op == '+' { 1 } else { -1 };
        Ok(())
    }
    fn result(&self, total: Option<&Total>) -> Result<Value> {
        let Some((Some(sum), rows, code)) = total else { return Ok(Value::Null) };
        if *rows == 0 {
            return Ok(Value::Null);
        }
        if !self.1 {
            return Ok(sum.clone());
        }
        calculate('/', sum, &Value::Integer(*rows), SqlType::from_code(*code)).map_err(|e| self.0.fail(e))
    }
}

impl Aggregate<Total, Value> for Sum {
    fn init(&self, _: &mut Context<'_>) -> Result<Total> {
        Ok((None, 0, 0))
    }
    fn step(&self, c: &mut Context<'_>, total: &mut Total) -> Result<()> {
        self.add(c, total, '+')
    }
    fn finalize(&self, _: &mut Context<'_>, total: Option<Total>) -> Result<Value> {
        self.result(total.as_ref())
    }
}

impl WindowAggregate<Total, Value> for Sum {
    fn value(&self, total: Option<&mut Total>) -> Result<Value> {
        self.result(total.as_deref())
    }
    fn inverse(&self, c: &mut Context<'_>, total: &mut Total) -> Result<()> {
        self.add(c, total, '-')
    }
}
