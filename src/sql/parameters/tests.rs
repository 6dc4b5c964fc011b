//! Statements by table: which names are found in them, and which are refused.

use proptest::prelude::*;

use super::*;
use crate::sql::{
    ident::{Comments, MYSQL, ORACLE, Procedures, SQLITE, TSQL},
    tests::ALL_DIALECTS,
};

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

/// Of one database alone; an expected error is a part of it.
fn check(dialect: &Dialect, sql: &str, expected: &str) {
    let told = read(sql, dialect);
    if expected.starts_with("! ") {
        let part = expected.trim_start_matches("! ");
        assert!(told.starts_with("! ") && told.contains(part), "{} {sql}: {told}", dialect.name);
    } else {
        assert_eq!(told, expected, "{} {sql}", dialect.name);
    }
}

#[test]
fn sql_servers_statements() {
    let check = |sql: &str, expected: &str| check(&TSQL, sql, expected);
    check("EXEC book @id = :a, @at = :b", "EXEC book @id = @P1, @at = @P2 <- a b");
    check("EXECUTE [dbo].[book :x] :a, :a;", "EXECUTE [dbo].[book :x] @P1, @P2 <- a a");
    check("exec @r = p :a OUTPUT", "exec @r = p @P1 OUTPUT <- a");
    let merge =
        "MERGE INTO t USING (SELECT :a AS k) s ON t.k = s.k WHEN NOT MATCHED THEN INSERT (k) VALUES (s.k)";
    let merged = merge.replace(":a", "@P1");
    check(merge, &format!("{merged}; <- a"));
    check(&format!("{merge} ; "), &format!("{merged} \n; <- a"));
    check(&format!("{merge} -- x"), &format!("{merged} -- x\n; <- a"));
    check("EXEC p /* ' /* :x */ :y */ :a -- :z", "EXEC p /* ' /* :x */ :y */ @P1 -- :z <- a");
    check("EXEC p /* /* */ :a", "! line 1, column 8: the comment is not closed");
    check("EXEC p 'it''s :x', \":y\"\"\", [:z]]], :a", "EXEC p 'it''s :x', \":y\"\"\", [:z]]], @P1 <- a");
    check(r"EXEC p '\', :a", r"EXEC p '\', @P1 <- a");
    check(
        "UPDATE t SET g = geography::Point(:a, :b, 4326)",
        "UPDATE t SET g = geography::Point(@P1, @P2, 4326) <- a b",
    );
    check(
        "WITH n AS (SELECT :a x) UPDATE t SET x = n.x FROM n",
        "WITH n AS (SELECT @P1 x) UPDATE t SET x = n.x FROM n <- a",
    );
    check("INSERT INTO t (a) EXEC p :a", "INSERT INTO t (a) EXEC p @P1 <- a");
    check("UPDATE t SET [commit] = t.[use], a = @use", "UPDATE t SET [commit] = t.[use], a = @use");
    check("SELECT 'COMMIT' -- COMMIT", "SELECT 'COMMIT' -- COMMIT");
    check("SELECT a go FROM t OPTION (USE HINT ('x'))", "SELECT a go FROM t OPTION (USE HINT ('x'))");
    check("EXEC p; EXEC q", "! line 1, column 9: here a second statement begins");
    check(
        "CALL p(:a)",
        "! line 1, column 1: CALL is not SQL Server's word for a procedure; write EXEC book @id =",
    );
    check("", "! has no statement; write one statement, e.g. \"EXEC book @id = :appointment_id");
    check("'a'", "! begins with a word such as EXEC, INSERT or UPDATE");
    check("UPDATE t SET a = 1 COMMIT TRAN", "! line 1, column 20: COMMIT begins or ends a transaction");
    check("UPDATE t SET a = 1\nBEGIN TRAN", "! line 2, column 7: TRAN begins or ends a transaction");
    check("EXECUTE AS USER = 'sa'", "! EXECUTE AS changes the connection");
    check("SET @a = :a", "! SET changes the connection");
    check("SET XACT_ABORT OFF", "! SET changes the connection");
    check("UPDATE t SET a = 1\n go \n", "! line 2, column 2: GO is a word of SQL Server's tools");
    for word in [
        "BEGIN",
        "SAVE",
        "USE",
        "GO",
        "BACKUP",
        "RESTORE",
        "DBCC",
        "KILL",
        "RECONFIGURE",
        "SHUTDOWN",
        "WAITFOR",
        "SETUSER",
        "REVERT",
        "DENY",
        "COMMIT",
        "ROLLBACK",
        "TRUNCATE",
    ] {
        check(&format!("{} x", word.to_lowercase()), &format!("! line 1, column 1: {word} "));
    }
}

