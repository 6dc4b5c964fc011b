//! `events link`: the crosswalk as an operator sees it and puts it right; and records that events wait for. The queue file is
//! filled through the library.

use buktor_middleware::{
    config::QueueKey,
    model::{
        clock::Timestamp,
        entity::Entity,
        event::{EventKind, EventState, RawEvent, Sender},
        outcome::{LinkChange, Rejection, Settlement},
    },
    queue::{Proposal, Queue, QueueOptions},
};
use serde_json::{Value, json};

use crate::support::{
    daemon::Site,
    mariadb::free_port,
    tables::{visit, visits},
};

/// A site whose HIS is away: nothing here asks it.
fn site() -> Site {
    let section = json!({
        "type": "mysql", "host": "127.0.0.1", "port": free_port(), "user": "nobody", "password": "x",
        "database": "his", "tls": "off",
    });
    Site::new(section).mapping(visits())
}

/// The name of a site's database.
fn place(site: &Site) -> String {
    format!("mysql his on 127.0.0.1:{}", site.config["database"]["port"])
}

fn record(name: &str, key: &str) -> Entity {
    Entity::linked("his.VISITS", name, [key])
}

/// Settles an event for each of these; a link is set, or proposed.
fn fill(site: &Site, database: &str, links: &[(Entity, &str, bool)], awaits: &[&str]) {
    let options = QueueOptions {
        path: site.path("queue.db"),
        events_max: 1000,
        free_bytes_min: 0,
        replace_damaged: false,
        encrypt: false,
        key: QueueKey::File(site.path("queue.key")),
    };
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let queue = Queue::open(options).unwrap().0;
        for number in 0..awaits.len().max(1) {
            let digest = [u8::try_from(number).unwrap(); 16];
            queue.append(event(digest)).await.unwrap();
        }
        queue.links_of(database.to_owned()).await.unwrap();
        let page = queue.claim(None, 1000).await.unwrap();
        let mut settlements: Vec<Settlement> = Vec::new();
        for (index, event) in page.events.iter().enumerate() {
            let missing = awaits.get(index);
            settlements.push(Settlement {
                seq: event.seq,
                state: if missing.is_some() { EventState::Parked } else { EventState::Applied },
                counted: true,
                replay: false,
                next_at: None,
                reason: missing.map(|_| Rejection { cause: "missing".into(), message: "no such row".into() }),
                entity: None,
                wrote: Vec::new(),
                links: Vec::new(),
                awaits: missing.map(|awaits| (*awaits).to_owned()),
            });
        }
        for (entity, row, confirmed) in links {
            if *confirmed {
                settlements[0].links.push((entity.clone(), LinkChange::Set((*row).to_owned())));
            } else {
                let proposal = Proposal {
                    entity: entity.clone(),
                    his_key: (*row).to_owned(),
                    proof: 1,
                    by: buktor_middleware::model::event::Seq(1),
                    instead_of: None,
                };
                queue.propose(vec![proposal], Timestamp(0)).await.unwrap();
            }
        }
        queue.settle(page.claim, settlements, Timestamp(1_700_000_000_000_000)).await.unwrap();
        queue.close().await;
    });
}

fn event(digest: [u8; 16]) -> RawEvent {
    RawEvent {
        id: None,
        kind: EventKind("visit".into()),
        operation: None,
        occurred_at: None,
        received_at: Timestamp(1),
        sender: Sender::LOCAL,
        body: b"{}".to_vec(),
        digest,
    }
}

