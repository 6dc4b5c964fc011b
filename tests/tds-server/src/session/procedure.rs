//! Owns EXEC: the user's procedures, the server's own, `sp_executesql`, and the same by RPC.

use rusqlite::types::Value;

use crate::convert::text_of;
use crate::error::{Run, SqlError, err, err_class};
use crate::session::run::Flow;
use crate::session::{Frame, Session};
use crate::sql::ast::{Exec, ExecTarget, Expr, Param};
use crate::sql::parser::{self, Parser};
use crate::types::SqlType;

/// An argument with its value.
#[derive(Debug, Clone)]
pub(crate) struct Arg {
    pub(crate) name: Option<String>,
    pub(crate) value: Value,
    pub(crate) ty: SqlType,
    pub(crate) output: bool,
    /// The caller's variable that an output goes to.
    pub(crate) variable: Option<String>,
    pub(crate) default: bool,
}

/// Parameters and their variables after the call.
pub(crate) type Outputs = Vec<(Param, Value)>;

/// Parameters that one request may have; `sp_executesql`'s own two count.
pub(crate) const PARAMETERS_MAX: usize = 2100;

impl Session {
    pub(crate) fn exec(&mut self, exec: &Exec, frame: &mut Frame) -> Run<Flow> {
        let name = match &exec.target {
            ExecTarget::Text(text) => {
                let text = text_of(&self.eval(frame, text)?.0);
                let mut inner = Frame::default();
                return self
                    .nested(|s| s.text(&text, &mut inner))
                    .map(|failed| if failed { Flow::Over } else { Flow::Next });
            }
            ExecTarget::Procedure(name) => name.clone(),
        };
        let mut args = Vec::new();
        for arg in &exec.args {
            let default = arg.value == Expr::Default;
            let (value, ty) =
                if default { (Value::Null, SqlType::Null) } else { self.eval(frame, &arg.value)? };
            let variable = if let Expr::Var(name) = &arg.value { Some(name.clone()) } else { None };
            args.push(Arg { name: arg.name.clone(), value, ty, output: arg.output, variable, default });
        }
        let (flow, status, outputs) = self.call(&name, args.clone())?;
        for (arg, (param, value)) in
            args.iter().filter(|a| a.output).zip(outputs.into_iter().filter(|o| o.0.output))
        {
            if let Some(variable) = &arg.variable {
                self.set_variable(frame, variable, value, param.ty)?;
            }
        }
        if let Some(result) = &exec.result {
            self.set_variable(frame, result, Value::Integer(status), SqlType::Int)?;
        }
        if flow != Flow::Over {
            let in_proc = self.reply.in_proc || self.nest > 0;
            if !in_proc {
                self.reply.status(status as i32);
                self.reply.end_inner_proc();
            }
        }
        Ok(flow)
    }

    /// Runs what is one level deeper.
    fn nested<T>(&mut self, work: impl FnOnce(&mut Self) -> Run<T>) -> Run<T> {
        if self.nest >= 32 {
            return Err(err(
                217,
                "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).",
            )
            .into());
        }
        self.nest += 1;
        let (identity, temporary, nocount, xact) =
            (self.scope_identity, self.temporary.clone(), self.options.nocount, self.options.xact_abort);
        let outcome = work(self);
        self.nest -= 1;
        // What a procedure sets ends with it.
        self.options.nocount = nocount;
        self.options.xact_abort = xact;
        self.temporary = temporary;
        self.scope_identity = identity;
        outcome
    }