#[test]
fn oracles_statements() {
    let check = |sql: &str, expected: &str| check(&ORACLE, sql, expected);
    check("CALL book(:a, :b);", "CALL book(:1, :2) <- a b");
    check("CALL p(:a, :a)", "CALL p(:1, :2) <- a a");
    check("BEGIN p(:a, :b); END;", "BEGIN p(:1, :2); END; <- a b");
    check(" begin\n x := :a; p(x);\nend p ; \n", " begin\n x := :1; p(x);\nend p ; <- a");
    check("DECLARE n NUMBER; BEGIN p(n, :a); END;", "DECLARE n NUMBER; BEGIN p(n, :1); END; <- a");
    check("BEGIN x := :NEW.a; END;", "BEGIN x := :1; END; <- NEW.a");
    check("CALL p(q'[it's :x]', :a)", "CALL p(q'[it's :x]', :1) <- a");
    check("CALL p(Q'{:x}}', nq'!'' :y!', N':z', :a)", "CALL p(Q'{:x}}', nq'!'' :y!', N':z', :1) <- a");
    check("CALL p(q'(a)) :x)', q'<:y>', :a)", "CALL p(q'(a)) :x)', q'<:y>', :1) <- a");
    check("SELECT faq':x', :a FROM t", "SELECT faq':x', :1 FROM t <- a");
    check("SELECT 'a\\', :a FROM [t]", "SELECT 'a\\', :1 FROM [t] <- a");
    check(
        "SELECT \":x\", 'it''s :y', :a /*+ :z */ -- :w",
        "SELECT \":x\", 'it''s :y', :1 /*+ :z */ -- :w <- a",
    );
    check(
        "MERGE INTO t USING (SELECT :a k FROM DUAL) s ON (t.k = s.k)",
        "MERGE INTO t USING (SELECT :1 k FROM DUAL) s ON (t.k = s.k) <- a",
    );
    check("CALL p(q'[x)", "! line 1, column 8: the q'[ is not closed; write ]' where");
    check("CALL p(q'", "! the q' is not closed");
    check("CALL p(:1, :a)", "! line 1, column 8: a number after a colon does not say which value");
    check("SELECT 12:30, x:1, : 1 FROM t", "SELECT 12:30, x:1, : 1 FROM t");
    check("BEGIN p(:a); END", "! a block ends with END and a semicolon; write END; at its end");
    check("BEGIN p(:a);", "! a block ends with END");
    check("BEGIN p(:a); END;\n/", "! line 2, column 1: a / at the end belongs to SQL*Plus");
    check("BEGIN", "! a block ends with END");
    check("BEGIN p(:a); COMMIT; END;", "! line 1, column 14: COMMIT begins or ends a transaction");
    check("BEGIN p(:a); rollback to x; END;", "! ROLLBACK begins or ends a transaction");
    check(
        "BEGIN EXECUTE IMMEDIATE 'x'; END;",
        "! line 1, column 7: EXECUTE runs SQL that is not written here",
    );
    check(
        "DECLARE PRAGMA AUTONOMOUS_TRANSACTION; BEGIN NULL; END;",
        "! AUTONOMOUS_TRANSACTION begins or ends",
    );
    check("EXEC p(:a)", "! line 1, column 1: EXEC is a word of SQL*Plus");
    check("EXECUTE p(:a)", "! write CALL book(:appointment_id), or BEGIN book(:appointment_id); END;");
    check("SET ROLE x", "! SET changes the connection");
    check("CALL p(); CALL q()", "! here a second statement begins");
    for word in ["COMMIT", "SAVEPOINT", "LOCK", "COMMENT", "FLASHBACK", "AUDIT", "PURGE"] {
        check(&format!("{word} x"), &format!("! line 1, column 1: {word} "));
    }
}

