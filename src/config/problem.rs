//! What is wrong with a configuration, in words for the people who wrote it. It decides nothing, and no message
//! ever holds a secret's value.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::config::keypath::KeyPath;

/// Problems that are shown at once; the count names all of them.
const PROBLEMS_SHOWN_MAX: usize = 100;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key that it is about; the root where it is the whole file.
    pub at: KeyPath,
    /// Line and column, from 1, in characters; none where it is about no place in the file.
    pub place: Option<(usize, usize)>,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// Everything that is wrong with one configuration. Displays a line for each problem, sorted by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The configuration file.
    pub path: PathBuf,
    /// All that is wrong with it; at least one.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// An error about the file as a whole, such as one that cannot be read.
    pub(crate) fn of_file(path: &Path, message: String) -> Self {
        let problem = Problem { at: KeyPath::root(), place: None, message };
        Self { path: path.to_owned(), problems: vec![problem] }
    }

    /// An error of these problems, in the order of the file, each told once.
    pub(crate) fn of_problems(path: &Path, mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| (a.place, &a.at, &a.message).cmp(&(b.place, &b.at, &b.message)));
        problems.dedup();
        Self { path: path.to_owned(), problems }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.path.display();
        for problem in self.problems.iter().take(PROBLEMS_SHOWN_MAX) {
            write!(f, "{file}:")?;
            if let Some((line, column)) = problem.place {
                write!(f, "{line}:{column}:")?;
            }
            if !problem.at.parts().is_empty() {
                write!(f, " {}:", problem.at)?;
            }
            writeln!(f, " {}", problem.message)?;
        }
        match self.problems.len() {
            1 => write!(f, "1 problem in the configuration"),
            n if n > PROBLEMS_SHOWN_MAX => {
                write!(f, "{n} problems in the configuration, the first {PROBLEMS_SHOWN_MAX} are shown")
            }
            n => write!(f, "{n} problems in the configuration"),
        }
    }
}

/// The candidate that a wrong word was probably meant to be. Case, `-` and `_` count for nothing.
pub(crate) fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = |word: &str| -> String {
        word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).take(64).collect()
    };
    let wrong = folded(wrong);
    if wrong.is_empty() {
        return None;
    }
    candidates
        .into_iter()
        .map(|c| {
            let right = folded(c);
            let edits_max = if wrong.chars().count().min(right.chars().count()) < 6 { 1 } else { 2 };
            (strsim::osa_distance(&wrong, &right), edits_max, c)
        })
        .filter(|(edits, edits_max, _)| edits <= edits_max)
        .min_by_key(|(edits, _, _)| *edits)
        .map(|(_, _, c)| c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near_or_there_is_none() {
        let check = |wrong, expected| {
            assert_eq!(
                nearest(wrong, ["password", "user", "host", "tls", "max_body_kb"]),
                expected,
                "{wrong}"
            );
        };
        check("pasword", Some("password"));
        check("Password", Some("password"));
        check("maxBodyKb", Some("max_body_kb"));
        check("max-body-kb", Some("max_body_kb"));
        check("tsl", Some("tls"));
        check("hosts", Some("host"));
        check("colour", None);
        check("", None);
    }

    #[test]
    fn problems_are_shown_sorted_and_counted() {
        let problem = |line, at: &str, message: &str| Problem {
            at: KeyPath::parse(at),
            place: Some((line, 3)),
            message: message.to_owned(),
        };
        let all = vec![problem(10, "a.b", "second"), problem(9, "", "first"), problem(9, "", "first")];
        let error = ConfigError::of_problems(Path::new("f.json"), all);
        assert_eq!(
            error.to_string(),
            "f.json:9:3: first\nf.json:10:3: a.b: second\n2 problems in the configuration"
        );
        let error = ConfigError::of_file(Path::new("f.json"), "cannot be read".to_owned());
        assert_eq!(error.to_string(), "f.json: cannot be read\n1 problem in the configuration");
    }
}
