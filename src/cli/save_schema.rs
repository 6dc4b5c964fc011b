//! `check --save-schema FILE`: puts the description of the mapped tables into a file. Overwrites nothing but an older one.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Write},
    path::Path,
};

use crate::{
    cli::{
        exit::{Exit, Failure},
        output,
    },
    model::table::Schema,
    saved,
};

/// Bytes of a file that is looked at, to tell whether it is a description.
const LOOK_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Whether a description may be written there: where nothing is, or an older one.
pub(super) fn may_be_written(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    let refuse = |words: String| Err(Failure::new(Exit::Problems, format!("--save-schema: {words}")));
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(LOOK_BYTES_MAX).read_to_string(&mut text)) {
        Ok(_) if saved::is_description(&text) => Ok(()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) if e.kind() != ErrorKind::InvalidData => {
            refuse(format!("{shown} exists and cannot be read ({e}); name another file"))
        }
        _ => refuse(format!(
            "{shown} exists and is no description of tables; it was left as it is, name another file"
        )),
    }
}

/// Writes the description, where there is one.
pub(super) fn save(path: &Path, schema: Option<&Schema>) -> Result<(), Failure> {
    let Some(schema) = schema else {
        output::talk("no description was saved: the tables could not be looked at");
        return Ok(());
    };
    // Looked at again: it may have been made meanwhile.
    may_be_written(path)?;
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        file.write_all(saved::to_json(schema).as_bytes())
    };
    write().map_err(|e: std::io::Error| {
        let message = format!("--save-schema: {} cannot be written: {e}", path.display());
        Failure::new(Exit::Problems, message)
    })?;
    let tables = schema.tables.len();
    let plural = if tables == 1 { "table" } else { "tables" };
    output::talk(&format!("the description of {tables} {plural} was saved in {}", path.display()));
    Ok(())
}
