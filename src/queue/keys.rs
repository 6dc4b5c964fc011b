//! The master key of a queue file: read from where the configuration says, made where nothing is sealed yet, and put in
//! place of another. Writes key files alone, always beside and renamed, so that none is ever there in part.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use zeroize::Zeroizing;

use crate::{
    config::QueueKey,
    model::clock::{Clock, SystemClock},
    queue::{
        QueueError,
        open::{beside, keep_entry, owner_only},
        seal::{KEY_BYTES, SealKey},
    },
};

/// Bytes that a key file may have.
const KEY_FILE_BYTES_MAX: u64 = 16 * 1024;
/// How the configuration's key is called where it stands in no file.
const GIVEN: &str = "queue.key of the configuration";

/// The text of a master key.
pub(super) type KeyText = Zeroizing<String>;

/// Random bytes of the operating system.
pub(super) fn random<const N: usize>(path: &Path) -> Result<Zeroizing<[u8; N]>, QueueError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes)
        .map_err(|error| QueueError::io("get random bytes for", path, io::Error::other(error.to_string())))?;
    Ok(bytes)
}

/// Where the key of the configuration is, in words.
pub(super) fn place(key: &QueueKey) -> String {
    match key {
        QueueKey::File(file) => format!("the key file {}", file.display()),
        QueueKey::Given(_) => GIVEN.to_owned(),
    }
}

/// The master key among those that the configuration's key may be, for which `opens` holds; and whether it stands in the
/// file that was to take the key file's place when a change of the key was cut off.
pub(super) fn find(
    key: &QueueKey,
    queue: &Path,
    opens: impl Fn(&SealKey) -> bool,
) -> Result<(SealKey, bool), QueueError> {
    let wrong = || QueueError::KeyWrong { key: place(key), path: queue.to_owned() };
    let file = match key {
        QueueKey::Given(secret) => {
            return master(secret.expose(), key)
                .and_then(|m| if opens(&m) { Ok((m, false)) } else { Err(wrong()) });
        }
        QueueKey::File(file) => file,
    };
    let own = read(file)?.map(|text| master(&text, key)).transpose();
    if let Ok(Some(own)) = &own
        && opens(own)
    {
        return Ok((own.clone(), false));
    }
    if let Some(text) = read(&staged(file))?
        && let Ok(next) = master(&text, key)
        && opens(&next)
    {
        return Ok((next, true));
    }
    match own? {
        Some(_) => Err(wrong()),
        None => Err(QueueError::KeyMissing { key: file.clone(), path: queue.to_owned() }),
    }
}

/// The configuration's master key for a queue file in which nothing is sealed yet: made where its file is missing.
pub(super) fn read_or_make(key: &QueueKey) -> Result<SealKey, QueueError> {
    match key {
        QueueKey::Given(secret) => master(secret.expose(), key),
        QueueKey::File(file) => {
            let text = if let Some(text) = read(file)? {
                text
            } else {
                let text = stage(file, None)?;
                put(file)?;
                tracing::info!(key = %file.display(),
                        "a key for the queue file was made: back it up, apart from the queue file; without it the events in the queue cannot be read");
                text
            };
            master(&text, key)
        }
    }
}

/// Writes a key beside a key file, to be [`put`] in its place: that text, else a new one.
pub(super) fn stage(file: &Path, text: Option<&str>) -> Result<KeyText, QueueError> {
    let text = match text {
        Some(text) => Zeroizing::new(text.to_owned()),
        None => Zeroizing::new(BASE64.encode(random::<KEY_BYTES>(file)?)),
    };
    // One that is there is left from an attempt that was cut off; it may be readable to others.
    set_staged_aside(file)?;
    write(&staged(file), &text)?;
    Ok(text)
}

