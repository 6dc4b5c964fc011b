//! Secrets as the executable has them: never printed wherever somebody puts them, handed over by systemd, and warned about
//! where others can read them; and what `check` says of doors that stand open.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::support::{
    daemon::{EXECUTABLE, Finished, Site, executable, finish},
    wait_until,
};

const TOKEN: &str = "kT8vQ2nZr5xW1mB7";
const OTHER: &str = "c4Lw9XsD0pYqJ6uHeG";

/// A site on an embedded HIS, whose mapping has nothing to say.
fn site() -> Site {
    let site = Site::new(json!({"type": "sqlite", "path": "his.db"}));
    rusqlite::Connection::open(site.path("his.db"))
        .unwrap()
        .execute_batch("CREATE TABLE a (id TEXT)")
        .unwrap();
    site.mapping(json!({"a": {"ignore": true}}))
}

fn with_environment(site: &Site, args: &[&str], environment: &[(&str, &Path)]) -> Finished {
    let mut command = executable(Path::new(EXECUTABLE));
    command.args(args).arg("--config").arg(site.write_config());
    command.envs(environment.iter().copied());
    finish(command, "")
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What `check --json` found at a key, as `severity: message`.
fn found(site: &Site, at: &str) -> Vec<String> {
    let report = site.json(&["check", "--json"]);
    let of = |finding: &Value| {
        format!("{}: {}", finding["severity"].as_str().unwrap(), finding["message"].as_str().unwrap())
    };
    report["findings"].as_array().unwrap().iter().filter(|f| f["at"] == at).map(of).collect()
}

#[test]
fn no_command_prints_a_secret_wherever_it_stands() {
    let check = |at: &str, value: Value| {
        let mut site = site();
        site.config["database"] =
            json!({"type": "mysql", "host": "127.0.0.1:1", "user": "u", "password": "x", "database": "d"});
        site.merge(json!({"auth": {}, "queue": {"encrypt": true}}));
        let (section, key) = at.split_once('.').unwrap();
        site.config[section][key] = value;
        for args in [&["run"][..], &["check"], &["check", "--json"], &["status"], &["send"]] {
            // A good configuration would run until it is stopped.
            if args == ["run"] && site.cli(&["check"]).code != 78 {
                continue;
            }
            let done = site.cli(args);
            let printed = format!("{}{}{}", done.stdout, done.stderr, site.log());
            assert!(!printed.contains(TOKEN), "{args:?} printed the secret of {}:\n{printed}", site.config);
        }
    };
    for at in ["database.password", "auth.bearer_tokens", "auth.signing_secrets", "queue.key"] {
        for value in [
            json!(TOKEN),
            json!([[TOKEN]]),
            json!({"env": TOKEN}),
            json!({"file": TOKEN, "env": 5}),
            json!({"credential": TOKEN}),
            json!({"dpapi": TOKEN}),
            json!({"password": TOKEN}),
            json!({"name": "n", "secret": {"enf": TOKEN}}),
            json!({TOKEN: TOKEN}),
        ] {
            check(at, value);
        }
    }
}

#[test]
fn systemd_hands_secrets_over() {
    let mut site = site();
    site.merge(json!({"auth": {"bearer_tokens": {"credential": "buktor-token"}}}));
    let without = site.cli(&["check"]);
    let said = without.assert_code(78);
    assert!(said.contains("auth.bearer_tokens: ") && said.contains("LoadCredential=NAME:FILE"), "{said}");

    let folder: PathBuf = site.path("credentials");
    fs::create_dir(&folder).unwrap();
    let run = |site: &Site| with_environment(site, &["check"], &[("CREDENTIALS_DIRECTORY", &folder)]);
    let said = run(&site).assert_code(78);
    assert!(said.contains("has handed over no credential of this name"), "{said}");
    fs::write(folder.join("buktor-token"), "short\n").unwrap();
    let said = run(&site).assert_code(78);
    assert!(said.contains("fewer than 16 characters"), "{said}");
    fs::write(folder.join("buktor-token"), format!("{TOKEN}\n")).unwrap();
    let said = run(&site).assert_code(0);
    assert!(!said.contains(TOKEN) && !said.contains("no credentials are configured"), "{said}");
    // Windows' own means are told to be that.
    site.config["auth"]["bearer_tokens"] = json!({"dpapi": "AQAA"});
    let said = run(&site).assert_code(78);
    assert!(said.contains("is for Windows alone"), "{said}");
}

#[test]
fn files_that_everybody_can_read_are_warned_about() {
    let mut site = site();
    site.merge(json!({"auth": {"bearer_tokens": [TOKEN, {"name": "b", "secret": {"file": "token.txt"}}]}}));
    fs::write(site.path("token.txt"), OTHER).unwrap();
    let config = site.write_config();
    let at = "auth.bearer_tokens.0";
    let check = |config_mode, file_mode, expected: [Option<&str>; 2]| {
        mode(&config, config_mode);
        mode(&site.path("token.txt"), file_mode);
        for (at, expected) in [at, "auth.bearer_tokens.1.secret"].into_iter().zip(expected) {
            let found = found(&site, at);
            match expected {
                None => assert!(found.is_empty(), "{found:?}"),
                Some(words) => assert!(found.len() == 1 && found[0].contains(words), "{words}: {found:?}"),
            }
        }
    };
    check(0o600, 0o600, [None, None]);
    check(
        0o640,
        0o600,
        [Some("note: this file holds secrets (auth.bearer_tokens.0), and all members of its group"), None],
    );
    check(
        0o644,
        0o604,
        [
            Some(
                "warning: this file holds secrets (auth.bearer_tokens.0), and every account of this machine can read it (mode 644); run: chmod o-rwx '",
            ),
            Some("token.txt holds a secret, and every account of this machine can read it (mode 604)"),
        ],
    );
    check(0o602, 0o600, [Some("can read or change it (mode 602)"), None]);

    // The daemon says it once, in its log.
    mode(&config, 0o644);
    let daemon = site.start();
    wait_until("the log tells of the file", || site.log().contains("holds secrets"));
    let printed = daemon.stop();
    assert_eq!(site.log().matches("holds secrets").count(), 1, "{}", site.log());
    assert!(!format!("{printed}{}", site.log()).contains(TOKEN), "{printed}");
    mode(&config, 0o600);
    fs::remove_dir_all(site.path("log")).unwrap();
    site.start().stop();
    assert!(!site.log().contains("holds secrets"), "{}", site.log());

    // Without a secret in it, anybody may read it; a key is looked at wherever it is.
    site.config["auth"]["bearer_tokens"] = json!({"file": "token.txt"});
    site.merge(json!({"queue": {"encrypt": true, "key": {"file": "queue.key"}}}));
    mode(&site.write_config(), 0o644);
    assert!(found(&site, "auth.bearer_tokens").is_empty());
    fs::write(site.path("queue.key"), TOKEN.repeat(2)).unwrap();
    mode(&site.path("queue.key"), 0o644);
    let words = found(&site, "queue.key");
    assert!(
        words.len() == 1 && words[0].starts_with("warning: ") && words[0].contains("queue.key holds"),
        "{words:?}"
    );
}

#[test]
fn check_tells_which_doors_stand_open() {
    let mut site = site();
    let auth = |site: &Site| found(site, "auth");
    assert!(
        auth(&site)[0].contains("no credentials are configured: anyone who can reach this port"),
        "{:?}",
        auth(&site)
    );
    site.merge(json!({"auth": {"bearer_tokens": TOKEN}}));
    assert_eq!(auth(&site), ["note: events need a token (\"token 1\")"]);
    assert!(found(&site, "server.listen").is_empty());
    site.merge(json!({"server": {"listen": "0.0.0.0:0"}}));
    let words = found(&site, "server.listen");
    assert!(
        words.len() == 1 && words[0].starts_with("warning: tokens and events come over the network in clear"),
        "{words:?}"
    );
    let words = |site: &Site| found(site, "auth.allowed_addresses");
    site.merge(json!({"auth": {"allowed_addresses": "203.0.113.7"}}));
    assert!(words(&site)[0].starts_with("note: where a proxy forwards requests"), "{:?}", words(&site));
    site.merge(json!({"server": {"listen": "127.0.0.1:0"}}));
    assert!(
        words(&site)[0].starts_with("note: what reaches 127.0.0.1 comes from this machine"),
        "{:?}",
        words(&site)
    );
    site.merge(json!({"auth": {"trusted_proxies": "127.0.0.1"}}));
    assert!(words(&site).is_empty(), "{:?}", words(&site));
    // Warnings and notes are no problems.
    site.cli(&["check"]).assert_code(0);
    site.config["auth"] = json!({"allow_unauthenticated": true, "bearer_tokens": TOKEN});
    let said = site.cli(&["check"]).assert_code(78);
    assert!(said.contains("auth.allow_unauthenticated: is true, which means that nobody is asked"), "{said}");
}

#[test]
fn secret_protect_says_what_there_is_here() {
    let mut command = executable(Path::new(EXECUTABLE));
    command.args(["secret", "protect"]);
    let done = finish(command, TOKEN);
    let said = done.assert_code(2);
    assert!(said.contains("systemd-creds encrypt") && said.contains("LoadCredentialEncrypted="), "{said}");
    assert!(done.stdout.is_empty() && !said.contains(TOKEN), "{said}");
}
