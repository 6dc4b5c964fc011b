//! Statements by table: which names are found in them, and which are refused.

use proptest::prelude::*;

use super::*;
use crate::sql::ident::{MYSQL, SQLITE};

/// The rendered SQL and the names behind it, or the error.
fn read(sql: &str, dialect: &Dialect) -> String {
    match parse(sql, dialect) {
        Err(error) => format!("! {error}"),
        Ok(parsed) => {
            let (sql, names) = parsed.render(dialect);
            if names.is_empty() { sql } else { format!("{sql} <- {}", names.join(" ")) }
        }
    }
}

#[test]
fn names_are_found() {
    let check = |sql: &str, expected: &str| {
        for dialect in [&MYSQL, &SQLITE] {
            assert_eq!(read(sql, dialect), expected, "{} {sql}", dialect.name);
        }
    };
    check("CALL book(:appointment_id, :start)", "CALL book(?, ?) <- appointment_id start");
    check("CALL book(:a,:a)", "CALL book(?,?) <- a a");
    check("CALL p(:patient_info.patient_id)", "CALL p(?) <- patient_info.patient_id");
    check("CALL p(:slots.0.start)", "CALL p(?) <- slots.0.start");
    check("CALL p(:$patient.generated_key)", "CALL p(?) <- $patient.generated_key");
    check("CALL p(:_a1.)", "CALL p(?.) <- _a1");
    check("CALL p(:a..b)", "CALL p(?..b) <- a");
    check("DELETE FROM t WHERE a=:a", "DELETE FROM t WHERE a=? <- a");
    check("SELECT 12:30", "SELECT 12:30");
    check("SELECT a:b", "SELECT a:b");
    check("SELECT ä:b", "SELECT ä:b");
    check("SELECT :a:b", "SELECT ?:b <- a");
    check("SELECT x::text, :::y", "SELECT x::text, :::y");
    check("SELECT @x:=:a, @y := 1", "SELECT @x:=?, @y := 1 <- a");
    check("SELECT : a, :1, :", "SELECT : a, :1, :");
    check("SELECT ':a' , :b", "SELECT ':a' , ? <- b");
    check("SELECT 'it''s :a', :b", "SELECT 'it''s :a', ? <- b");
    check("SELECT \":a\"\":b\", :c", "SELECT \":a\"\":b\", ? <- c");
    check("SELECT `:a``:b`, :c", "SELECT `:a``:b`, ? <- c");
    check("SELECT '?;' /* ? ; :a ' */ , :b", "SELECT '?;' /* ? ; :a ' */ , ? <- b");
    check("SELECT 1 -- it's :a\n, :b", "SELECT 1 -- it's :a\n, ? <- b");
    check("SELECT 1 --\n, :b", "SELECT 1 --\n, ? <- b");
    check("SELECT /*/ :a */ :b", "SELECT /*/ :a */ ? <- b");
    check("SELECT /* /* :a */ :b", "SELECT /* /* :a */ ? <- b");
    check("  INSERT INTO t VALUES (:a) ; -- done", "  INSERT INTO t VALUES (?)  <- a");
    check("CALL p();", "CALL p()");
    check("CALL p()\n;\n /* x */ ", "CALL p()\n");
    check("(SELECT :a)", "(SELECT ?) <- a");
    check("/* why */ call p(:a)", "/* why */ call p(?) <- a");
    check("SET @writer = :source", "SET @writer = ? <- source");
    check("set @`a b` = CONCAT(:a, :b)", "set @`a b` = CONCAT(?, ?) <- a b");
    check("UPDATE t SET a = :a, b = :b", "UPDATE t SET a = ?, b = ? <- a b");
}

