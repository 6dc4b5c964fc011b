//! The file: its tables, and one that cannot be used.

use std::path::Path;

use crate::{
    his::{
        self,
        sqlite::tests::{Place, database},
    },
    model::{
        outcome::FaultClass,
        table::{Calendar, ColumnType, Filled, TableName},
    },
};

#[tokio::test]
async fn tables_are_described() {
    let place = Place::new();
    let mut his = place.connect().await;
    let names: Vec<TableName> =
        ["his_appointments", "main.HIS_patients", "notes", "latest", "odd \"name`s.x", "HIS_apointments"]
            .map(|name| TableName(name.to_owned()))
            .to_vec();
    let schema = his.describe(&names).await.expect("described");
    let near = schema.missing.get(&names[5]).expect("missing");
    assert_eq!(near.first().map(String::as_str), Some("HIS_appointments"));

    let table = &schema.tables[&names[0]];
    assert_eq!((table.name.as_str(), table.view, table.insert_triggers), ("HIS_appointments", false, false));
    assert_eq!(table.references, ["HIS_patients"]);
    let filled: Vec<_> = table.columns.iter().map(|column| (column.name.0.as_str(), column.filled)).collect();
    assert_eq!(
        filled,
        [
            ("id", Filled::ByCounter),
            ("buktor_id", Filled::ByNobody),
            ("status", Filled::ByNobody),
            ("patient_id", Filled::ByDefault),
            ("fee", Filled::ByDefault),
            ("starts", Filled::ByDefault),
            ("label", Filled::ByExpression),
        ]
    );
    assert_eq!(table.columns[5].kind, ColumnType::DateTime { fraction: 0, calendar: Calendar::Full });
    let unique: Vec<_> = table.unique.iter().map(|u| (u.primary, u.safe, u.columns[0].0.as_str())).collect();
    assert_eq!(unique, [(true, true, "id"), (false, true, "buktor_id")]);

    assert!(schema.tables[&names[1]].insert_triggers);
    let notes = &schema.tables[&names[2]];
    assert_eq!(
        notes.primary_key(),
        [crate::model::table::ColumnName("a".into()), crate::model::table::ColumnName("c".into())]
    );
    let safe: Vec<_> = notes.unique.iter().filter(|u| u.safe).map(|u| u.name.as_str()).collect();
    assert_eq!(safe, ["PRIMARY"]);
    assert_eq!(notes.unique.len(), 4);
    assert!(schema.tables[&names[3]].view);
    assert_eq!(schema.tables[&names[4]].columns[0].name.0, "väl ue");
}

#[tokio::test]
async fn files_that_cannot_be_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = async |path: &Path, words: &str| {
        let Err(error) = his::connect(&database(path)).await else { panic!("{} opened", path.display()) };
        assert_eq!(error.class, FaultClass::Login);
        assert!(error.message.contains(words), "{error}");
    };
    check(&folder.path().join("none.sqlite"), "does not exist").await;
    check(folder.path(), "cannot be used").await;
    let text = folder.path().join("text.sqlite");
    std::fs::write(
        &text,
        "this is no database, whatever its name may say; it is far too long for an empty one",
    )
    .expect("written");
    check(&text, "not a database").await;
    assert!(!folder.path().join("none.sqlite").exists(), "the file is never created");
}

#[tokio::test]
async fn a_deleted_file_is_noticed() {
    let place = Place::new();
    let mut his = place.connect().await;
    his.ping().await.expect("alive");
    if std::fs::remove_file(place.path()).is_err() {
        return; // Windows
    }
    assert_eq!(his.ping().await.expect_err("deleted").class, FaultClass::Unreachable);
    assert_eq!(his.begin().await.expect_err("deleted").class, FaultClass::Unreachable);
}
