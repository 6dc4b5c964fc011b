//! Secrets: read from the environment, a file of their own, systemd's credentials or Windows' DPAPI, and never shown. What
//! reads one takes it with [`Secret::expose`]; there is no other way, and it is never serialised. No message repeats a text
//! that somebody may have put in the wrong place.

use std::{ffi::OsString, fmt, fs::File, io::Read as _, path::Path};

use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

use crate::config::{dpapi, file::SecretFrom, keypath::printable};

/// Bytes that a secret's own file may have.
const SECRET_BYTES_MAX: usize = 16 * 1024;
/// What a secret has at least that is told from a path by its looks alone.
const RANDOM_BYTES_MIN: usize = 30;
/// What to write that systemd hands a secret over.
const LOAD_CREDENTIAL: &str = "write LoadCredential=NAME:FILE (or LoadCredentialEncrypted=) into the [Service] section of the \
                               unit, NAME being the name that stands here";
const UNSHOWN_VARIABLE: &str =
    "the environment variable that is named here (its name is not repeated, as it may be the secret)";

/// A password or the like. Its memory is overwritten when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text as a secret.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value, for the one place that must have it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<Zeroizing<String>> for Secret {
    fn from(value: Zeroizing<String>) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Overwrites all texts, which may be secrets, before their memory is freed.
pub(crate) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(object) => object.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// How variables of the environment are looked up.
pub(crate) type Environment<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// Where a secret is kept, outside the configuration.
pub(crate) enum Source {
    /// A variable of the environment.
    Environment(String),
    /// A file of its own.
    File(String),
    /// A credential that systemd hands over.
    Credential(String),
    /// Sealed by Windows, as base64.
    Dpapi(String),
}

/// The one place that is written, or what to write.
pub(crate) fn source(from: SecretFrom) -> Result<Source, String> {
    match (from.env, from.file, from.credential, from.dpapi) {
        (Some(name), None, None, None) => Ok(Source::Environment(name)),
        (None, Some(path), None, None) => Ok(Source::File(path)),
        (None, None, Some(name), None) => Ok(Source::Credential(name)),
        (None, None, None, Some(sealed)) => Ok(Source::Dpapi(sealed)),
        _ => {
            Err("must have exactly one of `env`, `file`, `credential` and `dpapi`, e.g. {\"file\": \"PATH\"}"
                .to_owned())
        }
    }
}

/// Gets a secret from where the configuration says it is, or says what is wrong.
pub(crate) fn read(source: Source, folder: &Path, environment: &Environment<'_>) -> Result<Secret, String> {
    match source {
        Source::Environment(name) => from_environment(&name, environment),
        Source::File(path) => from_file(&path, folder),
        Source::Credential(name) => from_credential(&name, environment),
        Source::Dpapi(sealed) => from_dpapi(&sealed),
    }
}

fn from_environment(name: &str, environment: &Environment<'_>) -> Result<Secret, String> {
    // Somebody may have put the password where its variable's name belongs: such a text is not repeated.
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !is_name {
        return Err("`env` must be the name of an environment variable (letters, digits and _), \
                    e.g. {\"env\": \"HIS_PASSWORD\"}"
            .to_owned());
    }
    let usual = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && (name.contains('_') || !name.contains(|c: char| c.is_ascii_digit()));
    let shown = if usual { format!("the environment variable {name}") } else { UNSHOWN_VARIABLE.to_owned() };
    let Some(value) = environment(name) else {
        return Err(format!("{shown} is not set; set it for the service, or write {{\"file\": \"PATH\"}}"));
    };
    match value.into_string() {
        Ok(value) if value.is_empty() => Err(format!("{shown} is empty; give it a value")),
        Ok(value) => Ok(Secret::new(value)),
        Err(value) => {
            drop(Zeroizing::new(value.into_encoded_bytes()));
            Err(format!("{shown} is not valid UTF-8 text"))
        }
    }
}

fn from_file(written: &str, folder: &Path) -> Result<Secret, String> {
    let path = folder.join(written);
    let shown = if has_form_of_path(written) && !looks_random(written) {
        format!("the secret's file {}", printable(&path.display().to_string()))
    } else {
        format!(
            "the secret's file that is named here (its name is not repeated, as it may be the secret; a relative one begins in \
             the folder {})",
            folder.display()
        )
    };
    let bytes = contents(&path)
        .map_err(|e| format!("{shown} cannot be read: {e}; correct the path or its permissions"))?;
    text_of(&bytes, &shown)
}

/// Whether a text is written as paths are: from the root, or with the ending of a file.
fn has_form_of_path(written: &str) -> bool {
    let name = written.rsplit(['/', '\\']).next().unwrap_or(written);
    let ending = name.rsplit_once('.').is_some_and(|(name, ending)| {
        !name.is_empty() && (1..=5).contains(&ending.len()) && ending.chars().all(|c| c.is_ascii_lowercase())
    });
    let rooted = Path::new(written).is_absolute() && written.matches(['/', '\\']).count() > 1;
    ending || rooted
}

