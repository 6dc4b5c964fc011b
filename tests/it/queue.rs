//! The queue file as its owner sees it: one daemon at a time, whole, readable by its owner alone, and never
//! thrown away.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::Path,
};

use rusqlite::Connection;
use serde_json::json;

use crate::support::{
    daemon::{EXECUTABLE, Finished, Site, executable, finish},
    mariadb::{His, free_port},
    tables::{VISITS, visit, visits},
    wait_equal,
};

/// A site whose HIS is away, so that what is accepted stays in the queue.
fn without_his() -> Site {
    let section = json!({
        "type": "mysql", "host": "127.0.0.1", "port": free_port(), "user": "nobody", "password": "x",
        "database": "nothing", "tls": "off",
    });
    Site::new(section).mapping(visits())
}

/// Starts a daemon that must end by itself.
fn fails_to_start(site: &Site) -> Finished {
    let mut command = executable(Path::new(EXECUTABLE));
    command.arg("run").arg("--config").arg(site.write_config());
    let done = finish(command, "");
    assert!(![0, -1].contains(&done.code), "it was to refuse: {done:?}");
    assert!(!done.stderr.contains("listening on http"), "it listened first: {done:?}");
    assert!(!done.stderr.contains("panicked"), "{done:?}");
    done
}

/// Writes rubbish over all of a queue file but its first page, by which it is still known as a queue file.
fn damage(path: &Path) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
    assert!(length > 8192, "the queue file is too small to damage: {length} bytes");
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&vec![0xA5; length - 4096]).unwrap();
}

#[test]
fn a_second_daemon_on_the_same_queue_is_refused() {
    let site = without_his();
    let daemon = site.start();
    let done = fails_to_start(&site);
    assert!(done.stderr.contains("queue.db"), "{done:?}");
    daemon.accept(&visit(1, "new"));
    // After a crash nothing is left that would keep the next one out.
    daemon.kill();
    let daemon = site.start();
    assert_eq!(site.count("pending"), 1);
    daemon.stop();
}

#[test]
fn a_newer_queue_is_refused_untouched() {
    let site = without_his();
    let daemon = site.start();
    daemon.accept(&visit(1, "new"));
    daemon.stop();
    let path = site.path("queue.db");
    let queue = Connection::open(&path).unwrap();
    // One file that can be compared to the byte, with no log beside it.
    queue
        .execute_batch(
            "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE; PRAGMA user_version = 9999",
        )
        .unwrap();
    queue.close().unwrap();
    let before = fs::read(&path).unwrap();
    let done = fails_to_start(&site);
    assert!(done.stderr.contains("newer"), "{done:?}");
    assert!(before == fs::read(&path).unwrap(), "the newer queue file was changed");
    // The commands do not touch it either.
    let done = site.cli(&["events", "list"]);
    assert_ne!(done.code, 0, "{done:?}");
    assert!(done.stderr.contains("newer"), "{done:?}");
    assert!(before == fs::read(&path).unwrap(), "a command changed the newer queue file");
}

#[test]
fn a_damaged_queue_stops_the_start_and_is_kept() {
    let site = damaged();
    let path = site.path("queue.db");
    let before = fs::read(&path).unwrap();
    let done = fails_to_start(&site);
    // It says which file, and how to go on without it.
    for word in ["queue.db", "damaged", "on_damage"] {
        assert!(done.stderr.contains(word), "{word}: {done:?}");
    }
    assert!(before == fs::read(&path).unwrap(), "the damaged queue file was changed");
}

#[test]
fn a_damaged_queue_is_set_aside_where_that_is_asked_for() {
    let mut site = damaged();
    let before = fs::read(site.path("queue.db")).unwrap();
    site.merge(json!({"queue": {"on_damage": "start_fresh"}}));
    let daemon = site.start();
    daemon.accept(&visit(500, "new"));
    assert_eq!(site.count("pending"), 1);
    let aside = fs::read_dir(site.path(".")).unwrap().map(|f| f.unwrap().path()).find(|p| {
        let name = p.file_name().unwrap().to_str().unwrap();
        name != "queue.db" && fs::read(p).is_ok_and(|bytes| bytes == before)
    });
    assert!(aside.is_some(), "the damaged file is not there any more");
    let printed = daemon.stop();
    assert!(printed.contains("damaged"), "nobody was told: {printed}");
}

/// A site whose queue holds events and is damaged.
fn damaged() -> Site {
    let site = without_his();
    let daemon = site.start();
    for number in 0..200 {
        daemon.accept(&visit(number, "new"));
    }
    daemon.stop();
    damage(&site.path("queue.db"));
    site
}

#[cfg(unix)]
#[test]
fn files_with_patient_data_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let site = without_his();
    let daemon = site.start();
    daemon.accept(&visit(1, "new"));
    let mut seen = 0;
    for file in fs::read_dir(site.path(".")).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        // The file itself, and what SQLite keeps beside it.
        if name.starts_with("queue.db") {
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode & 0o077, 0, "{name} has mode {mode:o}");
            seen += 1;
        }
    }
    assert!(seen >= 1, "the queue file is not where the configuration says");
}

#[test]
fn the_queue_file_stands_beside_the_configuration_or_in_the_state_directory() {
    let mut site = without_his();
    site.config["queue"] = json!({});
    let state = tempfile::tempdir().unwrap();
    let databases = |folder: &Path| {
        let opens = |path: &Path| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3\0"));
        fs::read_dir(folder).unwrap().filter(|f| opens(&f.as_ref().unwrap().path())).count()
    };
    site.start().stop();
    assert_eq!((databases(&site.path(".")), databases(state.path())), (1, 0));
    let mut command = executable(Path::new(EXECUTABLE));
    command.arg("run").arg("--config").arg(site.write_config()).env("STATE_DIRECTORY", state.path());
    crate::support::daemon::Daemon::start(command).stop();
    assert_eq!((databases(&site.path(".")), databases(state.path())), (1, 1));
}

#[test]
fn events_outlive_a_stop_and_a_kill() {
    let his = His::shared();
    let section = his.section();
    let mut site = without_his();
    let daemon = site.start();
    daemon.accept(&visit(1, "new"));
    daemon.stop();
    let daemon = site.start();
    daemon.accept(&visit(2, "new"));
    daemon.kill();
    let daemon = site.start();
    daemon.accept(&visit(3, "new"));
    assert_eq!(site.count("pending"), 3);
    daemon.stop();
    his.sql(VISITS);
    site.config["database"] = section;
    let _daemon = site.start();
    his.wait_rows("SELECT id FROM visits ORDER BY id", &["1", "2", "3"]);
    wait_equal("nothing is left over", &0, || site.count("pending"));
}
