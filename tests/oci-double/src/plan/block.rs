//! Blocks, triggers' and routines' bodies as PL/pgSQL. It must never run a statement that a body of Oracle could not.

use std::collections::HashMap;

use crate::ora::{Ora, OraError};
use crate::plan::expr::column_type;
use crate::plan::funcs::routine_params;
use crate::plan::scope::Scope;
use crate::plan::types::{Ex, NUMBER, TEXT, Ty};
use crate::plan::{Planner, Var, ident, literal};
use crate::sql::ast::{Block, Declaration, Expr, Statement, Step, TypeName};

impl Planner<'_> {
    /// The type of a variable or parameter, which may be that of a column.
    pub(crate) fn variable_type(&mut self, ty: &TypeName) -> Ora<Ty> {
        if let Some(path) = &ty.like {
            let [table @ .., column] = path.as_slice() else { return Err(OraError::plain(902)) };
            if table.is_empty() {
                return Ok(TEXT);
            }
            let object = self.object(table)?;
            let col = object.columns.iter().find(|c| c.name == *column);
            return col.map(|c| c.ty).ok_or_else(|| OraError::plain(904));
        }
        if ty.args.is_empty()
            && matches!(ty.name.as_str(), "VARCHAR2" | "CHAR" | "NVARCHAR2" | "RAW" | "VARCHAR")
        {
            return Ok(match ty.name.as_str() {
                "NVARCHAR2" => Ty::Varchar { bytes: 4000, chars: 2000, national: true },
                "RAW" => Ty::Raw(2000),
                _ => TEXT,
            });
        }
        if ty.name == "BOOLEAN" {
            return Ok(Ty::Bool);
        }
        column_type(ty, self.rules.major.max(12))
    }

    /// A block with its own declarations; `end` stands before its END.
    pub(crate) fn block_text(&mut self, block: &Block, end: &str) -> Ora<String> {
        let mut frame = HashMap::new();
        let mut text = String::from("DECLARE \"~rows\" numeric := 0;\n");
        let mut codes: HashMap<String, i32> = HashMap::new();
        for declaration in &block.declarations {
            match declaration {
                Declaration::Variable(name, ty, value) => {
                    let ty = self.variable_type(ty)?;
                    let value = match value {
                        Some(e) => format!(" := {}", self.pl_value(e, ty)?),
                        None => String::new(),
                    };
                    text.push_str(&format!("{} {}{value};\n", ident(name), ty.pg_free()));
                    frame.insert(name.clone(), Var::Scalar(ident(name), ty));
                }
                Declaration::Exception(_) => {}
                Declaration::ExceptionInit(name, code) => {
                    codes.insert(name.clone(), *code);
                }
            }
        }
        self.vars.push(frame);
        text.push_str("BEGIN\n");
        let body = self.steps(&block.body);
        let body = match body {
            Ok(body) => body,
            Err(e) => {
                self.vars.pop();
                return Err(e);
            }
        };
        text.push_str(&body);
        text.push_str(end);
        if !block.handlers.is_empty() {
            text.push_str("EXCEPTION WHEN OTHERS THEN\n");
            let mut first = true;
            for (names, steps) in &block.handlers {
                let conditions: Vec<String> = names.iter().map(|n| exception(n, &codes)).collect();
                let word = if first { "IF" } else { "ELSIF" };
                first = false;
                text.push_str(&format!("{word} {} THEN\n{}", conditions.join(" OR "), self.steps(steps)?));
                text.push_str(end);
            }
            text.push_str("ELSE RAISE; END IF;\n");
        }
        self.vars.pop();
        text.push_str("END");
        Ok(text)
    }

    fn steps(&mut self, steps: &[Step]) -> Ora<String> {
        let mut text = String::new();
        for step in steps {
            text.push_str(&self.step(step)?);
            text.push('\n');
        }
        Ok(text)
    }

    fn pl_value(&mut self, e: &Expr, ty: Ty) -> Ora<String> {
        let value = self.expr(e, &Scope::EMPTY)?;
        if ty == Ty::Bool { Ok(value.sql) } else { value.as_ty(ty) }
    }

    fn pl_condition(&mut self, e: &Expr) -> Ora<String> {
        self.condition(e, &Scope::EMPTY)
    }

    fn step(&mut self, step: &Step) -> Ora<String> {
        Ok(match step {
            Step::Nothing => "NULL;".to_owned(),
            Step::Sql(statement) => self.sql_step(statement)?,
            Step::Assign(target, value) => {
                let target = self.expr(target, &Scope::EMPTY)?;
                format!("{} := {};", target.sql, self.pl_value(value, target.ty)?)
            }
            Step::Call(path, args) => self.call_step(path, args)?,
            Step::If(branches, otherwise) => {
                let mut text = String::new();
                for (i, (condition, steps)) in branches.iter().enumerate() {
                    let word = if i == 0 { "IF" } else { "ELSIF" };
                    text.push_str(&format!(
                        "{word} {} THEN\n{}",
                        self.pl_condition(condition)?,
                        self.steps(steps)?
                    ));
                }
                if !otherwise.is_empty() {
                    text.push_str(&format!("ELSE\n{}", self.steps(otherwise)?));
                }
                text + "END IF;"
            }
            Step::While(condition, steps) => {
                let head = match condition {
                    Some(c) => format!("WHILE {} ", self.pl_condition(c)?),
                    None => String::new(),
                };
                format!("{head}LOOP\n{}END LOOP;", self.steps(steps)?)
            }
            Step::ForRange(name, low, high, steps) => {
                let (low, high) = (self.pl_value(low, NUMBER)?, self.pl_value(high, NUMBER)?);
                let var = Var::Scalar(format!("{}::numeric", ident(name)), NUMBER);
                self.vars.push(HashMap::from([(name.clone(), var)]));
                let body = self.steps(steps);
                self.vars.pop();
                format!("FOR {} IN ({low})::int..({high})::int LOOP\n{}END LOOP;", ident(name), body?)
            }
            Step::ForQuery(name, query, steps) => {
                let planned = self.query(query, None)?;
                let fields = planned.columns.iter().map(|c| (c.name.clone(), c.ty)).collect();
                self.vars.push(HashMap::from([(name.clone(), Var::Record(ident(name), fields))]));
                let body = self.steps(steps);
                self.vars.pop();
                let record = ident(name);
                format!(
                    "DECLARE {record} record; BEGIN FOR {record} IN {} LOOP\n{}END LOOP; END;",
                    planned.sql, body?
                )
            }
            Step::Exit(None) => "EXIT;".to_owned(),
            Step::Exit(Some(c)) => format!("EXIT WHEN {};", self.pl_condition(c)?),
            Step::Return(None) => "RETURN;".to_owned(),
            Step::Return(Some(e)) => format!("RETURN {};", self.expr(e, &Scope::EMPTY)?.sql),
            Step::Raise(None) => "RAISE;".to_owned(),
            Step::Raise(Some(name)) => match name.as_str() {
                "NO_DATA_FOUND" => "PERFORM ora.fail(1403, 'no data found');".to_owned(),
                other => format!(
                    "PERFORM ora.fail(6510, {});",
                    literal(&format!("PL/SQL: unhandled user-defined exception {other}"))
                ),
            },
            Step::Block(block) => self.block_text(block, "")? + ";",
            Step::Execute(_) => {
                "PERFORM ora.fail(3001, 'unimplemented feature: EXECUTE IMMEDIATE in the double');".to_owned()
            }
        })
    }

    fn sql_step(&mut self, statement: &Statement) -> Ora<String> {
        const ROWS: &str = " GET DIAGNOSTICS \"~rows\" = ROW_COUNT;";
        Ok(match statement {
            Statement::Select(query) => self.select_into(query)?,
            Statement::Insert(i) => self.insert(i)?.sql + ";" + ROWS,
            Statement::Update(u) => self.update(u)?.sql + ";" + ROWS,
            Statement::Delete(d) => self.delete(d)?.sql + ";" + ROWS,
            Statement::Merge(m) => self.merge(m)?.sql + ";" + ROWS,
            Statement::Savepoint(_) => "NULL;".to_owned(),
            Statement::Commit | Statement::Rollback(_) if self.row.is_some() => {
                "PERFORM ora.fail(4092, 'cannot COMMIT in a trigger');".to_owned()
            }
            Statement::Commit | Statement::Rollback(_) => {
                "PERFORM ora.fail(3001, 'unimplemented feature: COMMIT inside a stored routine of the double');".to_owned()
            }
            Statement::LockTable(..) | Statement::SetTransaction(_) => "NULL;".to_owned(),
            _ => return Err(OraError::absent("this statement inside a block")),
        })
    }

    fn select_into(&mut self, query: &crate::sql::ast::Query) -> Ora<String> {
        let crate::sql::ast::Body::Select(select) = &query.body else {
            return Err(OraError::absent("INTO of this query"));
        };
        let targets = select.into.clone();
        if targets.is_empty() {
            return Err(OraError::new(
                6550,
                "line 1, column 1:\nPLS-00428: an INTO clause is expected in this SELECT statement",
            ));
        }
        let planned = self.query(query, None)?;
        if planned.columns.len() != targets.len() {
            return Err(OraError::plain(if planned.columns.len() > targets.len() { 913 } else { 947 }));
        }
        let (mut values, mut into, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (i, (target, column)) in targets.iter().zip(&planned.columns).enumerate() {
            let target = self.expr(target, &Scope::EMPTY)?;
            values.push(Ex::new(format!("q.c{i}"), column.ty).as_ty(target.ty)?);
            into.push(target.sql);
            names.push(format!("c{i}"));
        }
        Ok(format!(
            "SELECT {} INTO STRICT {} FROM ({}) q({});",
            values.join(", "),
            into.join(", "),
            planned.sql,
            names.join(", ")
        ))
    }

    /// A call of a procedure inside a block.
    pub(crate) fn call_step(&mut self, path: &[String], args: &[(Option<String>, Expr)]) -> Ora<String> {
        let name = path.join(".");
        match name.as_str() {
            "RAISE_APPLICATION_ERROR" => {
                let [(_, code), (_, text), ..] = args else { return Err(OraError::plain(909)) };
                let code = self.pl_value(code, NUMBER)?;
                let text = self.pl_value(text, TEXT)?;
                return Ok(format!("PERFORM ora.raise_application_error({code}, {text});"));
            }
            "DBMS_LOCK.SLEEP" | "DBMS_SESSION.SLEEP" => {
                let [(_, n)] = args else { return Err(OraError::plain(909)) };
                return Ok(format!("PERFORM ora.sleep({});", self.pl_value(n, NUMBER)?));
            }
            _ if name.starts_with("DBMS_OUTPUT.") || name.starts_with("DBMS_APPLICATION_INFO.") => {
                return Ok("NULL;".to_owned());
            }
            _ => {}
        }
        let object = self.find(path)?.filter(|o| o.kind == "PROCEDURE").ok_or_else(|| {
            let text = format!("line 1, column 7:\nPLS-00201: identifier '{name}' must be declared");
            OraError::new(6550, text).below(6550, "line 1, column 7:\nPL/SQL: Statement ignored")
        })?;
        let params = routine_params(&object.extra);
        let list = self.routine_arguments(&params, args, &Scope::EMPTY)?;
        let call = format!("{}({})", object.sql(), list.join(", "));
        let mut targets = Vec::new();
        let mut values = Vec::new();
        for (i, param) in params.iter().enumerate().filter(|(_, p)| p.mode.contains("OUT")) {
            let given = args
                .iter()
                .find(|(n, _)| n.as_deref() == Some(param.name.as_str()))
                .or_else(|| args.get(i).filter(|(n, _)| n.is_none()));
            let Some((_, target)) = given else { continue };
            let target = self.expr(target, &Scope::EMPTY)?;
            values.push(Ex::new(format!("q.{}", ident(&param.name)), param.ty).as_ty(target.ty)?);
            targets.push(target.sql);
        }
        if targets.is_empty() {
            return Ok(format!("PERFORM {call};"));
        }
        let names: Vec<String> =
            params.iter().filter(|p| p.mode.contains("OUT")).map(|p| ident(&p.name)).collect();
        Ok(format!(
            "SELECT {} INTO {} FROM {call} q({});",
            values.join(", "),
            targets.join(", "),
            names.join(", ")
        ))
    }
}

fn exception(name: &str, codes: &HashMap<String, i32>) -> String {
    if let Some(code) = codes.get(name) {
        return match code {
            -1 => "SQLSTATE = '23505'".to_owned(),
            -54 | -30006 => "SQLSTATE = '55P03'".to_owned(),
            code => format!("SQLERRM LIKE 'ORA-{:05}:%'", -code),
        };
    }
    match name {
        "OTHERS" => "true".to_owned(),
        "NO_DATA_FOUND" => "(SQLSTATE = 'P0002' OR SQLERRM LIKE 'ORA-01403%')".to_owned(),
        "TOO_MANY_ROWS" => "SQLSTATE = 'P0003'".to_owned(),
        "DUP_VAL_ON_INDEX" => "SQLSTATE = '23505'".to_owned(),
        "INVALID_NUMBER" | "VALUE_ERROR" => {
            "(SQLERRM LIKE 'ORA-01722%' OR SQLERRM LIKE 'ORA-06502%')".to_owned()
        }
        "ZERO_DIVIDE" => "(SQLSTATE = '22012' OR SQLERRM LIKE 'ORA-01476%')".to_owned(),
        other => format!("SQLERRM LIKE {}", literal(&format!("ORA-06510%exception {other}"))),
    }
}