/// Whether somebody put the secret where the path of its file belongs.
pub(crate) fn is_in_place_of_path(written: &str) -> bool {
    looks_random(written) && !has_form_of_path(written) && written.len() >= RANDOM_BYTES_MIN
}

/// Whether a text is a token or a key, by its looks.
pub(crate) fn looks_random(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        word.len() >= 16
            && word.contains(|c: char| c.is_ascii_digit())
            && word.contains(|c: char| c.is_ascii_alphabetic())
    })
}

fn from_credential(name: &str, environment: &Environment<'_>) -> Result<Secret, String> {
    if name.trim().is_empty()
        || name.contains(['/', '\\'])
        || name.contains(char::is_control)
        || name.starts_with('.')
    {
        return Err("`credential` must be the name that LoadCredential= has before its colon, e.g. \
                    {\"credential\": \"his-password\"}"
            .to_owned());
    }
    if cfg!(windows) {
        return Err(
            "{\"credential\": ...} is for Linux with systemd alone; here write {\"dpapi\": ...}, which \
                    `buktor-middleware secret protect` prints, or {\"file\": \"PATH\"}"
                .to_owned(),
        );
    }
    // The name is not repeated: it may be the secret.
    let Some(folder) = environment("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty()) else {
        return Err(format!(
            "systemd has handed over no credentials ($CREDENTIALS_DIRECTORY is not set); {LOAD_CREDENTIAL}. A command by \
             hand has them with `systemd-run --pipe --wait -p LoadCredential=NAME:FILE buktor-middleware check`"
        ));
    };
    let bytes = contents(&Path::new(&folder).join(name)).map_err(|e| {
        format!(
            "systemd has handed over no credential of this name that can be read ({e}); {LOAD_CREDENTIAL}"
        )
    })?;
    text_of(&bytes, "the credential")
}

fn from_dpapi(sealed: &str) -> Result<Secret, String> {
    text_of(&dpapi::open(sealed)?, "what `dpapi` holds")
}

/// The bytes of a secret's file. Their room is taken at once: a growing one would leave copies behind.
fn contents(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 1));
    file.take(SECRET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The secret in such bytes: text, without a byte order mark and one line end.
fn text_of(bytes: &[u8], shown: &str) -> Result<Secret, String> {
    if bytes.len() > SECRET_BYTES_MAX {
        return Err(format!("{shown} is over {SECRET_BYTES_MAX} bytes; it must hold the secret alone"));
    }
    let text =
        std::str::from_utf8(bytes).map_err(|_| format!("{shown} is not UTF-8 text; save it as UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.strip_suffix('\n').map_or(text, |t| t.strip_suffix('\r').unwrap_or(t));
    if text.is_empty() {
        return Err(format!("{shown} is empty; write the secret into it"));
    }
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "[secret] [secret] Some([secret])");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn secrets_are_read_from_where_the_file_says() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        put("plain", b"hunter2\n");
        put("windows", b"\xef\xbb\xbfhunter2\r\n");
        put("two", b"hunter2\n\n");
        put("empty", b"\n");
        put("latin1", b"p\xe4ss");
        put("long", "x".repeat(20_000).as_bytes());
        let environment = |name: &str| match name {
            "SET" => Some(OsString::from("hunter2")),
            "EMPTY" => Some(OsString::new()),
            _ => None,
        };
        let check = |env: Option<&str>, file: Option<&str>, expected: Result<&str, &str>| {
            let from = SecretFrom {
                env: env.map(str::to_owned),
                file: file.map(str::to_owned),
                credential: None,
                dpapi: None,
            };
            let got = source(from).and_then(|source| read(source, folder.path(), &environment));
            match (got, expected) {
                (Ok(secret), Ok(value)) => assert_eq!(secret.expose(), value),
                (Err(message), Err(part)) => {
                    assert!(message.contains(part), "{message}");
                    assert!(!message.contains("hunter2"), "{message}");
                }
                (got, _) => panic!("{env:?} {file:?}: {got:?}"),
            }
        };
        check(Some("SET"), None, Ok("hunter2"));
        check(Some("UNSET"), None, Err("variable UNSET is not set"));
        check(Some("EMPTY"), None, Err("is empty"));
        check(Some("hunter2!"), None, Err("must be the name of an environment variable"));
        check(None, Some("plain"), Ok("hunter2"));
        check(None, Some("windows"), Ok("hunter2"));
        check(None, Some("two"), Ok("hunter2\n"));
        check(None, Some("empty"), Err("is empty"));
        check(None, Some("latin1"), Err("not UTF-8"));
        check(None, Some("long"), Err("over 16384 bytes"));
        check(None, Some("nothing"), Err("cannot be read"));
        check(None, None, Err("exactly one of `env`, `file`"));
        check(Some("SET"), Some("plain"), Err("exactly one of `env`, `file`"));
    }
}
