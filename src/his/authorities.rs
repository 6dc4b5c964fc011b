//! The certificates of `database.ca_file`. Trusts nobody by itself.

use std::path::Path;

use crate::{his::HisError, model::outcome::FaultClass};

/// The file's certificates as they stand there. `code` is the error's.
pub(super) fn read(path: &Path, code: &str) -> Result<Vec<u8>, HisError> {
    let problem = |what: &str| {
        let message = format!("database.ca_file, {}, {what}", path.display());
        HisError::plain(FaultClass::Login, code, message)
    };
    let pem = std::fs::read(path).map_err(|error| problem(&format!("cannot be read: {error}")))?;
    if String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        Ok(pem)
    } else {
        Err(problem("holds no certificate in PEM form (a line -----BEGIN CERTIFICATE-----)"))
    }
}