/// Puts the staged key in the key file's place; gives where the key that stood there is kept. It is never thrown away: backups
/// and files that were set aside may be sealed with it.
pub(super) fn put(file: &Path) -> Result<Option<PathBuf>, QueueError> {
    let staged = staged(file);
    let kept = match read(file)? {
        Some(text) => {
            let kept = free_name(file, "old");
            write(&kept, &text)?;
            Some(kept)
        }
        None => None,
    };
    belong_to_owner_of(file, kept.as_deref().into_iter().chain([staged.as_path()]))?;
    fs::rename(&staged, file).map_err(|error| QueueError::io("put the new key in place of", file, error))?;
    keep_entry(file)?;
    Ok(kept)
}

/// Gives a staged key that the queue file is not sealed with another name: a file that was set aside may be.
pub(super) fn set_staged_aside(file: &Path) -> Result<(), QueueError> {
    let staged = staged(file);
    match fs::rename(&staged, free_name(file, "unused")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(QueueError::io("set aside the unused key file", &staged, error))
        }
        _ => keep_entry(file),
    }
}

/// A name beside a key file that no file has.
fn free_name(file: &Path, what: &str) -> PathBuf {
    let plain = beside(file, &format!(".{what}-{}", SystemClock.now().utc().format("%Y%m%dT%H%M%S")));
    let mut name = plain.clone();
    for number in 2.. {
        if !name.exists() {
            break;
        }
        name = beside(&plain, &format!("-{number}"));
    }
    name
}

/// Whoever changes the key may be root: the daemon must be able to read it.
#[cfg(unix)]
fn belong_to_owner_of<'a>(file: &Path, files: impl Iterator<Item = &'a Path>) -> Result<(), QueueError> {
    use std::os::unix::fs::{MetadataExt, chown};

    let Ok(owner) = fs::metadata(file).map(|about| (about.uid(), about.gid())) else { return Ok(()) };
    for file in files {
        let own = fs::metadata(file).map(|about| (about.uid(), about.gid()));
        if own.is_ok_and(|own| own != owner) {
            chown(file, Some(owner.0), Some(owner.1))
                .map_err(|error| QueueError::io("give to the user of the key file", file, error))?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn belong_to_owner_of<'a>(_file: &Path, _files: impl Iterator<Item = &'a Path>) -> Result<(), QueueError> {
    Ok(())
}

/// A new key file, for its owner alone.
fn write(file: &Path, text: &str) -> Result<(), QueueError> {
    let fault = |error| QueueError::io("write the key file", file, error);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut written = owner_only(&mut options).open(file).map_err(fault)?;
    written.write_all(text.as_bytes()).and_then(|()| written.write_all(b"\n")).map_err(fault)?;
    written.sync_all().map_err(fault)?;
    keep_entry(file)
}

/// The text of a key file; none where there is no such file.
pub(super) fn read(file: &Path) -> Result<Option<KeyText>, QueueError> {
    let mut text = Zeroizing::new(String::with_capacity(256));
    let read = File::open(file).and_then(|file| file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(Some(Zeroizing::new(text.trim_start_matches('\u{feff}').trim().to_owned()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // Not a text: as good as another key.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Some(KeyText::default())),
        Err(error) => Err(QueueError::io("read the key file", file, error)),
    }
}

/// Whether the configuration's key can be used, or made where its file is missing; what it opens is for others to say.
pub fn usable(key: &QueueKey) -> Result<(), QueueError> {
    let QueueKey::File(file) = key else { return Ok(()) };
    let Some(text) = read(file)? else {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let missing = |error| QueueError::io("make a key file in the folder", folder, error);
        return fs::metadata(folder).map(drop).map_err(missing);
    };
    master(&text, key).map(drop)
}

/// The master key of a text.
pub(super) fn master(text: &str, key: &QueueKey) -> Result<SealKey, QueueError> {
    // White space around it is no part of it, wherever it is kept: key files are read without.
    SealKey::master(text.trim()).ok_or_else(|| QueueError::KeyShort { key: place(key) })
}

fn staged(file: &Path) -> PathBuf {
    beside(file, ".new")
}
