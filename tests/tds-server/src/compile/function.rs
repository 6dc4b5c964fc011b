//! Owns the functions and `@@` variables of T-SQL as SQLite's words; never the work of those that SQLite calls back.

use crate::compile::expr::{as_text, order_collation};
use crate::compile::rules::{common, convert};
use crate::compile::{Compiled, Compiler, Typed, quote};
use crate::datetime;
use crate::error::{SqlError, err, err_class};
use crate::sql::ast::Call;
use crate::types::{MAX, SqlType};

use SqlType as T;

fn arguments(name: &str, least: usize, most: usize, given: usize) -> Compiled<()> {
    if given < least || given > most {
        let (number, message) = if least == most {
            (174, format!("The {} function requires {least} argument(s).", name.to_lowercase()))
        } else {
            (189, format!("The {} function requires {least} to {most} arguments.", name.to_lowercase()))
        };
        return Err(err_class(number, 15, 1, message));
    }
    Ok(())
}

fn is(name: &str, arguments_: (usize, usize), call: &Call) -> Result<bool, SqlError> {
    if call.name != name {
        return Ok(false);
    }
    arguments(name, arguments_.0, arguments_.1, call.args.len())?;
    Ok(true)
}

impl Compiler<'_> {
    /// A call of a function.
    pub(crate) fn call(&mut self, call: &Call) -> Compiled<Typed> {
        if let Some(value) = self.aggregate(call)? {
            return Ok(value);
        }
        if call.distinct || call.star || call.over.is_some() {
            return Err(err_class(102, 15, 1, "Incorrect syntax near '*'."));
        }
        if let Some(value) = self.text_function(call)? {
            return Ok(value);
        }
        if let Some(value) = self.plain_function(call)? {
            return Ok(value);
        }
        if let Some(value) = self.time_function(call)? {
            return Ok(value);
        }
        if let Some(value) = self.meta_function(call)? {
            return Ok(value);
        }
        Err(err_class(195, 15, 10, format!("'{}' is not a recognized built-in function name.", call.name)))
    }

    /// `OVER (...)`, or nothing.
    fn over(&mut self, call: &Call) -> Compiled<String> {
        Ok(match &call.over {
            None => String::new(),
            Some((partition, order)) => {
                let mut words = Vec::new();
                if !partition.is_empty() {
                    let terms: Vec<String> =
                        partition.iter().map(|p| self.value(p).map(|v| v.sql)).collect::<Result<_, _>>()?;
                    words.push(format!("PARTITION BY {}", terms.join(", ")));
                }
                if !order.is_empty() {
                    let mut terms = Vec::new();
                    for (expr, descending) in order {
                        // `ORDER BY (SELECT NULL)` is T-SQL for no order at all.
                        let value = self.value(expr)?;
                        let collate = order_collation(&value, &self.env.facts.collation);
                        terms.push(format!(
                            "{}{collate}{}",
                            value.sql,
                            if *descending { " DESC" } else { "" }
                        ));
                    }
                    words.push(format!("ORDER BY {}", terms.join(", ")));
                }
                format!(" OVER ({})", words.join(" "))
            }
        })
    }

    fn aggregate(&mut self, call: &Call) -> Compiled<Option<Typed>> {
        let over = self.over(call)?;
        let one = |this: &mut Self| -> Compiled<Typed> {
            arguments(&call.name, 1, 1, call.args.len())?;
            this.value(&call.args[0])
        };
        let distinct = if call.distinct { "DISTINCT " } else { "" };
        Ok(Some(match call.name.as_str() {
            "COUNT" | "COUNT_BIG" => {
                let ty = if call.name == "COUNT" { T::Int } else { T::BigInt };
                let inner = if call.star {
                    "*".to_owned()
                } else {
                    let value = one(self)?;
                    let collate = order_collation(&value, &self.env.facts.collation);
                    format!("{distinct}{}{collate}", value.sql)
                };
                Typed { nullable: true, ..Typed::new(format!("count({inner}){over}"), ty) }
            }
            "MIN" | "MAX" => {
                let value = one(self)?;
                if matches!(value.ty, T::Bit | T::Text | T::NText | T::Image) {
                    return Err(err(
                        8117,
                        format!(
                            "Operand data type {} is invalid for {} operator.",
                            value.ty.name(),
                            call.name.to_lowercase()
                        ),
                    ));
                }
                let collate = order_collation(&value, &self.env.facts.collation);
                let sql = format!("{}({}{collate}){over}", call.name.to_lowercase(), value.sql);
                Typed { collation: value.collation, ..Typed::new(sql, value.ty) }
            }
            "SUM" | "AVG" => {
                let value = one(self)?;
                let ty = match value.ty {
                    T::TinyInt | T::SmallInt | T::Int => T::Int,
                    T::BigInt => T::BigInt,
                    T::Decimal(_, s) => T::Decimal(38, if call.name == "SUM" { s } else { s.max(6) }),
                    T::Money | T::SmallMoney => T::Money,
                    T::Real | T::Float => T::Float,
                    other => {
                        return Err(err(
                            8117,
                            format!(
                                "Operand data type {} is invalid for {} operator.",
                                other.name(),
                                call.name.to_lowercase()
                            ),
                        ));
                    }
                };
                Typed::new(
                    format!("t{}({distinct}{}, {}){over}", call.name.to_lowercase(), value.sql, ty.code()),
                    ty,
                )
            }
            "ROW_NUMBER" | "RANK" | "DENSE_RANK" => {
                if over.is_empty() {
                    return Err(err_class(
                        10753,
                        15,
                        3,
                        format!("The function '{}' must have an OVER clause.", call.name),
                    ));
                }
                Typed {
                    nullable: false,
                    ..Typed::new(format!("{}(){over}", call.name.to_lowercase()), T::BigInt)
                }
            }
            _ => return Ok(None),
        }))
    }

    pub(crate) fn all(&mut self, call: &Call) -> Compiled<Vec<Typed>> {
        call.args.iter().map(|a| self.value(a)).collect()
    }

    fn text_function(&mut self, call: &Call) -> Compiled<Option<Typed>> {
        let (least, most) = match call.name.as_str() {
            "LEN" | "DATALENGTH" | "UPPER" | "LOWER" | "LTRIM" | "RTRIM" | "TRIM" | "REVERSE" | "ASCII"
            | "UNICODE" | "CHAR" | "NCHAR" | "SPACE" => (1, 1),
            "LEFT" | "RIGHT" | "REPLICATE" => (2, 2),
            "REPLACE" | "SUBSTRING" => (3, 3),
            "CHARINDEX" => (2, 3),
            "STUFF" => (4, 4),
            "QUOTENAME" => (1, 2),
            "CONCAT" => (2, 254),
            "HASHBYTES" => return Ok(None),
            _ => return Ok(None),
        };
        arguments(&call.name, least, most, call.args.len())?;
        if call.name == "TRIM" && self.env.facts.major < 14
            || call.name == "CONCAT" && self.env.facts.major < 11
        {
            return Ok(None);
        }
        let args = self.all(call)?;
        let first = &args[0];
        let texts: Vec<String> = args.iter().map(as_text).collect();
        let list = texts.join(", ");
        let lower = call.name.to_lowercase();
        let national = args.iter().any(|a| a.ty.is_national());
        let of = |length: u32| if national { T::NVarChar(length) } else { T::VarChar(length) };
        let limit = if national { 4000 } else { 8000 };
        let (sql, ty) = match call.name.as_str() {
            "LEN" => {
                (format!("tf('len', {list})"), if first.ty.length() == MAX { T::BigInt } else { T::Int })
            }
            "DATALENGTH" => (
                format!("tf('datalength', {}, {})", first.sql, first.ty.code()),
                if first.ty.length() == MAX { T::BigInt } else { T::Int },
            ),
            "ASCII" | "UNICODE" => (format!("tf('{lower}', {list})"), T::Int),
            "CHARINDEX" => {
                let name = args[1].collation.clone().unwrap_or_else(|| self.env.facts.collation.clone());
                let start = args.get(2).map_or("1", |a| &a.sql);
                let sensitive = i32::from(crate::collation::is_sensitive(&name));
                (format!("tf('charindex', {}, {}, {start}, {sensitive})", texts[0], texts[1]), T::Int)
            }
            "CHAR" => (format!("tf('char', {})", first.sql), T::VarChar(1)),
            "NCHAR" => (format!("tf('nchar', {})", first.sql), T::NVarChar(1)),
            "SPACE" => (format!("tf('space', {})", first.sql), T::VarChar(8000)),
            "REPLACE" => {
                let name = first.collation.clone().unwrap_or_else(|| self.env.facts.collation.clone());
                let sensitive = i32::from(crate::collation::is_sensitive(&name));
                (
                    format!("tf('replace', {list}, {sensitive})"),
                    of(if first.ty.length() == MAX { MAX } else { limit }),
                )
            }
            "LEFT" | "RIGHT" | "REPLICATE" => {
                let length = if call.name == "REPLICATE" { limit } else { first.ty.length().max(1) };
                (format!("tf('{lower}', {}, {})", texts[0], args[1].sql), of(length))
            }
            "SUBSTRING" | "STUFF" => {
                let last = args.get(3).map(|a| format!(", {}", as_text(a))).unwrap_or_default();
                let sql = format!("tf('{lower}', {}, {}, {}{last})", texts[0], args[1].sql, args[2].sql);
                (sql, of(if call.name == "STUFF" { limit } else { first.ty.length().max(1) }))
            }
            "QUOTENAME" => (format!("tf('quotename', {list})"), T::NVarChar(258)),
            "CONCAT" => (format!("tf('concat', {list})"), of(limit)),
            _ => (
                format!("tf('{lower}', {list})"),
                of(if first.ty.is_text() { first.ty.length() } else { limit }),
            ),
        };
        let collation = if ty.is_text() { first.collation.clone() } else { None };
        Ok(Some(Typed { collation, ..Typed::new(sql, ty) }))
    }

    /// ISNULL, COALESCE, NULLIF.
    fn null_function(&mut self, call: &Call) -> Compiled<Option<Typed>> {
        if is("ISNULL", (2, 2), call)? {
            let args = self.all(call)?;
            let ty = if args[0].ty == T::Null { args[1].ty } else { args[0].ty };
            let (a, b) = (self.implicit(&args[0], ty)?, self.implicit(&args[1], ty)?);
            let nullable = args[1].nullable;
            return Ok(Some(Typed {
                nullable,
                collation: args[0].collation.clone(),
                ..Typed::new(format!("ifnull({a}, {b})"), ty)
            }));
        }
        if is("COALESCE", (2, 500), call)? {
            let args = self.all(call)?;
            let ty = args.iter().fold(T::Null, |ty, a| common(ty, a.ty));
            if ty == T::Null {
                return Err(err(
                    4127,
                    "At least one of the arguments to COALESCE must be an expression that is not the NULL constant.",
                ));
            }
            let parts: Vec<String> = args.iter().map(|a| self.implicit(a, ty)).collect::<Result<_, _>>()?;
            let collation = args.iter().find_map(|a| a.collation.clone());
            let nullable = args.iter().all(|a| a.nullable);
            return Ok(Some(Typed {
                nullable,
                collation,
                ..Typed::new(format!("coalesce({})", parts.join(", ")), ty)
            }));
        }
        if is("NULLIF", (2, 2), call)? {
            let args = self.all(call)?;
            let (a, b, collate) = self.comparable(&args[0], &args[1])?;
            let sql = format!("(CASE WHEN {a} = {b}{collate} THEN NULL ELSE {} END)", args[0].sql);
            return Ok(Some(Typed { collation: args[0].collation.clone(), ..Typed::new(sql, args[0].ty) }));
        }
        Ok(None)
    }

    fn plain_function(&mut self, call: &Call) -> Compiled<Option<Typed>> {
        if let Some(value) = self.null_function(call)? {
            return Ok(Some(value));
        }
        let (least, most) = match call.name.as_str() {
            "ABS" | "SIGN" | "CEILING" | "FLOOR" => (1, 1),
            "ROUND" => (2, 3),
            "CHECKSUM" => (1, 100),
            "RAND" => (0, 1),
            "NEWID" => (0, 0),
            "ISNUMERIC" | "ISDATE" => (1, 1),
            _ => return Ok(None),
        };
        arguments(&call.name, least, most, call.args.len())?;
        let args = self.all(call)?;
        let name = call.name.to_lowercase();
        Ok(Some(match call.name.as_str() {
            "NEWID" => Typed { nullable: false, ..Typed::new("tf('newid')", T::UniqueIdentifier) },
            "RAND" => Typed { nullable: false, ..Typed::new("tf('rand')", T::Float) },
            "ISNUMERIC" | "ISDATE" => {
                let ty = if call.name == "ISDATE" { T::DateTime } else { T::Decimal(38, 10) };
                let text = as_text(&args[0]);
                Typed::new(
                    format!("(ttryconv({text}, {}, {}, 0) IS NOT NULL)", T::NVarChar(4000).code(), ty.code()),
                    T::Int,
                )
            }
            "CHECKSUM" => Typed::new(
                format!(
                    "tf('checksum', {})",
                    args.iter().map(|a| a.sql.clone()).collect::<Vec<_>>().join(", ")
                ),
                T::Int,
            ),
            _ => {
                let first = &args[0];
                let ty = if first.ty.is_text() { T::Float } else { first.ty };
                let ty = match ty {
                    T::Bit | T::TinyInt | T::SmallInt => T::Int,
                    T::Decimal(p, _) if matches!(call.name.as_str(), "CEILING" | "FLOOR") => T::Decimal(p, 0),
                    other => other,
                };
                let value = self.implicit(first, if matches!(ty, T::Decimal(..)) { first.ty } else { ty })?;
                let digits = args.get(1).map(|a| format!(", {}", a.sql)).unwrap_or_default();
                Typed::new(format!("tf('{name}', {value}, {}{digits})", ty.code()), ty)
            }
        }))
    }

    fn time_function(&mut self, call: &Call) -> Compiled<Option<Typed>> {
        let now = datetime::now();
        let ty = match call.name.as_str() {
            "GETDATE" | "GETUTCDATE" | "CURRENT_TIMESTAMP" => T::DateTime,
            "SYSDATETIME" | "SYSUTCDATETIME" => T::DateTime2(7),
            "SYSDATETIMEOFFSET" => T::DateTimeOffset(7),
            _ => return self.part_function(call),
        };
        arguments(&call.name, 0, 0, call.args.len())?;
        let moment = now.fit(ty).unwrap_or(now);
        Ok(Some(Typed { nullable: false, ..Typed::new(quote(&moment.canonical(ty)), ty) }))
    }

    fn part_function(&mut self, call: &Call) -> Compiled<Option<Typed>> {
        let count = match call.name.as_str() {
            "DATEADD" | "DATEDIFF" => 3,
            "DATEPART" | "DATENAME" => 2,
            "YEAR" | "MONTH" | "DAY" => 1,
            "SWITCHOFFSET" | "TODATETIMEOFFSET" => 2,
            _ => return Ok(None),
        };
        arguments(&call.name, count, count, call.args.len())?;
        let mut args = self.all(call)?;
        if count == 1 {
            args.insert(0, Typed::new(quote(&call.name.to_lowercase()), T::VarChar(10)));
        }
        let moment = |this: &mut Self, value: &Typed| -> Compiled<(String, SqlType)> {
            let ty = if value.ty.is_time() { value.ty } else { T::DateTime };
            Ok((this.implicit(value, ty)?, ty))
        };
        Ok(Some(match call.name.as_str() {
            "DATEADD" => {
                let (value, ty) = moment(self, &args[2])?;
                let n = convert(&args[1], T::Int, "0");
                Typed::new(format!("tf('dateadd', {}, {n}, {value}, {})", args[0].sql, ty.code()), ty)
            }
            "DATEDIFF" => {
                let ((a, _), (b, _)) = (moment(self, &args[1])?, moment(self, &args[2])?);
                Typed::new(format!("tf('datediff', {}, {a}, {b})", args[0].sql), T::Int)
            }
            "SWITCHOFFSET" | "TODATETIMEOFFSET" => return Ok(None),
            name => {
                let (value, ty) = moment(self, &args[1])?;
                let out = if name == "DATENAME" { T::NVarChar(30) } else { T::Int };
                let lower = if name == "DATENAME" { "datename" } else { "datepart" };
                Typed::new(format!("tf('{lower}', {}, {value}, {})", args[0].sql, ty.code()), out)
            }
        }))
    }
}
