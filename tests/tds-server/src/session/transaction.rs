//! Owns transactions and locks: BEGIN, COMMIT, ROLLBACK, savepoints, the write lock with its time-out; never runs a
//! statement of its own.

use std::time::Duration;

use crate::database::NotLocked;
use crate::error::{Halt, Run, SqlError, err, err_class};
use crate::faults::AtCommit;
use crate::session::Session;

impl Session {
    fn descriptor_bytes(&self) -> [u8; 8] {
        self.descriptor.to_le_bytes()
    }

    pub(crate) fn begin(&mut self) {
        self.trancount += 1;
        if self.trancount == 1 {
            self.descriptor = self.server.next_transaction();
            let new = self.descriptor_bytes();
            self.reply.change_bytes(8, &new, &[]);
        }
    }

    pub(crate) fn commit(&mut self) -> Run<()> {
        if self.trancount == 0 {
            return Err(
                err(3902, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.").into()
            );
        }
        if self.doomed {
            return Err(self.uncommittable().into());
        }
        if self.trancount > 1 {
            self.trancount -= 1;
            return Ok(());
        }
        self.commit_file()?;
        self.trancount = 0;
        let old = self.descriptor_bytes();
        self.reply.change_bytes(9, &[], &old);
        self.descriptor = 0;
        Ok(())
    }

    /// SQLite's COMMIT with the faults that wait for it.
    fn commit_file(&mut self) -> Run<()> {
        let fault = if self.writing { self.server.faults().next_commit() } else { None };
        match fault {
            Some(AtCommit::DropBefore) => {
                self.undo();
                return Err(Halt::Disconnect);
            }
            Some(AtCommit::DelayBefore(ms)) => self.pause(Duration::from_millis(ms))?,
            _ => {}
        }
        if self.writing {
            self.execute("COMMIT", &[])?;
            self.writing = false;
            self.database.release(self.spid);
        }
        match fault {
            Some(AtCommit::DropAfter) => {
                self.trancount = 0;
                Err(Halt::Disconnect)
            }
            Some(AtCommit::DelayAfter(ms)) => self.pause(Duration::from_millis(ms)),
            _ => Ok(()),
        }
    }

    pub(crate) fn rollback(&mut self, name: Option<&str>) -> Run<()> {
        if self.trancount == 0 {
            return Err(err(
                3903,
                "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.",
            )
            .into());
        }
        if let Some(name) = name
            && self.writing
            && !self.doomed
        {
            let point = format!("ROLLBACK TO \"u_{}\"", name.to_lowercase().replace('"', ""));
            if self.db.execute_batch(&point).is_ok() {
                return Ok(());
            }
        }
        self.roll_back()
    }

    /// The whole transaction is undone, and the client is told.
    pub(crate) fn roll_back(&mut self) -> Run<()> {
        self.undo();
        if self.trancount > 0 && self.descriptor != 0 {
            let old = self.descriptor_bytes();
            self.reply.change_bytes(10, &[], &old);
        }
        self.trancount = 0;
        self.descriptor = 0;
        self.doomed = false;
        Ok(())
    }

    /// SQLite's ROLLBACK; the lock is free again.
    pub(crate) fn undo(&mut self) {
        if self.writing {
            // A function of SQLite may have rolled back already, after an error of the disk.
            if !self.db.is_autocommit() {
                let _ = self.db.execute_batch("ROLLBACK");
            }
            self.writing = false;
            self.database.release(self.spid);
        }
    }

    pub(crate) fn save(&mut self, name: &str) -> Run<()> {
        if self.trancount == 0 {
            return Err(err(628, "Cannot issue SAVE TRANSACTION when there is no active transaction.").into());
        }
        self.lock()?;
        self.execute(&format!("SAVEPOINT \"u_{}\"", name.to_lowercase().replace('"', "")), &[])?;
        Ok(())
    }

    fn uncommittable(&self) -> SqlError {
        err(
            3930,
            "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the transaction.",
        )
    }

    /// Takes the write lock and opens SQLite's transaction.
    pub(crate) fn lock(&mut self) -> Run<()> {
        if self.writing {
            return Ok(());
        }
        if self.doomed {
            return Err(self.uncommittable().into());
        }
        let timeout = u64::try_from(self.options.lock_timeout).ok().map(Duration::from_millis);
        let cancel = std::sync::Arc::clone(&self.cancel);
        match self.database.acquire(self.spid, timeout, &|| cancel.stopped()) {
            Ok(()) => {}
            Err(NotLocked::TimedOut) => {
                return Err(err_class(1222, 16, 51, "Lock request time out period exceeded.").into());
            }
            Err(NotLocked::Stopped) => {
                self.check_stopped()?;
                return Err(Halt::Attention);
            }
        }
        if let Err(error) = self.db.execute_batch("BEGIN IMMEDIATE") {
            self.database.release(self.spid);
            return Err(self.sqlite_halt(&error));
        }
        self.writing = true;
        Ok(())
    }

    /// Gives the lock back that a single read took outside of a transaction.
    pub(crate) fn unlock_if_idle(&mut self) {
        if self.trancount == 0 {
            self.undo();
        }
    }

    /// A statement that writes: all of it or nothing, in the transaction or in one of its own.
    pub(crate) fn write<T>(&mut self, work: impl FnOnce(&mut Self) -> Run<T>) -> Run<T> {
        if self.database.settings().read_only {
            return Err(err(
                3906,
                format!(
                    "Failed to update database \"{}\" because the database is read-only.",
                    self.database.name
                ),
            )
            .into());
        }
        self.lock()?;
        let alone = self.trancount == 0;
        if alone {
            self.trancount = 1;
        }
        let before = self.trancount;
        self.execute("SAVEPOINT x_statement", &[])?;
        let outcome = work(self);
        if !self.writing {
            // A trigger has rolled back.
            self.trancount = 0;
            return match outcome {
                Err(halt) => Err(halt),
                Ok(_) => {
                    Err(err(3609, "The transaction ended in the trigger. The batch has been aborted.").into())
                }
            };
        }
        match outcome {
            Ok(value) => {
                self.execute("RELEASE x_statement", &[])?;
                self.trancount = before;
                if alone {
                    self.trancount = 0;
                    self.commit_file()?;
                }
                Ok(value)
            }
            Err(halt) => {
                if alone {
                    self.undo();
                    self.trancount = 0;
                } else if self.db.execute_batch("ROLLBACK TO x_statement; RELEASE x_statement").is_err() {
                    self.roll_back()?;
                }
                Err(halt)
            }
        }
    }
}
