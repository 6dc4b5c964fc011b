//! From a path to a [`Config`] or to everything that is wrong: reads the file, then text, form and meaning in turn.

use std::{collections::BTreeSet, fs::File, io::Read as _, path::Path, sync::LazyLock};

use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    config::{
        Config, ConfigError, Problem, SecretPlaces, file, find,
        keypath::KeyPath,
        locate::{self, place_of},
        resolve::{self, Resolver},
        schema::schema,
        secret::{Environment, wipe},
        shape,
    },
    limits::CONFIG_BYTES_MAX,
};

/// Made once: it is the same for every file, and making it takes longer than reading most of them.
static SCHEMA: LazyLock<Value> = LazyLock::new(schema);

impl Config {
    /// Reads and checks a configuration file. The error holds every mistake in it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let path = find::absolute(path);
        let bytes = read(&path).map_err(|message| ConfigError::of_file(&path, message))?;
        Self::parse(&bytes, &path, &|name: &str| std::env::var_os(name))
    }

    /// Checks a configuration file's bytes; `path` is where they came from.
    pub(crate) fn parse(
        bytes: &[u8],
        path: &Path,
        environment: &Environment<'_>,
    ) -> Result<Self, ConfigError> {
        parse(bytes, path, environment).map_err(|problems| ConfigError::of_problems(path, problems))
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let cannot = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => {
            "not found; correct the path, or leave it out to have the usual places looked at".to_owned()
        }
        _ => {
            format!("cannot be read: {e}; give the account that runs buktor-middleware the right to read it")
        }
    };
    // Windows opens no folder at all, so it is asked for before.
    if path.is_dir() {
        return Err(format!(
            "is a folder; name the file in it, e.g. {}",
            path.join(find::FILE_NAME).display()
        ));
    }
    let file = File::open(path).map_err(cannot)?;
    // Its room is taken at once, so that no copy of its secrets is left behind in freed memory by a growing one.
    let length = file.metadata().map_or(0, |about| about.len()).min(CONFIG_BYTES_MAX);
    let room = usize::try_from(length).unwrap_or(0).saturating_add(64);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > CONFIG_BYTES_MAX {
        return Err(format!(
            "is larger than {} MiB, which no configuration is; is it the right file?",
            CONFIG_BYTES_MAX >> 20
        ));
    }
    Ok(bytes)
}

fn parse(bytes: &[u8], path: &Path, environment: &Environment<'_>) -> Result<Config, Vec<Problem>> {
    let about_file =
        |place, message: String| vec![Problem { at: KeyPath::root(), place: Some(place), message }];
    let text = text(bytes).map_err(|(place, message)| about_file(place, message))?;
    let located = locate::locate(text).map_err(|problem| vec![problem])?;
    let mut value: Value = serde_json::from_str(text)
        .map_err(|e| about_file((e.line(), e.column().max(1)), "is not valid JSON here".to_owned()))?;

    let mistakes = shape::mistakes(&SCHEMA, &value);
    shape::without(&mut value, &mistakes);
    let broken: BTreeSet<KeyPath> =
        mistakes.iter().flat_map(|m| [Some(m.at.clone()), m.meant.clone()]).flatten().collect();
    // What stands twice in an object that is told of as a whole is not named, as it may be a secret.
    let told_above = |p: &Problem| {
        p.at.parts().split_last().is_some_and(|(_, above)| broken.contains(&KeyPath::of(above)))
    };
    let mut problems: Vec<Problem> = located.duplicates.into_iter().filter(|p| !told_above(p)).collect();
    problems.extend(mistakes.into_iter().map(|m| Problem {
        place: located.places.of(&m.at),
        at: m.at,
        message: m.message,
    }));
    if broken.contains(&KeyPath::root()) {
        wipe(&mut value);
        return Err(problems);
    }

    // serde's message is not shown: it can repeat a value, which may be a secret.
    let Ok(file) = serde_json::from_value::<file::File>(value) else {
        problems.extend(about_file(
            (1, 1),
            "has a form that this version cannot read although it finds no fault with it; please report this"
                .to_owned(),
        ));
        return Err(problems);
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let kind = file.database.as_ref().and_then(|database| database.kind);
    let mut resolver = Resolver {
        folder,
        environment,
        places: &located.places,
        broken: &broken,
        dialect: kind.map(resolve::dialect),
        problems,
        secrets: SecretPlaces::default(),
    };
    match resolve::resolve(file, path, &mut resolver) {
        Some(config) => Ok(config),
        None => Err(resolver.problems),
    }
}

type Fault = ((usize, usize), String);

/// The file's text, without a byte order mark.
fn text(bytes: &[u8]) -> Result<&str, Fault> {
    let utf_16 = matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, b'{', ..] | [b'{', 0, ..]);
    if utf_16 {
        let message = "the file is saved as UTF-16 (\"Unicode\" in Notepad); save it as UTF-8";
        return Err(((1, 1), message.to_owned()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|e| {
        let valid = bytes.get(..e.valid_up_to()).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or("");
        let message =
            "a character here is not UTF-8 (the file is perhaps saved as ANSI); save the file as UTF-8";
        (place_of(valid, valid.len()), message.to_owned())
    })
}