#[test]
fn databases_differ() {
    let check = |sql: &str, mysql: &str, sqlite: &str| {
        assert_eq!(read(sql, &MYSQL), mysql, "mysql {sql}");
        assert_eq!(read(sql, &SQLITE), sqlite, "sqlite {sql}");
    };
    let same = |sql: &str, both: &str| check(sql, both, both);
    check(
        r"SELECT 'a\' :b', :c",
        r"SELECT 'a\' :b', ? <- c",
        "! line 1, column 15: the ' is not closed; write ' where the quoted text ends",
    );
    check(
        r#"SELECT "\" :b", :c"#,
        r#"SELECT "\" :b", ? <- c"#,
        "! line 1, column 14: the \" is not closed; write \" where the quoted text ends",
    );
    same(r"SELECT 'a\\', :c", r"SELECT 'a\\', ? <- c");
    same(r"SELECT `a\`, :c", r"SELECT `a\`, ? <- c");
    check("SELECT [a :b], :c", "SELECT [a ?], ? <- b c", "SELECT [a :b], ? <- c");
    check("SELECT 1--:a", "SELECT 1--? <- a", "SELECT 1--:a");
    check("SELECT 1--\u{1}:a", "SELECT 1--\u{1}:a", "SELECT 1--\u{1}:a");
    check("SELECT 1 # :a", "SELECT 1 # :a", "SELECT 1 # ? <- a");
    same("SELECT 1 -- :a", "SELECT 1 -- :a");
    let refused = "! line 1, column 8: what stands between /*! and */ is run by some versions of the database and not by others; write it without, or remove it";
    check("SELECT /*!50000 :a */ 1", refused, "SELECT /*!50000 :a */ 1");
    check("SELECT /*M! :a */ 1", refused, "SELECT /*M! :a */ 1");
}

#[test]
fn mistakes_are_told_with_their_place() {
    let check = |sql: &str, part: &str| {
        for dialect in [&MYSQL, &SQLITE] {
            let told = read(sql, dialect);
            assert!(told.starts_with("! ") && told.contains(part), "{} {sql}: {told}", dialect.name);
        }
    };
    check("", "has no statement");
    check(" -- nothing\n ;", "has no statement");
    check("CALL p(?)", "line 1, column 8: a ? does not say which value is meant; write its name");
    check("CALL p(\n  :a,\n  'ä', ?)", "line 3, column 8: a ?");
    check("CALL p('a)", "line 1, column 8: the ' is not closed");
    check("CALL p(\"a)", "the \" is not closed");
    check("CALL `p", "the ` is not closed");
    check("CALL p() /* x", "line 1, column 10: the comment is not closed; write */");
    check("CALL p() /*/", "the comment is not closed");
    check("CALL p(); CALL q()", "line 1, column 11: here a second statement begins");
    check("CALL p();;", "line 1, column 10: here a second statement begins");
    check("CALL p();\n-- x\n'a'", "line 3, column 1: here a second statement begins");
    check(";CALL p()", "line 1, column 2: here a second statement begins");
    check("CALL p(:größe)", "line 1, column 8: a parameter's name has letters from a to z");
    check("CALL p(:a\0)", "code 0");
    check("CALL p(':\u{a0}', \u{a0}:a)", "line 1, column 14: a space that is no plain one");
    check("COMMIT\u{2003}", "a space that is no plain one");
    check(":a", "line 1, column 1: a statement begins with a word");
    check("{call p(:a)}", "a statement begins with a word");
    for word in [
        "COMMIT",
        "ROLLBACK",
        "START",
        "BEGIN",
        "SAVEPOINT",
        "CREATE",
        "ALTER",
        "DROP",
        "TRUNCATE",
        "GRANT",
        "REVOKE",
        "LOCK",
        "UNLOCK",
        "LOAD",
        "USE",
        "RENAME",
    ] {
        check(&format!("{word} x"), &format!("column 1: {word} "));
        check(
            &format!("\n/* x */ ( {} TABLE t", word.to_lowercase()),
            &format!("line 2, column 11: {word} "),
        );
    }
    check("COMMIT", "begins or ends a transaction");
    check("START TRANSACTION", "begins or ends a transaction");
    check("SET autocommit = 0", "SET changes the connection");
    check("SET @@autocommit = 0", "SET changes the connection");
    check("SET @a = 1, autocommit = 0", "SET changes the connection");
    check("SET @a = (1), autocommit = 0", "SET changes the connection");
    check("SET SESSION sql_mode = ''", "SET changes the connection");
    check("SET", "SET changes the connection");
}

