//! General functions, aggregates, and those that are stored. It must never know a function that Oracle has not.

use std::rc::Rc;

use crate::ora::{Ora, OraError};
use crate::plan::expr::varying;
use crate::plan::funcs_scalar::{number_function, text_function};
use crate::plan::scope::Scope;
use crate::plan::types::{Ex, NUMBER, TEXT, Ty, common};
use crate::plan::{Object, Planner};
use crate::sql::ast::{Expr, Func, Order, TypeName};

const AGGREGATES: [&str; 9] =
    ["COUNT", "SUM", "AVG", "MIN", "MAX", "LISTAGG", "STDDEV", "VARIANCE", "MEDIAN"];
const RANKS: [&str; 7] = ["ROW_NUMBER", "RANK", "DENSE_RANK", "LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE"];

impl Planner<'_> {
    pub(crate) fn function(&mut self, f: &Func, scope: &Scope) -> Ora<Ex> {
        let name = f.name.join(".");
        if let [only] = f.name.as_slice() {
            if AGGREGATES.contains(&only.as_str()) || RANKS.contains(&only.as_str()) {
                return self.aggregate(only, f, scope);
            }
            if only == "DECODE" {
                return self.decode(f, scope);
            }
        }
        let mut args = Vec::with_capacity(f.args.len());
        let known = !f.args.iter().any(|(_, e)| matches!(e, Expr::Tuple(_)));
        if known {
            for (_, e) in &f.args {
                let value = self.expr(e, scope)?;
                self.check_long_bind(&value)
                    .or_else(|e| if name.starts_with("TO_") { Ok(()) } else { Err(e) })?;
                args.push(value);
            }
        }
        if let Some(found) = text_function(&name, &args)? {
            return Ok(found);
        }
        if let Some(found) = number_function(&name, &args)? {
            return Ok(found);
        }
        if let Some(found) = crate::plan::funcs_time::time_function(&name, &args)? {
            return Ok(found);
        }
        if let Some(found) = self.general(&name, &args)? {
            return Ok(found);
        }
        if let Some(object) = self.find(&f.name)?
            && object.kind == "FUNCTION"
        {
            return self.stored_function(&object, &f.args, scope);
        }
        let quoted: Vec<String> = f.name.iter().map(|p| format!("\"{p}\"")).collect();
        Err(OraError::new(904, format!("{}: invalid identifier", quoted.join("."))))
    }

    fn general(&mut self, name: &str, args: &[Ex]) -> Ora<Option<Ex>> {
        Ok(Some(match (name, args) {
            ("NVL", [a, b]) => {
                let ty = if a.ty == Ty::Null {
                    b.ty
                } else if a.ty.is_text() {
                    common(&[a.ty, b.ty])
                } else {
                    a.ty
                };
                Ex::new(format!("coalesce({}, {})", a.as_ty(ty)?, b.as_ty(ty)?), varying(ty))
            }
            ("NVL2", [a, b, c]) => {
                let ty = common(&[b.ty, c.ty]);
                let null = if matches!(a.ty, Ty::TsTz(_)) { format!("({}).ts", a.sql) } else { a.output() };
                let sql =
                    format!("(CASE WHEN {null} IS NOT NULL THEN {} ELSE {} END)", b.as_ty(ty)?, c.as_ty(ty)?);
                Ex::new(sql, varying(ty))
            }
            ("COALESCE" | "GREATEST" | "LEAST", [_, _, ..]) => {
                let types: Vec<Ty> = args.iter().map(|a| a.ty).collect();
                let ty = common(&types);
                let list: Vec<String> = args.iter().map(|a| a.as_ty(ty)).collect::<Ora<_>>()?;
                if name == "COALESCE" {
                    Ex::new(format!("coalesce({})", list.join(", ")), varying(ty))
                } else {
                    // Here one NULL makes all of it NULL.
                    let any: Vec<String> = list.iter().map(|l| format!("({l}) IS NULL")).collect();
                    let sql = format!(
                        "(CASE WHEN {} THEN NULL ELSE {name}({}) END)",
                        any.join(" OR "),
                        list.join(", ")
                    );
                    Ex::new(sql, varying(ty))
                }
            }
            ("NULLIF", [a, b]) => {
                let (l, r) = self.both(a, b)?;
                Ex::new(format!("(CASE WHEN {l} = {r} THEN NULL ELSE {} END)", a.sql), varying(a.ty))
            }
            ("SYS_CONTEXT", [a, b, ..]) => {
                Ex::new(format!("ora.sys_context({}, {})", a.text()?, b.text()?), Ty::varchar(256))
            }
            ("USERENV", [a]) => {
                Ex::new(format!("ora.sys_context('USERENV', {})", a.text()?), Ty::varchar(256))
            }
            ("USER", []) => Ex::new("ora.me()", Ty::varchar(128)),
            ("UID", []) => Ex::new("1::numeric", NUMBER),
            ("ROWNUM", []) => Ex::new("(row_number() OVER ())::numeric", NUMBER),
            ("SYS_GUID", []) => Ex::new("ora.sys_guid()", Ty::Raw(16)),
            ("SQLERRM", []) => Ex::new("SQLERRM", TEXT),
            ("SQLCODE", []) => Ex::new("ora.sqlcode(SQLERRM)", NUMBER),
            ("EMPTY_CLOB", []) => Ex::new("''::text", Ty::Clob { national: false }),
            ("EMPTY_BLOB", []) => Ex::new("''::bytea", Ty::Blob),
            ("HEXTORAW", [a]) => Ex::new(format!("ora.hextoraw({})", a.text()?), Ty::Raw(2000)),
            ("RAWTOHEX", [a]) => Ex::new(format!("ora.rawtohex({})", a.bytes()?), TEXT),
            ("TO_BLOB", [a]) => Ex::new(a.bytes()?, Ty::Blob),
            ("UTL_RAW.CAST_TO_RAW", [a]) => {
                Ex::new(format!("convert_to({}, 'UTF8')", a.text()?), Ty::Raw(2000))
            }
            ("UTL_RAW.CAST_TO_VARCHAR2", [a]) => {
                Ex::new(format!("convert_from({}, 'UTF8')", a.bytes()?), TEXT)
            }
            ("DBMS_LOB.GETLENGTH", [a]) => {
                let sql = if a.ty == Ty::Blob { a.sql.clone() } else { a.text()? };
                Ex::new(format!("length({sql})::numeric"), NUMBER)
            }
            ("DBMS_LOB.SUBSTR", [a, rest @ ..]) => {
                let n = rest.first().map_or(Ok("32767".to_owned()), Ex::number)?;
                let from = rest.get(1).map_or(Ok("1".to_owned()), Ex::number)?;
                if a.ty == Ty::Blob {
                    Ex::new(format!("substr({}, ({from})::int, ({n})::int)", a.sql), Ty::Raw(2000))
                } else {
                    Ex::new(format!("ora.substr({}, {from}, {n})", a.text()?), TEXT)
                }
            }
            ("DBMS_LOB.COMPARE", [a, b]) => {
                Ex::new(format!("(CASE WHEN {} = {} THEN 0 ELSE 1 END)::numeric", a.sql, b.sql), NUMBER)
            }
            ("DBMS_RANDOM.VALUE", []) => Ex::new("random()::numeric", NUMBER),
            ("ROWIDTOCHAR", [a]) => Ex::new(a.sql.clone(), Ty::varchar(18)),
            ("CHARTOROWID", [a]) => Ex::new(a.text()?, Ty::Rowid),
            _ => return Ok(None),
        }))
    }

    fn decode(&mut self, f: &Func, scope: &Scope) -> Ora<Ex> {
        let values: Vec<&Expr> = f.args.iter().map(|(_, e)| e).collect();
        let [what, rest @ ..] = values.as_slice() else { return Err(OraError::plain(938)) };
        if rest.len() < 2 {
            return Err(OraError::new(938, "not enough arguments for function"));
        }
        let what = self.expr(what, scope)?;
        let mut arms = Vec::new();
        let mut last = None;
        for pair in rest.chunks(2) {
            match pair {
                [search, result] => {
                    let search = self.expr(search, scope)?;
                    let (l, r) = self.both(&what, &search)?;
                    arms.push((format!("{l} IS NOT DISTINCT FROM {r}"), self.expr(result, scope)?));
                }
                [only] => last = Some(self.expr(only, scope)?),
                _ => {}
            }
        }
        // The first result decides; NULL there means a text.
        let types: Vec<Ty> = arms.iter().map(|(_, e)| e.ty).chain(last.iter().map(|e| e.ty)).collect();
        let ty = common(&types);
        let mut sql = String::from("(CASE");
        for (condition, value) in &arms {
            sql.push_str(&format!(" WHEN {condition} THEN {}", value.as_ty(ty)?));
        }
        if let Some(last) = last {
            sql.push_str(&format!(" ELSE {}", last.as_ty(ty)?));
        }
        sql.push_str(" END)");
        Ok(Ex::new(sql, varying(ty)))
    }

    fn aggregate(&mut self, name: &str, f: &Func, scope: &Scope) -> Ora<Ex> {
        let mut args = Vec::new();
        for (_, e) in &f.args {
            args.push(self.expr(e, scope)?);
        }
        let distinct = if f.distinct { "DISTINCT " } else { "" };
        let (sql, ty) = match (name, args.as_slice()) {
            ("COUNT", []) if f.star => ("count(*)".to_owned(), NUMBER),
            ("COUNT", [a]) => (format!("count({distinct}{})", a.output()), NUMBER),
            ("SUM" | "AVG" | "STDDEV" | "VARIANCE", [a]) => {
                (format!("{name}({distinct}{})", a.number()?), NUMBER)
            }
            ("MEDIAN", [a]) => {
                (format!("percentile_cont(0.5) WITHIN GROUP (ORDER BY {})::numeric", a.number()?), NUMBER)
            }
            ("MIN" | "MAX", [a]) => (format!("{name}({})", a.sql), varying(a.ty)),
            ("LISTAGG", [a, rest @ ..]) => {
                let separator = rest.first().map_or(Ok("''".to_owned()), Ex::text)?;
                let order = self.order(&f.within, scope)?;
                (format!("string_agg({distinct}{}, {separator}{order})", a.text()?), TEXT)
            }
            ("ROW_NUMBER" | "RANK" | "DENSE_RANK", []) => (format!("{name}()"), NUMBER),
            ("LAG" | "LEAD", [a, rest @ ..]) => {
                let n = rest.first().map_or(Ok("1".to_owned()), Ex::number)?;
                (format!("{name}({}, ({n})::int)", a.sql), a.ty)
            }
            ("FIRST_VALUE" | "LAST_VALUE", [a]) => (format!("{name}({})", a.sql), a.ty),
            _ => return Err(OraError::plain(909)),
        };
        let sql = match &f.over {
            None if RANKS.contains(&name) => {
                return Err(OraError::new(30484, "missing window specification for this function"));
            }
            None => sql,
            Some((partition, order)) => {
                let mut window = String::new();
                if !partition.is_empty() {
                    let list: Vec<String> =
                        partition.iter().map(|e| Ok(self.expr(e, scope)?.sql)).collect::<Ora<_>>()?;
                    window = format!("PARTITION BY {}", list.join(", "));
                }
                format!("{sql} OVER ({window}{})", self.order(order, scope)?)
            }
        };
        let sql = if matches!(name, "COUNT") || RANKS[..3].contains(&name) {
            format!("({sql})::numeric")
        } else {
            sql
        };
        Ok(Ex::new(sql, ty))
    }

    pub(crate) fn order(&mut self, order: &[Order], scope: &Scope) -> Ora<String> {
        if order.is_empty() {
            return Ok(String::new());
        }
        let mut list = Vec::new();
        for o in order {
            let value = self.expr(&o.by, scope)?;
            let sql = if matches!(value.ty, Ty::TsTz(_)) { value.instant()? } else { value.sql };
            list.push(format!("{sql}{}", direction(o)));
        }
        Ok(format!(" ORDER BY {}", list.join(", ")))
    }

    /// A call of a function of the database.
    pub(crate) fn stored_function(
        &mut self,
        object: &Rc<Object>,
        args: &[(Option<String>, Expr)],
        scope: &Scope,
    ) -> Ora<Ex> {
        let params = routine_params(&object.extra);
        let returns = params.iter().find(|p| p.mode == "RETURN").map_or(TEXT, |p| p.ty);
        let list = self.routine_arguments(&params, args, scope)?;
        Ok(Ex::new(format!("{}({})", object.sql(), list.join(", ")), returns))
    }

    /// The values for the parameters that take one, in their order.
    pub(crate) fn routine_arguments(
        &mut self,
        params: &[RoutineParam],
        args: &[(Option<String>, Expr)],
        scope: &Scope,
    ) -> Ora<Vec<String>> {
        let wanted: Vec<&RoutineParam> = params.iter().filter(|p| p.mode != "RETURN").collect();
        if args.len() > wanted.len() {
            return Err(OraError::new(
                6550,
                "line 1, column 7:\nPLS-00306: wrong number or types of arguments in call",
            ));
        }
        let mut list = Vec::new();
        for (i, param) in wanted.iter().enumerate() {
            let given = args
                .iter()
                .find(|(n, _)| n.as_deref() == Some(param.name.as_str()))
                .or_else(|| args.get(i).filter(|(n, _)| n.is_none()));
            if param.mode == "OUT" {
                continue;
            }
            match given {
                Some((_, e)) => {
                    let value = self.expr(e, scope)?;
                    list.push(format!("({})::{}", value.as_ty(param.ty)?, param.ty.pg_free()));
                }
                None if param.optional => break,
                None => {
                    return Err(OraError::new(
                        6550,
                        "line 1, column 7:\nPLS-00306: wrong number or types of arguments in call",
                    ));
                }
            }
        }
        Ok(list)
    }
}

