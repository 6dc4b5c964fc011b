//! Values of SQL Server's types: at the edges of what they hold, just beyond, and as keys.

use serde_json::{Value, json};

use super::{
    his::{His, Kind},
    rows::{send, site},
};

fn his() -> His {
    His::create(Kind::SqlServer)
}

/// Column, value, and what stands in the row then.
fn taken() -> [(&'static str, Value, &'static str); 23] {
    [
        ("tiny", json!(255), "255"),
        ("bits", json!(1), "1"),
        ("bits", json!(false), "0"),
        ("big", json!(i64::MIN), "-9223372036854775808"),
        (
            "d38",
            json!("0.99999999999999999999999999999999999999"),
            "0.99999999999999999999999999999999999999",
        ),
        ("d38", json!("1e-38"), "0.00000000000000000000000000000000000001"),
        ("fee", json!("-922337203685477.5808"), "-922337203685477.5808"),
        ("old", json!("9999-12-31T23:59:59.999"), "9999-12-31 23:59:59.997"),
        ("old", json!("1753-01-01T00:00:00"), "1753-01-01 00:00:00"),
        ("fine", json!("0001-01-01T00:00:00"), "0001-01-01 00:00:00"),
        ("fine", json!("9999-12-31T23:59:59.9999999"), "9999-12-31 23:59:59.999999"),
        ("sec", json!("23:59:59.9999"), "23:59:59"),
        ("one", json!("é"), "é"),
        ("one", json!(""), ""),
        ("code", json!("AB"), "AB  "),
        ("cyr", json!("Иван"), "Иван"),
        ("f", json!("1.5e-300"), "1"),
        ("raw", json!("abcd"), "1"),
        ("nt", json!("漢字"), "漢字"),
        ("img", json!("漢字"), "1"),
        ("nt", json!(null), "NULL"),
        ("raw", json!(null), "NULL"),
        ("moment", json!(null), "NULL"),
    ]
}

/// Column and value.
fn refused() -> [(&'static str, Value); 16] {
    [
        ("tiny", json!(-1)),
        ("tiny", json!(256)),
        ("bits", json!(2)),
        ("big", json!("9223372036854775808")),
        ("d38", json!("1")),
        ("fee", json!("1.00001")),
        ("fee", json!("922337203685477.5808")),
        ("fine", json!("9999-12-31T23:59:59-10:00")),
        ("moment", json!("10000-01-01T00:00:00Z")),
        ("one", json!("😀")),
        ("code", json!("ABCDE")),
        ("cyr", json!("😀")),
        ("f", json!("NaN")),
        ("f", json!("1e309")),
        ("r", json!("3.5e38")),
        ("raw", json!("漢字")),
    ]
}

#[test]
fn values_at_the_edges_of_their_types() {
    let his = his();
    his.run(
        "CREATE TABLE edges (id VARCHAR(10) NOT NULL PRIMARY KEY, tiny TINYINT, bits BIT, big BIGINT, d38 DECIMAL(38,38),
         fee MONEY, old DATETIME, minute SMALLDATETIME, sec TIME(0), fine DATETIME2(7), moment DATETIMEOFFSET(0),
         one NVARCHAR(1), code CHAR(4), cyr VARCHAR(4) COLLATE Cyrillic_General_CI_AS,
         f FLOAT, r REAL, raw VARBINARY(4), nt NTEXT, img IMAGE)",
    );
    let fields = [
        "tiny", "bits", "big", "d38", "fee", "old", "minute", "sec", "fine", "moment", "one", "code", "cyr",
        "f", "r", "raw", "nt", "img",
    ];
    let mut mapped: serde_json::Map<String, serde_json::Value> =
        fields.iter().map(|f| ((*f).to_owned(), json!(f))).collect();
    mapped.insert("edge_id".into(), json!("id"));
    let site = site(&his, json!({"edge": {"table": "edges", "key": "edge_id", "fields": mapped}}))
        .with(json!({"database": {"timezone": "America/New_York"}}));
    let daemon = site.start();
    let mut count = 0;
    let mut sent = |field: &str, value: &serde_json::Value| {
        count += 1;
        let id = format!("e{count}");
        send(&daemon, &id, &json!({"event_type": "edge", "edge_id": id, field: value}));
        id
    };
    let takes = taken().map(|(field, value, expected)| (sent(field, &value), field, expected));
    for (id, field, expected) in takes {
        site.wait_state(&id, "applied");
        let shown = match field {
            "fee" => "CAST(fee AS DECIMAL(19,4))".to_owned(),
            "f" => "CASE WHEN f = 1.5e-300 THEN 1 ELSE 0 END".to_owned(),
            "raw" => "CASE WHEN raw = 0x61626364 THEN 1 END".to_owned(),
            "img" => "CASE WHEN CAST(img AS VARBINARY(MAX)) = 0xE6BCA2E5AD97 THEN 1 END".to_owned(),
            "nt" => "CAST(nt AS NVARCHAR(MAX))".to_owned(),
            "moment" => "CAST(moment AS NVARCHAR(40))".to_owned(),
            _ => field.to_owned(),
        };
        his.assert_rows(&format!("SELECT {shown} FROM edges WHERE id = '{id}'"), &[expected]);
    }
    let refused = refused().map(|(field, value)| (sent(field, &value), field, value));
    for (id, field, value) in refused {
        let event = site.wait_state(&id, "parked");
        assert!(!event["cause"].as_str().unwrap().starts_with("sqlserver-"), "{field} {value}: {event}");
    }
    for (field, value) in
        [("moment", json!("9999-12-31T23:59:59Z")), ("moment", json!("0001-01-01T00:00:00Z"))]
    {
        let id = sent(field, &value);
        site.wait_state(&id, "applied");
    }
    let long = "ж".repeat(300_000);
    let id = sent("nt", &json!(long));
    site.wait_state(&id, "applied");
    his.assert_rows(
        &format!("SELECT LEN(CAST(nt AS NVARCHAR(MAX))) FROM edges WHERE id = '{id}'"),
        &["300000"],
    );
}

