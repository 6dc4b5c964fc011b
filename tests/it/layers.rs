//! Holds the layers of docs/architecture.md: which module may import which, and which alone may touch a database,
//! HTTP, the schedule or the clock. Reads the program's source, so that nobody has to remember.

use crate::support::source::{Source, block_end, is_word, read, words};

/// Modules by layer, lowest first. A module may import its own layer and those below.
const LAYERS: [&[&str]; 7] = [
    &["limits", "model"],
    &["auth", "config", "plan", "policy", "propose", "saved", "sql"],
    &["admin", "his", "http", "ingest", "observe", "queue", "service", "telemetry"],
    &["examples", "sync"],
    &["daemon", "housekeeping"],
    &["cli"],
    &["main", "lib"],
];

/// Modules that never meet, in either direction where it is not the layers that forbid it already.
const STRANGERS: [(&str, &[&str]); 12] = [
    ("auth", &["plan", "sql", "policy", "propose", "saved"]),
    ("plan", &["sql", "config", "policy"]),
    // Of an event it knows the entity alone, by which changes keep their order.
    (
        "sql",
        &[
            "plan",
            "config",
            "policy",
            "model::mapping",
            "model::event::StoredEvent",
            "model::event::RawEvent",
        ],
    ),
    ("policy", &["plan", "sql", "config"]),
    // How the SQL that a configuration writes itself is read, and nothing else.
    ("config", &["plan", "sql::batch", "sql::upsert", "policy", "propose", "saved"]),
    ("propose", &["plan", "sql", "config", "policy", "saved"]),
    ("saved", &["plan", "sql", "config", "policy", "propose"]),
    ("queue", &["his", "http", "ingest", "admin"]),
    ("his", &["queue", "http", "ingest", "admin", "plan"]),
    ("http", &["queue", "his", "ingest", "admin"]),
    ("ingest", &["his", "plan", "sql"]),
    ("examples", &["his", "queue", "http", "sql", "sync"]),
];

/// Crates and paths that only some files may name; a folder ends with a slash.
const RESERVED: [(&[&str], &[&str]); 7] = [
    (&["hyper", "hyper_util", "http_body_util"], &["src/http/", "src/http.rs", "src/ingest", "src/admin"]),
    (&["rusqlite"], &["src/queue/", "src/his/sqlite"]),
    (&["sqlx"], &["src/his/"]),
    (&["tokio_cron_scheduler"], &["src/sync/schedule.rs"]),
    (&["croner"], &["src/sync/schedule.rs", "src/config/"]),
    (&["clap", "anyhow"], &["src/cli/", "src/main.rs"]),
    (&["Utc::now", "Local::now", "SystemTime::now"], &["src/model/clock.rs"]),
];

