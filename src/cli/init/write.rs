//! The configuration as a file: whole or not at all, and readable by its owner alone where it holds a password.

use std::{
    io::{self, Write},
    path::Path,
};

use zeroize::Zeroizing;

use crate::{
    cli::exit::{Exit, Failure},
    propose::{Document, Proposal},
};

/// Says early that the file's folder is not there, not after all questions.
pub(super) fn check_folder(path: &Path) -> Result<(), Failure> {
    match path.parent() {
        Some(folder) if folder.is_dir() && !path.is_dir() => Ok(()),
        _ if path.is_dir() => {
            let words = format!("{} is a folder; name a file in it with --output FILE", path.display());
            Err(Failure::new(Exit::Usage, words))
        }
        _ => {
            let words = format!("the folder of {} does not exist; make it first", path.display());
            Err(Failure::new(Exit::Usage, words))
        }
    }
}

/// Writes the file, over an older one where there is one: that was allowed before.
pub(super) fn configuration(
    path: &Path,
    database: &Document,
    proposals: &[Proposal],
    secret: bool,
) -> Result<(), Failure> {
    let mapping = proposals.iter().map(|p| (p.event.name(), p.mapping()));
    let file = Document::object([("database", database.clone()), ("mapping", Document::object(mapping))]);
    let text = Zeroizing::new(file.text());
    put(path, text.as_bytes(), secret)
        .map_err(|e| Failure::new(Exit::Problems, format!("{} cannot be written: {e}", path.display())))
}

fn put(path: &Path, text: &[u8], secret: bool) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".his-config-");
    permit(&mut builder, secret);
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(unix)]
fn permit(builder: &mut tempfile::Builder<'_, '_>, secret: bool) {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};
    // Without a secret the user's umask decides, as for any file.
    builder.permissions(Permissions::from_mode(if secret { 0o600 } else { 0o666 }));
}

#[cfg(not(unix))]
fn permit(_: &mut tempfile::Builder<'_, '_>, _: bool) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_and_with_its_rights() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("his-config.json");
        assert!(check_folder(&path).is_ok());
        assert!(check_folder(dir.path()).is_err());
        assert!(check_folder(&dir.path().join("no").join("his-config.json")).is_err());
        for (secret, text) in [(false, "old"), (true, "new")] {
            put(&path, text.as_bytes(), secret).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                assert!(if secret { mode == 0o600 } else { mode & 0o600 == 0o600 }, "{mode:o}");
            }
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