#[test]
fn keys_of_every_type_find_their_row() {
    let his = his();
    let keys = [
        ("CHAR(6)", json!("A1"), json!("A1   ")),
        ("VARCHAR(6)", json!("A1"), json!("a1 ")),
        ("NVARCHAR(6)", json!("Жа"), json!("жа")),
        ("NCHAR(6)", json!("Жа"), json!("Жа")),
        ("VARCHAR(6) COLLATE Cyrillic_General_CS_AS", json!("Жа"), json!("Жа  ")),
        ("DATETIME", json!("2026-03-05T09:00:00.001"), json!("2026-03-05T09:00:00Z")),
        ("SMALLDATETIME", json!("2026-03-05T09:00:59"), json!("2026-03-05T09:00:00")),
        ("DATETIME2(3)", json!("2026-03-05T09:00:00.1239"), json!("2026-03-05T09:00:00.123")),
        ("DATETIMEOFFSET(0)", json!("2026-03-05T09:00:00+05:30"), json!("2026-03-05T03:30:00Z")),
        ("TIME(2)", json!("09:00:00.129"), json!("09:00:00.12")),
        ("DATE", json!("2026-03-05"), json!("2026-03-05T23:00:00")),
        ("DECIMAL(12,4)", json!("1.5"), json!("1.5000")),
        ("MONEY", json!("1.5"), json!(1.5)),
        ("FLOAT", json!(0.1), json!("0.1")),
        ("REAL", json!(0.1), json!("0.1")),
        ("BIGINT", json!("9223372036854775807"), json!(i64::MAX)),
        ("BIT", json!(true), json!(1)),
        (
            "UNIQUEIDENTIFIER",
            json!("6f9619ff-8b86-d011-b42d-00c04fc964ff"),
            json!("6F9619FF8B86D011B42D00C04FC964FF"),
        ),
        ("VARBINARY(6)", json!("A1"), json!("A1")),
        ("BINARY(6)", json!("A1"), json!("A1")),
    ];
    let mut mapping = serde_json::Map::new();
    for (index, (kind, ..)) in keys.iter().enumerate() {
        let table = format!("keyed{index}");
        his.run(&format!(
            "CREATE TABLE {table} (k {kind} NOT NULL PRIMARY KEY, note NVARCHAR(40), once INT)"
        ));
        mapping.insert(
            table.clone(),
            json!({"table": table, "key": "k", "fields": {"k": "k", "note": "note",
            "n": {"column": "once", "write": "if_null"}}}),
        );
    }
    let site = site(&his, mapping.into());
    let daemon = site.start();
    for round in ["first", "second"] {
        for (index, (_, first, second)) in keys.iter().enumerate() {
            let key = if round == "first" { first } else { second };
            let n = if round == "first" { json!(null) } else { json!(7) };
            let event = json!({"event_type": format!("keyed{index}"), "k": key, "note": round, "n": n});
            send(&daemon, &format!("{round}{index}"), &event);
        }
    }
    for (index, (kind, ..)) in keys.iter().enumerate() {
        for round in ["first", "second"] {
            site.wait_state(&format!("{round}{index}"), "applied");
        }
        let rows = his.rows(&format!("SELECT note, once FROM keyed{index}"));
        assert_eq!(rows, ["second|7"], "{kind}");
    }
}
