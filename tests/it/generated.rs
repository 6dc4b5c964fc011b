//! What is generated and committed is what the program prints, and what the documents say stays true as far as a
//! machine can tell: every key is explained, every example loads, every place that they name is there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::support::daemon::{EXECUTABLE, Finished, executable, finish};

/// Committed files, each with the arguments of `generate` that print it.
const GENERATED: [(&str, &[&str]); 6] = [
    ("docs/his-config.schema.json", &["schema"]),
    ("packaging/man/buktor-middleware.1", &["man"]),
    ("packaging/completions/buktor-middleware.bash", &["completions", "bash"]),
    ("packaging/completions/_buktor-middleware", &["completions", "zsh"]),
    ("packaging/completions/buktor-middleware.fish", &["completions", "fish"]),
    ("packaging/completions/buktor-middleware.ps1", &["completions", "powershell"]),
];

const DOCUMENTS: [&str; 12] = [
    "README.md",
    "CHANGELOG.md",
    "docs/architecture.md",
    "docs/credentials.md",
    "docs/databases.md",
    "docs/mapping.md",
    "docs/testing-with-real-servers.md",
    "docs/recipes/README.md",
    "docs/recipes/openemr.md",
    "docs/recipes/open-hospital.md",
    "docs/recipes/bahmni.md",
    "docs/recipes/clinic-token.md",
];

/// A path from the top of the repository.
fn top(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A committed file as it is on systems that write `\n`.
fn committed(path: &str) -> String {
    fs::read_to_string(top(path)).unwrap_or_else(|e| panic!("{path}: {e}")).replace("\r\n", "\n")
}

fn run(args: &[&str]) -> Finished {
    let mut command = executable(Path::new(EXECUTABLE));
    command.args(args);
    finish(command, "")
}

#[test]
fn committed_files_are_what_the_program_prints() {
    let mut wrong = Vec::new();
    for (path, args) in GENERATED {
        let done = run(&[&["generate"], args].concat());
        done.assert_code(0);
        if committed(path) != done.stdout.replace("\r\n", "\n") {
            wrong.push(format!("cargo run -- generate {} > {path}", args.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "out of date; run\n  {}", wrong.join("\n  "));
}

#[test]
fn the_readme_explains_every_key() {
    let readme = committed("README.md");
    let explained: BTreeSet<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    let schema: Value = serde_json::from_str(&committed("docs/his-config.schema.json")).unwrap();
    let objects = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    let keys: BTreeSet<&str> = objects
        .filter_map(|object| object["properties"].as_object())
        .flat_map(|properties| properties.keys().map(String::as_str))
        .collect();
    assert!(keys.contains("allow_unauthenticated") && keys.contains("$schema"), "{keys:?}");
    let missing: Vec<_> = keys.difference(&explained).collect();
    assert!(missing.is_empty(), "no table of README.md begins a row with {missing:?}");
}

#[test]
fn the_readme_names_every_command() {
    let readme = committed("README.md");
    for command in [
        "run",
        "init",
        "check",
        "demo",
        "send",
        "sync",
        "status",
        "events list",
        "events show",
        "events retry",
        "events link",
        "rehearse",
        "mapping test",
    ] {
        run(&[&command.split(' ').collect::<Vec<_>>()[..], &["--help"]].concat()).assert_code(0);
        assert!(readme.contains(&format!("`{command}")), "README.md does not name {command}");
    }
}

#[test]
fn examples_of_configurations_load() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("buktor-secret.txt"),
        "whsec_zAZ3S7fu5bGvYWDCey21Nv5F031svjDY571pKO9f6SY=\n",
    )
    .unwrap();
    let path = folder.path().join("his-config.json");
    // Where the examples have Oracle's client library.
    fs::create_dir(folder.path().join("instantclient")).unwrap();
    // Where they have a secret.
    fs::write(folder.path().join("buktor-secret.txt"), "whsec_q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ\n").unwrap();
    let mut loaded = 0;
    for document in DOCUMENTS {
        let text = committed(document);
        for block in text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            let mut value: Value =
                serde_json::from_str(block).unwrap_or_else(|e| panic!("{document}: {e} in\n{block}"));
            let object = value.as_object_mut().unwrap_or_else(|| panic!("{document}: no object\n{block}"));
            // Events, and examples of them, which tests/it/mapping_test.rs runs.
            if ["event_type", "type", "tests"].iter().any(|key| object.contains_key(*key)) {
                continue;
            }
            object.entry("database").or_insert(json!({"type": "sqlite", "path": "his.db"}));
            object.entry("mapping").or_insert(json!({"a": {"table": "A", "fields": {"a_id": "ID"}}}));
            // Nobody is asked for the HIS itself.
            let database = object["database"].as_object_mut().unwrap();
            if database["type"] != "sqlite" {
                database.insert("connect_timeout_s".to_owned(), json!(1));
                if database.contains_key("connect_string") {
                    database.insert("connect_string".to_owned(), json!("//127.0.0.1:1/HIS"));
                } else {
                    database.insert("host".to_owned(), json!("127.0.0.1:1"));
                }
                for key in ["port", "instance"] {
                    database.remove(key);
                }
                // No such file is beside this copy.
                database.insert("password".to_owned(), json!({"env": "HIS_PASSWORD"}));
            }
            fs::write(&path, value.to_string()).unwrap();
            let mut command = executable(Path::new(EXECUTABLE));
            command.arg("check").arg("--config").arg(&path).env("HIS_PASSWORD", "x");
            command.env("BUKTOR_TOKEN", "kT8vQ2nZr5xW1mB7");
            let done = finish(command, "");
            assert!([1, 69].contains(&done.code), "{document}: {}\n{block}", done.stderr);
            loaded += 1;
        }
    }
    assert!(loaded > 5, "{loaded} examples were found");
}

#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    for document in DOCUMENTS {
        let text = committed(document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(document).parent().unwrap();
            let target = if file.is_empty() { top(document) } else { top("").join(folder).join(file) };
            let found = fs::read_to_string(target);
            let there = found
                .is_ok_and(|t| anchor.is_empty() || t.lines().any(|l| slug(l).as_deref() == Some(anchor)));
            if !there {
                wrong.push(format!("{document}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "not there:\n  {}", wrong.join("\n  "));
}

/// The anchor that a heading gets.
fn slug(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?.to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    Some(kept.map(|c| if c == ' ' { '-' } else { c }).collect())
}

/// Places in the source, written as `src/queue/store.rs#append`.
#[test]
fn places_in_the_source_are_there() {
    let mut wrong = Vec::new();
    let mut named = 0;
    for document in DOCUMENTS {
        let text = committed(document);
        for code in text.split('`').skip(1).step_by(2) {
            let (path, name) = code.split_once('#').unwrap_or((code, ""));
            if !["src/", "tests/"].iter().any(|root| path.starts_with(root)) || path.contains(' ') {
                continue;
            }
            named += 1;
            let there = top(path).exists()
                && (name.is_empty() || defines(&fs::read_to_string(top(path)).unwrap(), name));
            if !there {
                wrong.push(format!("{document}: {code}"));
            }
        }
    }
    assert!(wrong.is_empty(), "not there:\n  {}", wrong.join("\n  "));
    assert!(named > 50, "{named} places were found");
}

/// Whether a source defines something of that name.
fn defines(source: &str, name: &str) -> bool {
    ["fn", "struct", "enum", "trait", "const"].iter().any(|word| {
        let definition = format!("{word} {name}");
        source.match_indices(&definition).any(|(at, _)| {
            !source[at + definition.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })
    })
}
