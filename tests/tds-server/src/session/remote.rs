//! Owns requests by RPC: the server's own procedures by number, output parameters; never runs a statement itself.

use crate::convert::text_of;
use crate::error::{Run, err, err_class};
use crate::rpc::Rpc;
use crate::session::Session;
use crate::session::procedure::{Arg, Outputs, PARAMETERS_MAX, too_many};
use crate::session::run::Flow;
use crate::sql::ast::Param;
use crate::sql::parser::{self};
use crate::types::SqlType;
use rusqlite::types::Value;

impl Session {
    /// A request by RPC; its reply lies in `self.reply`.
    pub(crate) fn rpc(&mut self, rpc: Rpc) -> Run<()> {
        self.reply.in_proc = true;
        let names: Vec<(String, bool)> =
            rpc.args.iter().map(|a| (a.name.clone().unwrap_or_default(), a.output)).collect();
        let outcome =
            if rpc.args.len() > PARAMETERS_MAX { Err(too_many().into()) } else { self.rpc_call(rpc) };
        self.temporary.clear();
        match outcome {
            Ok((flow, status, outputs)) => {
                self.reply.status(status as i32);
                for (i, (name, _)) in names.iter().enumerate().filter(|(_, n)| n.1) {
                    let found = outputs
                        .iter()
                        .find(|o| o.0.name.eq_ignore_ascii_case(name))
                        .or_else(|| outputs.get(i));
                    if let Some((param, value)) = found {
                        self.reply.return_value(i as u16, name, param.ty, value);
                    }
                }
                self.reply.end_proc(flow == Flow::Over);
                Ok(())
            }
            Err(crate::error::Halt::Error(error)) => {
                self.error = i64::from(error.number);
                self.reply.message(&error.at(1));
                self.reply.end_proc(true);
                Ok(())
            }
            Err(halt) => Err(halt),
        }
    }

    pub(crate) fn rpc_call(&mut self, mut rpc: Rpc) -> Run<(Flow, i64, Outputs)> {
        let id = match rpc.name.to_lowercase().as_str() {
            "sp_executesql" => 10,
            "sp_prepare" => 11,
            "sp_execute" => 12,
            "sp_prepexec" => 13,
            "sp_unprepare" => 15,
            _ => rpc.id,
        };
        // Names of the first two differ from client to client: their places count.
        let strip = |args: &mut Vec<Arg>, n: usize| args.iter_mut().take(n).for_each(|a| a.name = None);
        match id {
            10 => {
                strip(&mut rpc.args, 2);
                self.execute_sql(rpc.args)
            }
            11 | 13 => {
                strip(&mut rpc.args, 3);
                let rest = if rpc.args.len() > 3 { rpc.args.split_off(3) } else { Vec::new() };
                let (Some(params), Some(text)) = (rpc.args.get(1), rpc.args.get(2)) else {
                    return Err(err(201, "Procedure or function 'sp_prepare' expects parameter '@stmt', which was not supplied.").into());
                };
                let params = parser::params(&text_of(&params.value))?;
                let text = text_of(&text.value);
                let handle = self.prepared.keys().max().copied().unwrap_or(0) + 1;
                self.prepared.insert(handle, (params.clone(), text.clone()));
                let own = Param { name: "@handle".into(), ty: SqlType::Int, default: None, output: true };
                let mut outputs = vec![(own, Value::Integer(i64::from(handle)))];
                if id == 11 {
                    return Ok((Flow::Next, 0, outputs));
                }
                let (flow, status, more) = self.run_with(&params, rest, &text)?;
                outputs.extend(more);
                Ok((flow, status, outputs))
            }
            12 | 15 => {
                let handle: i32 =
                    rpc.args.first().map(|a| text_of(&a.value)).and_then(|t| t.parse().ok()).unwrap_or(0);
                let Some((params, text)) = self.prepared.get(&handle).cloned() else {
                    return Err(err(
                        8179,
                        format!("Could not find prepared statement with handle {handle}."),
                    )
                    .into());
                };
                if id == 15 {
                    self.prepared.remove(&handle);
                    return Ok((Flow::Next, 0, Vec::new()));
                }
                self.run_with(&params, rpc.args.split_off(1), &text)
            }
            _ if rpc.name.is_empty() => {
                Err(err_class(2812, 16, 62, format!("Could not find stored procedure '{id}'.")).into())
            }
            _ => {
                let name = parser::name(&rpc.name)?;
                self.call(&name, rpc.args)
            }
        }
    }
}
