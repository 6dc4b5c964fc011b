//! Questions on a terminal. Without a terminal nothing is asked: every question has an option that answers it.

use std::{
    io::{self, BufRead, IsTerminal},
    path::Path,
};

use crate::cli::{
    exit::{Exit, Failure},
    output,
};

/// Who answers.
pub(super) struct Asker {
    /// None: there is no terminal.
    input: Option<Box<dyn BufRead>>,
    password: fn(&str) -> io::Result<String>,
}

impl Asker {
    /// Asks on this process's terminal, where its input is one.
    pub(super) fn new() -> Self {
        let stdin = io::stdin();
        let input = stdin.is_terminal().then(|| Box::new(stdin.lock()) as Box<dyn BufRead>);
        Self { input, password: |prompt| rpassword::prompt_password(format!("{prompt} ")) }
    }

    /// Answers from a text.
    #[cfg(test)]
    pub(super) fn scripted(answers: &'static str) -> Self {
        Self { input: Some(Box::new(answers.as_bytes())), password: |_| Ok("typed".to_owned()) }
    }

    /// Nobody is there.
    #[cfg(test)]
    pub(super) fn nobody() -> Self {
        Self { input: None, password: |_| Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Whether somebody can be asked.
    pub(super) fn is_there(&self) -> bool {
        self.input.is_some()
    }

    /// Asks until `read` takes the answer; an empty one is the default. `option` answers it without a terminal.
    pub(super) fn ask<T>(
        &mut self,
        question: &str,
        default: Option<&str>,
        option: &str,
        mut read: impl FnMut(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        let Some(input) = &mut self.input else { return Err(unanswered(option)) };
        let shown = default.map_or_else(String::new, |d| format!(" [{d}]"));
        loop {
            output::question(&format!("{question}{shown}:"));
            let mut line = String::new();
            let bytes = input.read_line(&mut line).map_err(|e| Failure::new(Exit::Usage, e))?;
            if bytes == 0 {
                return Err(ended());
            }
            let answer = match line.trim() {
                "" => default.unwrap_or_default(),
                answer => answer,
            };
            if answer.is_empty() {
                output::talk("  an answer is needed");
                continue;
            }
            match read(answer) {
                Ok(value) => return Ok(value),
                Err(words) => output::talk(&format!("  {words}")),
            }
        }
    }

    /// A text, as it is.
    pub(super) fn text(
        &mut self,
        question: &str,
        default: Option<&str>,
        option: &str,
    ) -> Result<String, Failure> {
        self.ask(question, default, option, |answer| Ok(answer.to_owned()))
    }

    /// Yes or no.
    pub(super) fn agrees(&mut self, question: &str, default: bool, option: &str) -> Result<bool, Failure> {
        let shown = if default { "yes" } else { "no" };
        self.ask(question, Some(shown), option, |answer| match answer.to_lowercase().as_str() {
            "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            _ => Err("answer yes or no".to_owned()),
        })
    }

    /// A password, which is not shown while it is typed; it may be empty.
    pub(super) fn password(&mut self, question: &str, option: &str) -> Result<String, Failure> {
        if self.input.is_none() {
            return Err(unanswered(option));
        }
        (self.password)(&format!("{question}:")).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::Interrupted => ended(),
            _ => Failure::new(
                Exit::Usage,
                format!("the password cannot be read from the terminal ({error}); use {option}"),
            ),
        })
    }
}

/// The first line of standard input, for `--password-stdin`.
pub(super) fn password_line() -> Result<String, Failure> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    match read {
        Ok(0) => Err(Failure::new(Exit::Usage, "--password-stdin: standard input is empty")),
        Ok(_) => Ok(line.trim_end_matches(['\n', '\r']).to_owned()),
        Err(e) => Err(Failure::new(Exit::Usage, format!("--password-stdin: {e}"))),
    }
}

/// Asks before a file is overwritten.
pub(super) fn overwrite(asker: &mut Asker, path: &Path, force: bool) -> Result<(), Failure> {
    if force || !path.exists() {
        return Ok(());
    }
    let exists = format!("{} exists already", path.display());
    if !asker.is_there() {
        let words = format!("{exists}; add --force to overwrite it, or name another file with --output FILE");
        return Err(Failure::new(Exit::Usage, words));
    }
    if asker.agrees(&format!("{exists}. Overwrite it at the end?"), false, "--force")? {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, "nothing was written; --output FILE names another file"))
}

/// A question that nobody could answer.
pub(super) fn unanswered(option: &str) -> Failure {
    Failure::new(Exit::Usage, format!("there is no terminal to ask on: add {option}"))
}

fn ended() -> Failure {
    Failure::new(Exit::Usage, "\nthe input ended; nothing was written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(answers: &'static str, default: Option<&str>) -> Result<u16, String> {
        Asker::scripted(answers)
            .ask("Port", default, "--port PORT", |a| a.parse().map_err(|_| "a number".to_owned()))
            .map_err(|failure| failure.message)
    }

    #[test]
    fn a_wrong_answer_is_asked_again_and_an_end_ends() {
        assert_eq!(port("3307\n", Some("3306")), Ok(3307));
        assert_eq!(port("\n", Some("3306")), Ok(3306));
        assert_eq!(port("  x\n\n70000\n 5 \n", None), Ok(5));
        assert!(port("x\n", None).unwrap_err().contains("nothing was written"));
        assert!(port("", Some("3306")).unwrap_err().contains("the input ended"));
        let failure = Asker::nobody().text("Host", Some("x"), "--host HOST").unwrap_err();
        assert_eq!((failure.exit, failure.message.contains("--host HOST")), (Exit::Usage, true));
        assert!(Asker::nobody().password("Password", "--password-stdin").is_err());
    }

    #[test]
    fn yes_and_no() {
        let check = |answers, default, expected| {
            assert_eq!(Asker::scripted(answers).agrees("Sure?", default, "--yes").ok(), expected);
        };
        check("y\n", false, Some(true));
        check("No\n", true, Some(false));
        check("\n", true, Some(true));
        check("perhaps\nYES\n", false, Some(true));
        check("perhaps\n", false, None);
    }

    #[test]
    fn a_file_is_overwritten_only_when_that_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("his-config.json");
        let exit = |asker: &mut Asker, force| overwrite(asker, &path, force).map_err(|f| f.exit);
        assert_eq!(exit(&mut Asker::nobody(), false), Ok(()));
        std::fs::write(&path, "{}").unwrap();
        assert_eq!(exit(&mut Asker::nobody(), false), Err(Exit::Usage));
        assert_eq!(exit(&mut Asker::nobody(), true), Ok(()));
        assert_eq!(exit(&mut Asker::scripted("yes\n"), false), Ok(()));
        assert_eq!(exit(&mut Asker::scripted("\n"), false), Err(Exit::Usage));
    }
}
