//! Where the configuration file is looked for when nobody names it. It only looks; it opens and creates nothing.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
};

use crate::config::ConfigError;

/// The file's name.
pub const FILE_NAME: &str = "his-config.json";

/// Where the configuration file is: `explicit` (`--config`, `BUKTOR_CONFIG`) as it is, else the first of the
/// executable's own folder (that of a symbolic link to it, then the real one), the working directory, and
/// `/etc/buktor-middleware` (on Windows `%ProgramData%\Buktor`).
pub fn find(explicit: Option<&Path>) -> Result<PathBuf, ConfigError> {
    if let Some(path) = explicit {
        return Ok(absolute(path));
    }
    let called = std::env::args_os().next().map(PathBuf::from);
    let executable = std::env::current_exe().ok();
    let folders = folders(
        called.as_deref(),
        executable.as_deref(),
        std::env::current_dir().ok().as_deref(),
        std::env::var_os("ProgramData").as_deref(),
    );
    first_in(&folders)
}

/// The same path from the root.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The folders to look in, first to last, none twice.
fn folders(
    called: Option<&Path>,
    executable: Option<&Path>,
    working: Option<&Path>,
    program_data: Option<&OsStr>,
) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    let mut add = |folder: Option<PathBuf>| {
        if let Some(folder) = folder.filter(|f| !f.as_os_str().is_empty() && !folders.contains(f)) {
            folders.push(folder);
        }
    };
    // Linux gives the executable's real path alone; the link is what the program was called by. A bare name came
    // from PATH and says nothing of a folder.
    let link = called.filter(|path| path.components().count() > 1).map(absolute);
    add(link.as_deref().and_then(Path::parent).map(Path::to_owned));
    add(executable.and_then(Path::parent).map(Path::to_owned));
    let real = executable.and_then(|path| path.canonicalize().ok());
    add(real.as_deref().and_then(Path::parent).map(Path::to_owned));
    add(working.map(Path::to_owned));
    if cfg!(windows) {
        add(program_data.map(|data| Path::new(data).join("Buktor")));
    } else {
        add(Some(PathBuf::from("/etc/buktor-middleware")));
    }
    folders
}

fn first_in(folders: &[PathBuf]) -> Result<PathBuf, ConfigError> {
    let mut looked = String::new();
    for folder in folders {
        let path = folder.join(FILE_NAME);
        let why = match path.metadata() {
            Ok(found) if found.is_file() => return Ok(path),
            Ok(_) => " (not a file)".to_owned(),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                String::new()
            }
            Err(e) => format!(" ({e})"),
        };
        // Writing to a String cannot fail.
        let _ = write!(looked, "\n  {}{why}", path.display());
    }
    let message = format!(
        "not found; looked for{looked}\nput {FILE_NAME} beside the executable, or name it with --config PATH; \
         `buktor-middleware demo` shows the program without one"
    );
    Err(ConfigError::of_file(Path::new(FILE_NAME), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_come_in_their_order_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let bin = dir.join("bin");
        std::fs::create_dir(&bin).unwrap();
        let exe = bin.join("buktor-middleware");
        std::fs::write(&exe, "").unwrap();
        let last =
            if cfg!(windows) { dir.join("data").join("Buktor") } else { "/etc/buktor-middleware".into() };
        let data = dir.join("data");
        let check = |called: &Path, working: &Path, expected: &[&Path]| {
            let got = folders(Some(called), Some(&exe), Some(working), Some(data.as_os_str()));
            assert_eq!(got, [expected, &[last.as_path()]].concat());
        };
        check(Path::new("buktor-middleware"), &dir, &[&bin, &dir]);
        check(&exe, &bin, &[&bin]);
        check(&dir.join("link").join("b"), &dir, &[&dir.join("link"), &bin, &dir]);
    }

    #[test]
    fn the_first_file_wins_and_without_one_all_places_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::create_dir_all(a.join(FILE_NAME)).unwrap();
        std::fs::create_dir(&b).unwrap();
        let error = first_in(&[a.clone(), b.clone()]).unwrap_err().to_string();
        assert!(error.contains(&format!("\n  {} (not a file)\n", a.join(FILE_NAME).display())), "{error}");
        assert!(error.contains(&format!("\n  {}\n", b.join(FILE_NAME).display())), "{error}");
        assert!(error.contains("buktor-middleware demo"), "{error}");
        std::fs::write(b.join(FILE_NAME), "{}").unwrap();
        assert_eq!(first_in(&[a, b.clone()]).unwrap(), b.join(FILE_NAME));
    }

    #[test]
    fn a_named_file_is_taken_as_it_is() {
        let path = find(Some(Path::new("nowhere/x.json"))).unwrap();
        assert!(path.is_absolute() && path.ends_with("nowhere/x.json"));
    }
}