#[test]
fn procedures_of_other_databases_are_told() {
    for dialect in [&MYSQL, &SQLITE] {
        check(
            dialect,
            "EXEC p :a",
            "! line 1, column 1: EXEC is SQL Server's word for a procedure; write CALL",
        );
        check(dialect, "execute p", "! EXECUTE is SQL Server's word");
        check(dialect, "BEGIN p(:a); END;", "! here a second statement begins");
    }
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
    let mut own = match dialect.comments {
        Comments::MySql => {
            vec![r"'\' :hidden'".to_owned(), "\"\\\\\\\" :hidden\"".into(), "# :hidden '\n".into()]
        }
        Comments::Standard => vec![r"'\'".to_owned(), "--:hidden '\n".into()],
        Comments::Nested => vec![r"'\'".to_owned(), "/* /* :hidden ' */ :hidden */".into()],
    };
    if dialect.quoting.contains(&('[', ']')) {
        own.push("[ :hidden ' ]".into());
    }
    if dialect.quoting.contains(&('`', '`')) {
        own.push("` :hidden ' `".into());
    }
    if dialect.procedures == Procedures::CallOrBlock {
        own.extend(["q'[it's :hidden]'".to_owned(), "nQ'!:hidden'!'".into()]);
    }
    prop_oneof![
        doubled('\''),
        doubled('"'),
        Just("-- :hidden '\n".to_owned()),
        Just("/* :hidden ' */".to_owned()),
        prop::sample::select(own),
    ]
}

fn statement(dialect: &'static Dialect) -> impl Strategy<Value = String> {
    // No letters of which words could be made that are refused.
    let plain = || "( :shown(\\.[0-9]|_[a-z]|\\$)? )|[v-zV-Z(),=+.<> \n]{0,6}|12:30|::|:=|ä";
    let call = if dialect.procedures == Procedures::Exec { "EXEC" } else { "CALL" };
    prop::collection::vec(prop_oneof![hidden(dialect), plain().prop_map(|s| s)], 0..12)
        .prop_map(move |parts| format!("{call} {}", parts.join(" ")))
}

fn any_statement() -> impl Strategy<Value = (String, &'static Dialect)> {
    prop::sample::select(ALL_DIALECTS.to_vec()).prop_flat_map(|dialect| (statement(dialect), Just(dialect)))
}

proptest! {
    #[test]
    fn nothing_within_quotes_is_a_name((sql, dialect) in any_statement()) {
        let parsed = parse(&sql, dialect).map_err(TestCaseError::fail)?;
        let (rendered, names) = parsed.render(dialect);
        prop_assert_eq!(names.len(), sql.matches(":shown").count(), "{}", sql);
        prop_assert!(names.iter().all(|n| n.starts_with("shown")), "{}", sql);
        prop_assert_eq!(rendered.matches(":hidden").count(), sql.matches(":hidden").count());
        // What was rendered is read again, without the placeholders among its words.
        let words = words(&rendered, dialect);
        prop_assert!(words.iter().all(|w| !w.contains("shown") && w != "P1" && w != "1"), "{:?}", words);
    }

    #[test]
    fn texts_and_names_give_the_statement_back(
        sql in "(CALL |EXEC |BEGIN )?([a-z:?;'\"`\\[\\]*/#\\\\$.@ä\n -]|:[a-z]|'[^']{0,3}'|/\\*.{0,3}\\*/|--.{0,3}\n){0,16}"
    ) {
        for dialect in ALL_DIALECTS {
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
        for dialect in ALL_DIALECTS {
            let _ = parse(&sql, dialect);
            let _ = words(&sql, dialect);
        }
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
    check("EXEC dbo.put @id = @P1, @at=@P12", &TSQL, &["EXEC", "dbo.put", "id", "at"]);
    check("EXEC put @P1x, [@P1]", &TSQL, &["EXEC", "put", "P1x", "@P1"]);
    check("BEGIN put(:1, :12, q'[x]', 'y'); END;", &ORACLE, &["BEGIN", "put", "END"]);
    check("UPDATE \"Log:1\" SET a = :1", &ORACLE, &["UPDATE", "Log:1", "SET", "a"]);
}