    pub(crate) fn call(&mut self, name: &[String], args: Vec<Arg>) -> Run<(Flow, i64, Outputs)> {
        let object = name.last().cloned().unwrap_or_default().to_lowercase();
        match object.as_str() {
            "sp_executesql" => return self.execute_sql(args),
            _ if object.starts_with("buktor_test_") => {
                let flow = self.test_procedure(&object, &args)?;
                return Ok((flow, 0, Vec::new()));
            }
            "sp_getapplock" | "sp_releaseapplock" | "sp_reset_connection" | "sp_set_session_context" => {
                return Ok((Flow::Next, 0, Vec::new()));
            }
            _ => {}
        }
        self.refresh()?;
        let schema = match name {
            [.., schema, _] if !schema.is_empty() => Some(schema.clone()),
            _ => None,
        };
        let tries = schema.map_or_else(|| vec![self.account.schema.clone(), "dbo".into()], |s| vec![s]);
        let found = tries.iter().find_map(|s| {
            self.catalog.procedure(s, &object).or_else(|| {
                let target = parser::name(self.catalog.synonym(s, &object)?).ok()?;
                let schema = if target.len() > 1 { &target[target.len() - 2] } else { "dbo" };
                self.catalog.procedure(schema, target.last()?)
            })
        });
        let Some(procedure) = found.cloned() else {
            return Err(err_class(
                2812,
                16,
                62,
                format!("Could not find stored procedure '{}'.", name.join(".")),
            )
            .into());
        };
        if !self.shared.with(|scope| crate::functions::may(scope, "EXECUTE", procedure.id)) {
            let message = format!(
                "The EXECUTE permission was denied on the object '{}', database '{}', schema '{}'.",
                procedure.name, self.database.name, procedure.schema
            );
            return Err(err_class(229, 14, 5, message).into());
        }
        let mut head = Parser::new(&procedure.text, true)?;
        head.take_any(&["CREATE", "ALTER"]);
        head.take_all(&["OR", "ALTER"]);
        head.take_any(&["PROCEDURE", "PROC"]);
        head.name()?;
        let (params, start) = head.procedure_head()?;
        let body = procedure.text[head.tokens[start].start..].to_owned();
        let mut frame = Frame::default();
        self.bind_args(&procedure.name, &params, args, &mut frame)?;
        let failed = self.nested(|s| {
            s.scope_identity = None;
            let before = s.trancount;
            let failed = s.text(&body, &mut frame)?;
            s.check_count(before, failed);
            Ok(failed)
        });
        let failed = failed.map_err(|halt| match halt {
            crate::error::Halt::Error(mut error) => {
                if error.procedure.is_empty() {
                    error.procedure.clone_from(&procedure.name);
                }
                crate::error::Halt::Error(error)
            }
            other => other,
        })?;
        let outputs = params
            .into_iter()
            .map(|p| {
                let value = frame.variables.get(&p.name).map_or(Value::Null, |v| v.1.clone());
                (p, value)
            })
            .collect();
        Ok((if failed { Flow::Over } else { Flow::Next }, frame.status, outputs))
    }

    /// 266: the transaction count is another than at the beginning.
    fn check_count(&mut self, before: i64, failed: bool) {
        if self.trancount != before && !failed {
            let error = err_class(
                266,
                16,
                2,
                format!(
                    "Transaction count after EXECUTE indicates a mismatching number of BEGIN and COMMIT statements. Previous count = {before}, current count = {}.",
                    self.trancount
                ),
            );
            self.error = 266;
            self.reply.message(&error);
        }
    }