/// What pure modules never name.
const IMPURE: [&str; 15] = [
    "tokio",
    "hyper",
    "rusqlite",
    "sqlx",
    "async",
    "await",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::process",
    "std::thread",
    "std::env",
    "tracing",
    "Instant::now",
];

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    for source in sources() {
        let own = module(&source.path);
        let height =
            layer(&own).unwrap_or_else(|| panic!("{}: no layer is written down for it", source.path));
        for (at, path) in imports(&source) {
            let Some(other) = path.first() else { continue };
            let Some(depth) = layer(other) else { continue };
            if depth > height {
                wrong.push(format!(
                    "{}:{at}: {own} imports {}, which is above it",
                    source.path,
                    path.join("::")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn strangers_never_meet() {
    let mut wrong = Vec::new();
    for source in sources() {
        let own = module(&source.path);
        let Some((_, strangers)) = STRANGERS.iter().find(|(m, _)| *m == own) else { continue };
        for (at, path) in imports(&source) {
            let path = path.join("::");
            if strangers.iter().any(|s| path == *s || path.starts_with(&format!("{s}::"))) {
                wrong.push(format!("{}:{at}: {own} and {path} do not know each other", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn drivers_are_named_where_they_belong() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (names, places) in RESERVED {
            if places.iter().any(|p| source.path.starts_with(p)) {
                continue;
            }
            for name in names {
                for at in words(&source.product, name) {
                    // A crate is named as the first part of a path or an import; `Utc::now` is one already.
                    if name.contains("::") || names_crate(&source.product, at, name) {
                        wrong.push(format!("{}:{}: names {name}", source.path, source.line(at)));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_modules_stay_pure() {
    let mut wrong = Vec::new();
    for source in sources() {
        let own = module(&source.path);
        if !["auth", "model", "plan", "sql", "policy", "propose", "saved", "examples"].contains(&own.as_str())
        {
            continue;
        }
        let serde: &[&str] = if own == "model" { &["serde", "serde_json"] } else { &[] };
        for name in IMPURE.into_iter().chain(serde.iter().copied()) {
            for at in words(&source.product, name) {
                wrong.push(format!("{}:{}: {name} in a pure module", source.path, source.line(at)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn modules_are_listed_in_lib() {
    let listed =
        read("src").into_iter().find(|s| s.path == "src/lib.rs").expect("the library has a root").code;
    for source in sources() {
        let own = module(&source.path);
        if own != "main" && own != "lib" {
            let declared = words(&listed, &own).any(|at| listed[..at].trim_end().ends_with("mod"));
            assert!(declared, "{}: src/lib.rs declares no module {own}", source.path);
        }
    }
}

/// The program's files without those that are tests alone.
fn sources() -> Vec<Source> {
    read("src").into_iter().filter(|s| !s.path.ends_with("/tests.rs")).collect()
}

/// The top module of a file: `his` of `src/his/mysql.rs`, `policy` of `src/policy.rs`.
fn module(path: &str) -> String {
    let inside = path.strip_prefix("src/").expect("sources lie under src");
    inside.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// Every path from the crate's root that the file names, each with its line: `crate::`, the library's own name, and
/// `super::` where it climbs that far.
fn imports(source: &Source) -> Vec<(usize, Vec<String>)> {
    let code = &source.product;
    let mut found = Vec::new();
    for root in ["crate", "buktor_middleware"] {
        for at in words(code, root) {
            if let Some(rest) = code[at + root.len()..].strip_prefix("::") {
                for path in tree(rest) {
                    found.push((source.line(at), path));
                }
            }
        }
    }
    for at in words(code, "super") {
        if code[..at].ends_with("super::") {
            continue;
        }
        let climbs = code[at..].split("::").take_while(|part| part.trim() == "super").count();
        let mut own = module_path(&source.path);
        own.truncate(own.len().saturating_sub(climbs));
        let rest = code[at..].get("super::".len() * climbs..).unwrap_or_default();
        for path in tree(rest) {
            found.push((source.line(at), own.iter().cloned().chain(path).collect()));
        }
    }
    found
}

/// `his`, `mysql` of `src/his/mysql.rs`; `his` of `src/his/mod.rs`.
fn module_path(path: &str) -> Vec<String> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    inside.split('/').filter(|p| !["mod", "lib", "main"].contains(p)).map(str::to_owned).collect()
}

/// The paths that a use tree's text begins with: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn tree(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    if text.starts_with('{') {
        let inner = &text[1..block_end(text, 0).saturating_sub(1).max(1)];
        return split_outside(inner).into_iter().filter(|p| !p.trim().is_empty()).flat_map(tree).collect();
    }
    let end = text.bytes().position(|b| !is_word(b)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return vec![Vec::new()];
    }
    let Some(deeper) = rest.strip_prefix("::") else { return vec![vec![name.to_owned()]] };
    let join = |path: Vec<String>| std::iter::once(name.to_owned()).chain(path).collect();
    tree(deeper).into_iter().map(join).collect()
}

/// Parts between commas outside braces.
fn split_outside(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0i32);
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Whether the word at that place is a crate: `name::`, not `x::name::`, or `use name`.
fn names_crate(code: &str, at: usize, name: &str) -> bool {
    let before = code[..at].trim_end();
    let after = code[at + name.len()..].trim_start();
    let inside = before.ends_with("::");
    let imported = before.ends_with("use") || before.ends_with("extern crate");
    (after.starts_with("::") && !inside) || imported
}

#[test]
fn use_trees_are_read() {
    let source = |text: &str| Source::new("src/his/mysql.rs".into(), text.to_owned());
    let check = |text: &str, expected: &[&str]| {
        let found: Vec<_> = imports(&source(text)).into_iter().map(|(_, path)| path.join("::")).collect();
        assert_eq!(found, expected, "{text}");
    };
    check(
        "use crate::{model::{event::Seq, outcome::*}, sql};",
        &["model::event::Seq", "model::outcome", "sql"],
    );
    check("fn f() { crate::limits::X; super::error::Y }", &["limits::X", "his::error::Y"]);
    check("use super::super::queue::Queue;", &["queue::Queue"]);
    check("// use crate::queue;\n\"crate::queue\"", &[]);
    check("#[cfg(test)] mod tests { use crate::queue; }", &[]);
    assert!(names_crate("use sqlx;", 4, "sqlx") && names_crate("f(sqlx::x())", 2, "sqlx"));
    assert!(!names_crate("use crate::sqlx::x;", 11, "sqlx"));
}