/// A parameter of a stored routine, as the dictionary keeps it: `name|mode|type|optional` on a line.
#[derive(Debug, Clone)]
pub(crate) struct RoutineParam {
    pub(crate) name: String,
    pub(crate) mode: String,
    pub(crate) ty: Ty,
    pub(crate) optional: bool,
}

pub(crate) fn routine_params(text: &str) -> Vec<RoutineParam> {
    let one = |line: &str| {
        let mut parts = line.split('|');
        let name = parts.next()?.to_owned();
        let mode = parts.next()?.to_owned();
        let ty = TypeName { name: parts.next()?.to_owned(), args: Vec::new(), unit: None, like: None };
        let ty = match ty.name.as_str() {
            "VARCHAR2" | "CHAR" | "VARCHAR" => TEXT,
            "NVARCHAR2" | "NCHAR" => Ty::Varchar { bytes: 4000, chars: 2000, national: true },
            "RAW" => Ty::Raw(2000),
            _ => crate::plan::expr::column_type(&ty, 19).unwrap_or(TEXT),
        };
        Some(RoutineParam { name, mode, ty, optional: parts.next() == Some("Y") })
    };
    text.lines().filter_map(one).collect()
}

pub(crate) fn direction(o: &Order) -> String {
    let mut sql = String::from(if o.descending { " DESC" } else { "" });
    match o.nulls_first {
        Some(true) => sql.push_str(" NULLS FIRST"),
        Some(false) => sql.push_str(" NULLS LAST"),
        None => {}
    }
    sql
}