/// Name, key, row and state of what is listed.
fn rows(list: &Value) -> Vec<String> {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let row = |r: &Value| {
        let keys: Vec<_> = r["key"].as_array().unwrap().iter().map(text).collect();
        format!("{} {} {} {}", text(&r["name"]), keys.join(" "), text(&r["row"]), text(&r["state"]))
    };
    list.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn links_are_listed_and_shown() {
    let site = site();
    let bill = Entity::linked("his.BILLS", "visit", ["1"]);
    let two_keys = Entity::linked("his.VISITS", "note", ["1", "b"]);
    let links = [
        (record("visit", "2"), "17", true),
        (record("visit", "1"), "17", true),
        (record("visit", "3"), "18", false),
        (bill, "17", true),
        (two_keys, "5", true),
    ];
    fill(&site, &place(&site), &links, &[]);
    let list = |args: &[&str]| rows(&site.json(&[&["events", "link", "--json"], args].concat()));
    let (one, two, three) = ("visit 1 17 confirmed", "visit 2 17 confirmed", "visit 3 18 proposed");
    assert_eq!(list(&[]), [one, "note 1 b 5 confirmed", one, two, three]);
    assert_eq!(list(&["visit"]), [one, one, two, three]);
    assert_eq!(list(&["visit", "--table", "visits"]), [one, two, three]);
    assert_eq!(list(&["visit", "--table", "his.visits", "--limit", "2"]), [one, two]);
    assert_eq!(list(&["--row", "17"]), [one, one, two]);
    assert_eq!(list(&["visit", "1"]), [one, one]);
    assert_eq!(list(&["visit", "1", "--table", "BILLS"]), [one]);
    assert_eq!(list(&["note", "1", "b"]), ["note 1 b 5 confirmed"]);
    assert_eq!(list(&["nobody"]), [""; 0]);
    let said = site.cli(&["events", "link", "--limit", "1"]).assert_code(0);
    assert!(said.contains("his.BILLS") && said.contains("--limit"), "{said}");
    let said = site.cli(&["events", "link", "visit", "2"]).assert_code(0);
    assert!(said.contains("confirmed") && said.contains("visit 1 is linked to row 17 too"), "{said}");
    let said = site.cli(&["events", "link", "visit", "9"]).assert_code(1);
    assert!(said.contains("visit 9 is not linked"), "{said}");
    site.cli(&["events", "link", "--to", "5"]).assert_code(2);
    site.cli(&["events", "link", "visit", "1", "--to", "5", "--remove"]).assert_code(2);
}

#[test]
fn a_link_is_changed_beside_the_daemon() {
    let site = site();
    let links = [(record("visit", "1"), "17", true), (record("visit", "2"), "18", true)];
    fill(&site, &place(&site), &links, &[]);
    let daemon = site.start();
    daemon.accept(&visit(1, "new"));
    let link = |args: &[&str]| site.cli(&[&["events", "link", "visit"], args].concat());
    let is = |key: &str| rows(&site.json(&["events", "link", "visit", key, "--json"])).pop().unwrap();

    // A record that had none, by the one table that is known.
    let said = link(&["3", "--to", "19"]).assert_code(0);
    assert!(said.contains("visit 3 in his.VISITS: was not linked, is row 19 now"), "{said}");
    // Nobody is there to be asked.
    let said = link(&["3", "--to", "20"]).assert_code(2);
    assert!(said.contains("visit 3 is row 19") && said.contains("--yes"), "{said}");
    let said = link(&["3", "--to", "20", "--yes"]).assert_code(0);
    assert!(said.contains("was row 19, is row 20 now"), "{said}");
    // Another record has the row.
    let said = link(&["3", "--to", "17"]).assert_code(1);
    assert!(said.contains("row 17 of his.VISITS is linked to visit 1 already"), "{said}");
    assert_eq!(is("3"), "visit 3 20 confirmed");
    let changed = site.json(&["events", "link", "visit", "3", "--to", "17", "--yes", "--json"]);
    assert_eq!((&changed["was"]["row"], &changed["is"]["row"]), (&json!("20"), &json!("17")), "{changed}");
    assert_eq!(is("1"), "visit 1 17 confirmed");
    // As it is already.
    link(&["2", "--to", "18"]).assert_code(0);

    let said = link(&["2", "--remove"]).assert_code(2);
    assert!(said.contains("insert a new row"), "{said}");
    let said = link(&["2", "--remove", "--yes"]).assert_code(0);
    assert!(said.contains("was row 18, is not linked now"), "{said}");
    link(&["2", "--remove", "--yes"]).assert_code(1);
    link(&["2"]).assert_code(1);
    let said = site.cli(&["events", "link", "bill", "1", "--to", "1"]).assert_code(1);
    assert!(said.contains("generated_key"), "{said}");
    assert_eq!(site.count("pending"), 1, "the daemon goes on");
    daemon.stop();
}

#[test]
fn links_of_another_database_are_left_alone() {
    let mut site = site();
    let old = place(&site);
    fill(&site, &old, &[(record("visit", "1"), "17", true)], &[]);
    site.config["database"]["database"] = json!("clinic");
    site.config["database"]["port"] = json!(free_port());
    let said = site.cli(&["events", "link", "visit", "1", "--to", "18", "--yes"]).assert_code(1);
    assert!(said.contains(&old) && said.contains("--same-database"), "{said}");
    assert!(site.cli(&["events", "link"]).assert_code(0).contains("--same-database"));
    site.cli(&["events", "link", "--same-database"]).assert_code(2);
    let said = site.cli(&["events", "link", "--same-database", "--yes"]).assert_code(0);
    assert!(said.contains(&old) && said.contains("mysql clinic on"), "{said}");
    // Its tables go by the new name, too.
    let said = site.cli(&["events", "link", "visit", "1", "--to", "18", "--yes"]).assert_code(0);
    assert!(said.contains("visit 1 in clinic.VISITS: was row 17, is row 18 now"), "{said}");
    let same = site.json(&["events", "link", "--same-database", "--json"]);
    assert_eq!(same["was"], same["is"], "{same}");
}

#[test]
fn missing_records_are_told_with_their_events() {
    let site = site();
    let doctor = |value: &str| format!("DOCTORS\u{1f}BUKTOR_CODE\u{1f}\u{1f}{value}");
    let (seven, three) = (doctor("D7"), doctor("D3"));
    fill(&site, "x", &[], &[&seven, &three, &seven]);
    let said = site.cli(&["events", "show", "3"]).assert_code(0);
    assert!(said.contains("waits for   DOCTORS.BUKTOR_CODE = D7 (2 events wait for it)"), "{said}");
    assert!(said.contains("enter the missing record"), "{said}");
    assert!(site.cli(&["events", "show", "2"]).assert_code(0).contains("D3 (1 event waits for it)"));
    let shown = site.json(&["events", "show", "1", "--json"]);
    assert_eq!(shown["awaits"], json!({"record": "DOCTORS.BUKTOR_CODE = D7", "events": 2}));
    for command in [&["status"][..], &["events", "list"]] {
        let said = site.cli(command).assert_code(0);
        let lines: Vec<_> = said.lines().filter(|l| l.contains("DOCTORS")).collect();
        assert_eq!(lines, ["2       DOCTORS.BUKTOR_CODE = D7", "1       DOCTORS.BUKTOR_CODE = D3"], "{said}");
    }
    let status = site.json(&["status", "--json"]);
    assert_eq!(status["queue"]["awaiting"][1], json!({"record": "DOCTORS.BUKTOR_CODE = D3", "events": 1}));
    site.cli(&["events", "retry", "--all"]).assert_code(0);
    assert_eq!(site.json(&["status", "--json"])["queue"]["awaiting"], json!([]));
}