    /// Arguments to parameters: 201, 8144, 8145.
    fn bind_args(&mut self, procedure: &str, params: &[Param], args: Vec<Arg>, frame: &mut Frame) -> Run<()> {
        if args.len() > params.len() {
            return Err(err_class(
                8144,
                16,
                2,
                format!("Procedure or function {procedure} has too many arguments specified."),
            )
            .into());
        }
        let mut given: Vec<Option<Arg>> = vec![None; params.len()];
        for (i, arg) in args.into_iter().enumerate() {
            let at = match &arg.name {
                None => i,
                Some(name) => {
                    params.iter().position(|p| p.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
                        err_class(
                            8145,
                            16,
                            1,
                            format!("{name} is not a parameter for procedure {procedure}."),
                        )
                    })?
                }
            };
            if given[at].is_some() {
                return Err(err_class(
                    8143,
                    16,
                    1,
                    format!("Parameter '{}' was supplied multiple times.", params[at].name),
                )
                .into());
            }
            given[at] = Some(arg);
        }
        for (param, arg) in params.iter().zip(given) {
            let value = match (arg.filter(|a| !a.default), &param.default) {
                (Some(arg), _) => {
                    if arg.output && !param.output {
                        return Err(err_class(8162, 16, 2, format!("The formal parameter \"{}\" was not declared as an OUTPUT parameter, but the actual parameter passed in requested output.", param.name)).into());
                    }
                    self.to_parameter(arg.value, arg.ty, param.ty)?
                }
                (None, Some(default)) => {
                    let (value, from) = self.eval(&Frame::default(), default)?;
                    self.to_parameter(value, from, param.ty)?
                }
                (None, None) => {
                    return Err(err_class(201, 16, 4, format!("Procedure or function '{procedure}' expects parameter '{}', which was not supplied.", param.name)).into());
                }
            };
            frame.variables.insert(param.name.to_lowercase(), (param.ty, value));
        }
        Ok(())
    }

    /// A text that is no number is error 8114 in a parameter's place.
    fn to_parameter(&self, value: Value, from: SqlType, to: SqlType) -> Run<Value> {
        let converted = crate::convert::convert(value, from, to, 0, self.ctx(false));
        converted.map_err(|error| {
            if matches!(error.number, 241 | 245 | 8114) {
                let name = if matches!(to, SqlType::Decimal(..)) { "numeric" } else { to.name() };
                return err_class(
                    8114,
                    16,
                    5,
                    format!("Error converting data type {} to {name}.", from.name()),
                )
                .into();
            }
            error.into()
        })
    }

    /// `sp_executesql` with its statement, declarations and values.
    pub(crate) fn execute_sql(&mut self, args: Vec<Arg>) -> Run<(Flow, i64, Outputs)> {
        if args.len() > PARAMETERS_MAX {
            return Err(too_many().into());
        }
        let mut args = args.into_iter();
        let Some(statement) = args.next() else {
            return Err(err_class(201, 16, 10, "Procedure or function 'sp_executesql' expects parameter '@statement', which was not supplied.").into());
        };
        if !statement.ty.is_national() {
            return Err(err_class(
                214,
                16,
                2,
                "Procedure expects parameter '@statement' of type 'ntext/nchar/nvarchar'.",
            )
            .into());
        }
        let params = match args.next() {
            Some(declared) => parser::params(&text_of(&declared.value))?,
            None => Vec::new(),
        };
        self.run_with(&params, args.collect(), &text_of(&statement.value))
    }

    pub(crate) fn run_with(
        &mut self,
        params: &[Param],
        args: Vec<Arg>,
        text: &str,
    ) -> Run<(Flow, i64, Outputs)> {
        if args.len() < params.len() {
            let missing = &params[args.len()];
            return Err(err_class(
                8178,
                16,
                1,
                format!(
                    "The parameterized query '({})' expects the parameter '{}', which was not supplied.",
                    text.chars().take(60).collect::<String>(),
                    missing.name
                ),
            )
            .into());
        }
        let mut frame = Frame::default();
        self.bind_args("sp_executesql", params, args, &mut frame)?;
        let failed = self.nested(|s| {
            s.scope_identity = None;
            let before = s.trancount;
            let failed = s.text(text, &mut frame)?;
            s.check_count(before, failed);
            Ok(failed)
        })?;
        let outputs = params
            .iter()
            .map(|p| (p.clone(), frame.variables.get(&p.name).map_or(Value::Null, |v| v.1.clone())))
            .collect();
        Ok((if failed { Flow::Over } else { Flow::Next }, frame.status, outputs))
    }
}

pub(crate) fn too_many() -> SqlError {
    err_class(
        8003,
        16,
        1,
        "The incoming request has too many parameters. The server supports a maximum of 2100 parameters. Reduce the number of parameters and resend the request.",
    )
}
