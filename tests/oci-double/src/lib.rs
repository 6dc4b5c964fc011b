//! Owns a stand-in for Oracle's client library: it is built as `libclntsh.so`, which ODPI-C (inside the crate `oracle`
//! and inside python-oracledb's thick mode) loads from the folder that a test gives as `client_dir`. Its server is a
//! PostgreSQL that `tests/postgres.sh` starts. It must never answer what Oracle would not: where it cannot do a thing it
//! fails with ORA-03001, and where it has a mistake of its own with ORA-07445, which the daemon does not know.
//!
//! # Databases
//! A connect string (`//host:port/SERVICE`, a descriptor, an alias of `$TNS_ADMIN/tnsnames.ora`) gives PostgreSQL's host
//! and port, so that a proxy can stand between; the service or SID, in lower case and up to its first dot, is the
//! database. On a connection to the service `buktor_root` as `SYSTEM`, password `manager`:
//! `CREATE PLUGGABLE DATABASE x` makes the service `X` (a copy of `buktor_template`), `DROP PLUGGABLE DATABASE x` removes it.
//! Each has the users SYS and SYSTEM (`manager`); `CREATE USER u IDENTIFIED BY p` makes others, with a schema of their own.
//! `ALTER USER u ACCOUNT LOCK | UNLOCK`, `PASSWORD EXPIRE` and `REVOKE CREATE SESSION FROM u` do what they say (ORA-28000,
//! 28001, 1045). Wrong passwords are counted; after `failed_login_attempts` (10) the account is locked. The view
//! `BUKTOR_LOGINS` holds each attempt and what came of it (`ok` or the error's number).
//!
//! # Versions
//! The client's is the environment's `BUKTOR_OCI_CLIENT_VERSION` (`19.22.0.0.0`), the server's is the database's setting
//! `server_version` (`19.0.0.0.0`), read at login: it decides on identity columns, FETCH FIRST, names' lengths, and more.
//!
//! # Faults and settings
//! Blocks of constants, from any connection to the same database; they are committed at once and count for all sessions
//! of it, in their order, each as often as `times` (1) says. `pattern` is a LIKE for the whole statement, whatever its case:
//! - `BEGIN BUKTOR_FAULT.FAIL('MERGE INTO%', 60, 'message or NULL', times); END;`, and `FAIL_RECURSIVE` for the same under ORA-00604
//! - `DROP_CONNECTION(pattern)` (ORA-03113), `KILL(pattern)` (ORA-00028), `DELAY(pattern, seconds)`, `HANG(pattern)`
//! - `DROP_BEFORE_COMMIT`, `DROP_AFTER_COMMIT`, `FAIL_COMMIT(code, message)`, `DELAY_COMMIT(seconds)`, `HANG_COMMIT`
//! - `FAIL_LOGIN(code, message, times)`, `KILL_SESSIONS` (all other sessions of the database), `CLEAR`
//! - `SETTING(name, value)`: `server_version`, `reachable_as` (`both`, `service` or `sid`: else ORA-12514 or 12505),
//!   `failed_login_attempts`, `server_time_zone`, `character_set`, `dictionary_delay` (seconds for ALL_TAB_COLUMNS)
//!
//! The view `BUKTOR_SCANS` counts the comparisons for which a real server would have converted an indexed column: an
//! NVARCHAR2 or NUMBER against VARCHAR2, a TIMESTAMP against DATE.
//!
//! # What it has not
//! Session pools, objects, queues, two-phase commit, scrolling, REF CURSORs, PL/SQL arrays, writing through a fetched LOB
//! locator, EXECUTE IMMEDIATE, COMMIT inside a stored procedure, `(+)` joins, CONNECT BY, PIVOT, packages of one's own,
//! fractions of seconds beyond six digits. ROWIDs change with the row.

mod ffi;
mod net;
mod ora;
mod pg;
mod plan;
mod run;
mod sql;
