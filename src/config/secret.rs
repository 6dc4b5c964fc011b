//! Secrets: read from the file, the environment or a file of their own, and never shown. What reads one takes it
//! with [`Secret::expose`]; there is no other way, and it is never serialised.

use std::{ffi::OsString, fmt, fs::File, io::Read as _, path::Path};

use zeroize::Zeroizing;

use crate::config::{file::SecretText, keypath::printable};

/// Bytes that a secret's own file may have.
const SECRET_BYTES_MAX: u64 = 16 * 1024;

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

/// How variables of the environment are looked up.
pub(crate) type Environment<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// Gets a secret from where the configuration says it is, or says what is wrong.
pub(crate) fn read(
    written: SecretText,
    folder: &Path,
    environment: &Environment<'_>,
) -> Result<Secret, String> {
    const ONE: &str = "must be the text itself, {\"env\": \"NAME\"} or {\"file\": \"PATH\"}";
    let from = match written {
        SecretText::Plain(text) => return Ok(Secret::new(text)),
        SecretText::From(from) => from,
    };
    match (from.env, from.file) {
        (Some(name), None) => from_environment(&name, environment),
        (None, Some(path)) => from_file(&folder.join(path)),
        _ => Err(format!("{ONE}; write exactly one of `env` and `file`")),
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
    let Some(value) = environment(name) else {
        return Err(format!(
            "the environment variable {name} is not set; set it for the service, \
                            or write {{\"file\": \"PATH\"}}"
        ));
    };
    match value.into_string() {
        Ok(value) if value.is_empty() => {
            Err(format!("the environment variable {name} is empty; give it a value"))
        }
        Ok(value) => Ok(Secret::new(value)),
        Err(_) => Err(format!("the environment variable {name} is not valid UTF-8 text")),
    }
}

fn from_file(path: &Path) -> Result<Secret, String> {
    let shown = printable(&path.display().to_string());
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path).and_then(|file| file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(
        |e| format!("the secret's file {shown} cannot be read: {e}; correct the path or its permissions"),
    )?;
    if bytes.len() as u64 > SECRET_BYTES_MAX {
        return Err(format!(
            "the secret's file {shown} is over {SECRET_BYTES_MAX} bytes; it must hold the secret alone"
        ));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| format!("the secret's file {shown} is not UTF-8 text; save it as UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.strip_suffix('\n').map_or(text, |t| t.strip_suffix('\r').unwrap_or(t));
    if text.is_empty() {
        return Err(format!("the secret's file {shown} is empty; write the secret into it"));
    }
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::SecretFrom;

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
            let from = SecretFrom { env: env.map(str::to_owned), file: file.map(str::to_owned) };
            let got = read(SecretText::From(from), folder.path(), &environment);
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
        check(None, None, Err("exactly one of `env` and `file`"));
        check(Some("SET"), Some("plain"), Err("exactly one of `env` and `file`"));
    }
}