#[test]
fn no_more_parameters_than_the_database_takes() {
    let few = Dialect { params_max: 2, ..SQLITE };
    assert_eq!(read("CALL p(:a, :b)", &few), "CALL p(?, ?) <- a b");
    assert!(read("CALL p(:a, :b, :a)", &few).contains("has 3 parameters, and the database takes 2"));
}

/// Text that a database reads as a string, a quoted name or a comment, with what looks like a parameter in it.
fn hidden(dialect: &'static Dialect) -> impl Strategy<Value = String> {
    let doubled = |quote: char| {
        "[a-z :?;/*#-]{0,6}".prop_map(move |inner| format!("{quote}{inner}{quote}{quote} :hidden{quote}"))
    };
    let dialects_own = match dialect.comments {
        Comments::MySql => {
            vec![r"'\' :hidden'".to_owned(), "\"\\\\\\\" :hidden\"".into(), "# :hidden '\n".into()]
        }
        Comments::Standard | Comments::Nested => {
            vec![r"'\'".to_owned(), "[ :hidden ' ]".into(), "--:hidden '\n".into()]
        }
    };
    prop_oneof![
        doubled('\''),
        doubled('"'),
        doubled('`'),
        Just("-- :hidden '\n".to_owned()),
        Just("/* :hidden ' */".to_owned()),
        prop::sample::select(dialects_own),
    ]
}

fn statement(dialect: &'static Dialect) -> impl Strategy<Value = String> {
    let plain = || "( :shown(\\.[0-9]|_[a-z]|\\$)? )|[a-zA-Z(),=+.<> \n]{0,6}|12:30|::|:=|ä";
    prop::collection::vec(prop_oneof![hidden(dialect), plain().prop_map(|s| s)], 0..12)
        .prop_map(|parts| format!("CALL {}", parts.join(" ")))
}

proptest! {
    #[test]
    fn nothing_within_quotes_is_a_name(mysql in statement(&MYSQL), sqlite in statement(&SQLITE)) {
        for (sql, dialect) in [(mysql, &MYSQL), (sqlite, &SQLITE)] {
            let parsed = parse(&sql, dialect).map_err(TestCaseError::fail)?;
            let (rendered, names) = parsed.render(dialect);
            prop_assert_eq!(names.len(), sql.matches(":shown").count(), "{}", sql);
            prop_assert!(names.iter().all(|n| n.starts_with("shown")), "{}", sql);
            prop_assert_eq!(rendered.matches(":hidden").count(), sql.matches(":hidden").count());
        }
    }

    #[test]
    fn texts_and_names_give_the_statement_back(
        sql in "(CALL )?([a-z:?;'\"`\\[\\]*/#\\\\$.@ä\n -]|:[a-z]|'[^']{0,3}'|/\\*.{0,3}\\*/|--.{0,3}\n){0,16}"
    ) {
        for dialect in [&MYSQL, &SQLITE] {
            let Ok(parsed) = parse(&sql, dialect) else { continue };
            let again: String = parsed.pieces.iter().map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Name(name) => format!(":{name}"),
            }).collect();
            let rest = sql.strip_prefix(&again);
            prop_assert!(rest.is_some_and(|r| r.is_empty() || r.starts_with(';')), "{:?} {:?}", sql, again);
        }
    }

    #[test]
    fn nothing_panics(sql in "\\PC{0,40}") {
        let _ = parse(&sql, &MYSQL);
        let _ = parse(&sql, &SQLITE);
    }
}

#[test]
fn words_of_a_rendered_statement() {
    let check = |sql: &str, dialect: &Dialect, expected: &[&str]| {
        assert_eq!(super::words(sql, dialect), expected, "{sql}");
    };
    let sql = "/* CALL x */ update `my``log` SET a=?, his . `V T`.b = 'CALL y' -- z\n WHERE c IN (?,?)";
    check(sql, &MYSQL, &["update", "my``log", "SET", "a", "his.V T.b", "WHERE", "c", "IN"]);
    check("CALL his.put(?)", &MYSQL, &["CALL", "his.put"]);
    check("UPDATE [log] SET a = ?", &SQLITE, &["UPDATE", "log", "SET", "a"]);
    check("", &MYSQL, &[]);
}
