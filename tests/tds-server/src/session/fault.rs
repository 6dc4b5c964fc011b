//! Owns the procedures that only tests call, and KILL: they make faults that a real server has by itself.

use std::time::Duration;

use crate::convert::text_of;
use crate::error::{Halt, Run, err, err_class};
use crate::faults::{AtCommit, Deed};
use crate::session::Session;
use crate::session::procedure::Arg;
use crate::session::run::Flow;
use crate::sql::ast::{Stmt, StmtKind};
use crate::token::Column;
use crate::types::SqlType;
use rusqlite::types::Value;

impl Session {
    /// Carries out the fault that waits for this statement.
    pub(crate) fn statement_fault(&mut self, statement: &Stmt) -> Run<()> {
        // The test's own calls are never the ones that it waits for.
        if matches!(statement.kind, StmtKind::Exec(_))
            && statement.text.to_lowercase().contains("buktor_test_")
        {
            return Ok(());
        }
        let deed = self.server.faults().at_statement(&statement.text);
        match deed {
            None => Ok(()),
            Some(Deed::Drop) => {
                self.undo();
                Err(Halt::Disconnect)
            }
            Some(Deed::Delay(ms)) => self.pause(Duration::from_millis(ms)),
            // As any other error: what it does to the transaction follows from its number.
            Some(Deed::Fail(error)) => Err(Halt::Error(error)),
        }
    }

    pub(crate) fn test_procedure(&mut self, name: &str, args: &[Arg]) -> Run<Flow> {
        let text = |i: usize| args.get(i).map(|a| text_of(&a.value)).unwrap_or_default();
        let number = |i: usize| text(i).trim().parse::<i64>().ok();
        let unknown = |what: &str| err(50_000, format!("tds-server: no such fault: {what}"));
        match name {
            "buktor_test_fault" => {
                let deed = match text(0).as_str() {
                    "next_commit_drop_before" | "next_commit_drop" => AtCommit::DropBefore,
                    "next_commit_then_drop" | "next_commit_drop_after" => AtCommit::DropAfter,
                    "next_commit_delay_before" => {
                        AtCommit::DelayBefore(number(1).unwrap_or(0).unsigned_abs())
                    }
                    "next_commit_delay_after" => AtCommit::DelayAfter(number(1).unwrap_or(0).unsigned_abs()),
                    other => return Err(unknown(other).into()),
                };
                self.server.faults().at_commit(deed);
            }
            "buktor_test_fail" | "buktor_test_drop" | "buktor_test_delay" | "buktor_test_deadlock" => {
                self.fault_on_statement(name, args);
            }
            "buktor_test_kill_others" => self.server.kill_others(self.spid),
            "buktor_test_shutdown" => {
                self.server.shut_down(self.spid);
                return Err(err_class(6005, 14, 1, "SHUTDOWN is in progress.").into());
            }
            "buktor_test_refuse_logins" => {
                let number_ = number(0).unwrap_or(18_456) as i32;
                let class = number(1).unwrap_or(14).clamp(11, 25) as u8;
                let message = if args.len() > 2 {
                    text(2)
                } else {
                    format!("tds-server: logins are refused with {number_}.")
                };
                self.server.faults().login = Some(err_class(number_, class, 1, message));
            }
            "buktor_test_allow_logins" => self.server.faults().login = None,
            "buktor_test_lock_login" => self.server.lock_login(&text(0), number(1) != Some(0)),
            "buktor_test_reset" => self.server.faults().reset(),
            "buktor_test_scans" => {
                let scans = std::mem::take(&mut self.server.faults().scans);
                self.list("statement", scans);
            }
            "buktor_test_sessions" => {
                let all = self
                    .server
                    .sessions()
                    .into_iter()
                    .map(|s| format!("{} {} {}", s.spid, s.login, s.app))
                    .collect();
                self.list("session", all);
            }
            other => {
                return Err(
                    err_class(2812, 16, 62, format!("Could not find stored procedure '{other}'.")).into()
                );
            }
        }
        Ok(Flow::Next)
    }

    /// A fault that waits for a statement like the pattern.
    fn fault_on_statement(&self, name: &str, args: &[Arg]) {
        let text = |i: usize| args.get(i).map(|a| text_of(&a.value)).unwrap_or_default();
        let number = |i: usize| text(i).trim().parse::<i64>().ok();
        match name {
            "buktor_test_fail" => {
                let (number_, class) =
                    (number(1).unwrap_or(50_000) as i32, number(2).unwrap_or(16).clamp(0, 25) as u8);
                let message = if args.len() > 4 {
                    text(4)
                } else {
                    format!("tds-server: the fault {number_} that a test asked for.")
                };
                let deed = Deed::Fail(err_class(number_, class, 1, message));
                self.server.faults().on_statement(&text(0), deed, number(3).unwrap_or(1).max(1) as u32);
            }
            "buktor_test_drop" => {
                self.server.faults().on_statement(&text(0), Deed::Drop, number(1).unwrap_or(1).max(1) as u32);
            }
            "buktor_test_delay" => {
                let deed = Deed::Delay(number(1).unwrap_or(0).unsigned_abs());
                self.server.faults().on_statement(&text(0), deed, number(2).unwrap_or(1).max(1) as u32);
            }
            _ => {
                let deed = Deed::Fail(err_class(
                    1205,
                    13,
                    51,
                    format!(
                        "Transaction (Process ID {}) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction.",
                        self.spid
                    ),
                ));
                self.server.faults().on_statement(&text(0), deed, number(1).unwrap_or(1).max(1) as u32);
            }
        }
    }

    fn list(&mut self, name: &str, lines: Vec<String>) {
        let columns = [Column {
            name: name.into(),
            ty: SqlType::NVarChar(crate::types::MAX),
            nullable: true,
            identity: false,
            computed: false,
            collation: String::new(),
        }];
        self.reply.columns(&columns);
        let count = lines.len() as u64;
        for line in lines {
            self.reply.row(&columns, &[Value::Text(line)]);
        }
        self.rowcount = count as i64;
        self.done(crate::session::exec::SELECT, Some(count));
    }

    pub(crate) fn kill(&mut self, spid: i64) -> Run<()> {
        if spid == self.spid {
            return Err(err(6104, "Cannot use KILL to kill your own process.").into());
        }
        if !self.account.sysadmin {
            return Err(
                err_class(6102, 14, 1, "User does not have permission to use the KILL statement.").into()
            );
        }
        if self.server.kill(spid) {
            Ok(())
        } else {
            Err(err(6106, format!("Process ID {spid} is not an active process ID.")).into())
        }
    }
}
