//! Oracle's client library: which one is loaded, and, where none can be, what to put where. Loads nothing before an Oracle
//! database is asked for. One library a process; an attempt that failed may be made again.
//!
//! See <https://oracle.github.io/odpi/doc/user_guide/installation.html>.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use oracle::{Error, InitParams, Version};

use crate::{his::HisError, model::outcome::FaultClass};

mod advice;

use advice::{Folder, advice};

/// How the library's file is called.
const LIBRARY: &str = if cfg!(windows) { "oci.dll" } else { "libclntsh.so" };
/// How this program calls itself in `V$SESSION_CONNECT_INFO`.
const DRIVER_NAME: &str = concat!("buktor-middleware : ", env!("CARGO_PKG_VERSION"));

/// Where the library was loaded from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Folder(PathBuf),
    /// Where the system found it.
    System,
}

/// The library of this process, once one was loaded.
static LOADED: Mutex<Option<Source>> = Mutex::new(None);

/// Loads the library, where that was not done yet, and gives its version. May block while the disk does.
pub(super) fn load(client_dir: Option<&Path>) -> Result<(i32, i32), HisError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = client_dir.map(Path::to_owned).or_else(beside_executable);
    let wanted = dir.clone().map_or(Source::System, Source::Folder);
    match &*loaded {
        Some(from) if *from != wanted => return Err(another(from, &wanted)),
        Some(_) => {}
        None => {
            init(dir.as_deref()).map_err(|error| refused(&error, dir.as_deref()))?;
            *loaded = Some(wanted);
        }
    }
    let version = Version::client().map_err(|error| refused(&error, None))?;
    Ok((version.major(), version.minor()))
}

/// The executable's own folder, where the library lies there: the system would not look into it on Linux.
fn beside_executable() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    let folder = executable.parent()?;
    folder.join(LIBRARY).exists().then(|| folder.to_owned())
}

fn init(dir: Option<&Path>) -> Result<(), Error> {
    let mut params = InitParams::new();
    params.default_driver_name(DRIVER_NAME)?;
    if let Some(dir) = dir {
        params.oracle_client_lib_dir(dir)?;
    }
    params.init().map(drop)
}

fn refused(error: &Error, dir: Option<&Path>) -> HisError {
    let number = error.dpi_code();
    // ODPI-C keeps the words of its first failure for all later ones: the folder is looked at anew each time.
    let words = error.db_error().map_or_else(|| error.to_string(), |e| e.message().to_owned());
    let message = advice(number, &words, &Folder::look(dir), cfg!(windows));
    let code = number.map_or_else(|| "oracle-client".to_owned(), |number| format!("oracle-dpi-{number}"));
    HisError::plain(FaultClass::Login, &code, message)
}

fn another(from: &Source, wanted: &Source) -> HisError {
    let place = |source: &Source| match source {
        Source::Folder(dir) => format!("from {}", dir.display()),
        Source::System => "where the system found it".to_owned(),
    };
    let message = format!(
        "Oracle's client library was loaded {} and cannot be exchanged while the program runs: restart it to load the one \
         {}",
        place(from),
        place(wanted)
    );
    HisError::plain(FaultClass::Login, "oracle-client", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a computer without any client, as those that run these tests are.
    #[test]
    fn a_missing_library_is_told_and_may_come_later() {
        let folder = tempfile::tempdir().expect("a folder");
        for _ in 0..2 {
            let error = load(Some(folder.path())).expect_err("no client there");
            assert_eq!((error.class, error.code.as_str()), (FaultClass::Login, "oracle-dpi-1047"));
            assert!(error.message.contains("Instant Client"), "{}", error.message);
        }
    }

    #[test]
    fn one_library_a_process() {
        let error = another(&Source::Folder("/a".into()), &Source::System);
        assert!(
            error.message.contains("from /a") && error.message.contains("restart it"),
            "{}",
            error.message
        );
    }
}
