#!/usr/bin/env python3
"""Tries the Oracle client test double with Oracle's own Python driver (thick mode): typed values, array DML, RETURNING,
LOBs, NULLs, errors by code, transactions, locks, time-outs, breaks, faults, logins, the dictionary.

Usage: check.py CLIENT_DIR HOST:PORT. It must never need anything of the daemon."""

import datetime
import decimal
import os
import sys
import threading
import time

import oracledb

CLIENT, SERVER = sys.argv[1], sys.argv[2]
oracledb.init_oracle_client(lib_dir=CLIENT)
oracledb.defaults.fetch_decimals = True
D = datetime.datetime
checks = failures = 0


def eq(got, want, what=""):
    global checks, failures
    checks += 1
    if got != want:
        failures += 1
        frame = sys._getframe(1)
        print(f"line {frame.f_lineno}: {what}\n  got  {got!r}\n  want {want!r}", file=sys.stderr)


def code(work):
    """The ORA number that `work` fails with; 0 if it does not."""
    try:
        work()
        return 0
    except oracledb.Error as error:
        (e,) = error.args
        return e.code or e.full_code


def message(work):
    try:
        work()
        return ""
    except oracledb.Error as error:
        return str(error)


def connect(database, user="his", password="secret", **more):
    return oracledb.connect(user=user, password=password, dsn=f"//{SERVER}/{database}", **more)


root = connect("buktor_root", "system", "manager")


def fresh(name):
    """A database of its own with the user HIS."""
    with root.cursor() as c:
        c.execute(f"DROP PLUGGABLE DATABASE {name}")
        c.execute(f"CREATE PLUGGABLE DATABASE {name}")
    with connect(name, "system", "manager") as admin, admin.cursor() as c:
        c.execute("CREATE USER his IDENTIFIED BY secret")
    return connect(name)


def all_of(cursor, sql, *args):
    return cursor.execute(sql, *args).fetchall()


def one(cursor, sql, *args):
    rows = all_of(cursor, sql, *args)
    return rows[0][0] if len(rows) == 1 and len(rows[0]) == 1 else rows


def values():
    con = fresh("chk_values")
    c = con.cursor()
    c.execute("""CREATE TABLE v (id NUMBER(9) PRIMARY KEY, n NUMBER, n2 NUMBER(10,2), nm NUMBER(5,-2), f FLOAT, bf BINARY_FLOAT,
        bd BINARY_DOUBLE, vb VARCHAR2(10 BYTE), vc VARCHAR2(10 CHAR), nv NVARCHAR2(10), ch CHAR(4), nc NCHAR(4), d DATE,
        t TIMESTAMP(6), t0 TIMESTAMP(0), tz TIMESTAMP WITH TIME ZONE, tl TIMESTAMP WITH LOCAL TIME ZONE, r RAW(8), c CLOB, nl NCLOB,
        b BLOB, l LONG)""")
    c.setinputsizes(None, None, None, None, None, None, None, None, oracledb.DB_TYPE_NVARCHAR, None, None,
                    oracledb.DB_TYPE_TIMESTAMP, oracledb.DB_TYPE_TIMESTAMP, oracledb.DB_TYPE_TIMESTAMP, None)
    c.execute("INSERT INTO v (id, n, n2, nm, bd, vb, vc, ch, nv, r, d, t, t0, tl, c) VALUES (:1, :2, :3, :4, :5, :6, :7, :8, :9, :10, :11, :12, :13, :14, :15)",
              [1, decimal.Decimal("-12345678901234567890.0123456789"), decimal.Decimal("1.005"), 12345, 0.1, "äbc", "äöüßäöüßäö", "ab",
               "ñandú", b"\0\xff", D(2024, 2, 29, 13, 14, 15), D(2024, 2, 29, 13, 14, 15, 123456), D(2024, 2, 29, 13, 14, 15, 600000),
               D(2024, 1, 1, 10, 0, 0), "x" * 9000])
    eq(c.rowcount, 1)
    row = all_of(c, "SELECT n, n2, nm, bd, vb, vc, ch, nv, r, d, t, t0, tl FROM v")[0]
    eq(row, (decimal.Decimal("-12345678901234567890.0123456789"), decimal.Decimal("1.01"), 12300, 0.1, "äbc", "äöüßäöüßäö", "ab  ", "ñandú",
             b"\0\xff", D(2024, 2, 29, 13, 14, 15), D(2024, 2, 29, 13, 14, 15, 123456), D(2024, 2, 29, 13, 14, 16), D(2024, 1, 1, 10, 0, 0)))
    lob = all_of(c, "SELECT c FROM v")[0][0]
    eq((lob.size(), lob.read()), (9000, "x" * 9000))
    eq(lob.read(8999, 10), "xx")
    # Dates lose fractions, texts that are empty are NULL.
    c.setinputsizes(oracledb.DB_TYPE_TIMESTAMP)
    c.execute("UPDATE v SET d = :1", [D(2024, 1, 1, 1, 1, 1, 999999)])
    eq(one(c, "SELECT d FROM v"), D(2024, 1, 1, 1, 1, 1))
    c.execute("UPDATE v SET vb = :1, vc = ''", [""])
    eq(all_of(c, "SELECT vb, vc, NVL(vb, 'none'), LENGTH(''), '' || 'a', COALESCE(vc, 'z') FROM v"), [(None, None, "none", None, "a", "z")])
    eq(one(c, "SELECT COUNT(*) FROM v WHERE vb = ''"), 0)
    eq(one(c, "SELECT COUNT(*) FROM v WHERE vb = :1", [""]), 0)
    # Temporary LOBs and long values.
    lob = con.createlob(oracledb.DB_TYPE_CLOB)
    lob.write("aé€" * 5000)
    c.execute("UPDATE v SET c = :1, b = :2, nl = :3, l = :4", [lob, b"\1\2" * 50000, "n" * 40000, "long text"])
    row = all_of(c, "SELECT c, b, nl, l FROM v")[0]
    eq((row[0].read(), row[1].read(), row[2].read(), row[3]), ("aé€" * 5000, b"\1\2" * 50000, "n" * 40000, "long text"))
    oracledb.defaults.fetch_lobs = False
    eq(all_of(c, "SELECT c FROM v")[0][0], "aé€" * 5000)
    oracledb.defaults.fetch_lobs = True
    # NULLs of all kinds.
    c.execute("INSERT INTO v (id) VALUES (2)")
    eq(all_of(c, "SELECT n, vb, d, t, tz, r, c, b, bd FROM v WHERE id = 2"), [(None,) * 9])
    # Zones are kept.
    c.execute("UPDATE v SET tz = TO_TIMESTAMP_TZ('2024-05-05 10:00:00 +03:00', 'YYYY-MM-DD HH24:MI:SS TZH:TZM') WHERE id = 1")
    eq(one(c, "SELECT TO_CHAR(tz, 'YYYY-MM-DD HH24:MI TZH:TZM') FROM v WHERE id = 1"), "2024-05-05 10:00 +03:00")
    eq(one(c, "SELECT COUNT(*) FROM v WHERE tz = TIMESTAMP '2024-05-05 07:00:00 +00:00'"), 1)
    # What does not fit.
    eq(code(lambda: c.execute("UPDATE v SET vb = 'äöüßäö' WHERE id = 1")), 12899)
    eq("(actual: 12, maximum: 10)" in message(lambda: c.execute("UPDATE v SET vb = 'äöüßäö' WHERE id = 1")), True)
    eq(code(lambda: c.execute("UPDATE v SET vc = 'äöüßäöüßäöü' WHERE id = 1")), 12899)
    eq(code(lambda: c.execute("UPDATE v SET n2 = 123456789 WHERE id = 1")), 1438)
    eq(code(lambda: c.execute("UPDATE v SET n = :1", ["12,5"])), 1722)
    eq(code(lambda: c.execute("UPDATE v SET vb = :1", ["y" * 5000])), 1461)
    eq(code(lambda: c.execute("UPDATE v SET d = '2024-01-01'")), 1861)
    eq(code(lambda: c.execute("UPDATE v SET d = 5")), 932)
    eq(code(lambda: c.execute("SELECT 1 FROM v WHERE c = 'x'")), 932)
    eq(code(lambda: c.execute("SELECT 1 FROM v WHERE d = 1")), 932)
    c.execute("ALTER SESSION SET NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS' NLS_NUMERIC_CHARACTERS = ',.'")
    c.execute("UPDATE v SET d = '2024-06-07 08:09:10', n = '1,5' WHERE id = 1")
    eq(all_of(c, "SELECT TO_CHAR(d), TO_CHAR(n), d FROM v WHERE id = 1"), [("2024-06-07 08:09:10", "1,5", D(2024, 6, 7, 8, 9, 10))])
    # CHAR: padded with literals, not with placeholders that are VARCHAR2.
    eq(one(c, "SELECT COUNT(*) FROM v WHERE ch = 'ab'"), 1)
    eq(one(c, "SELECT COUNT(*) FROM v WHERE ch = :1", ["ab"]), 0)
    eq(one(c, "SELECT COUNT(*) FROM v WHERE ch = :1", ["ab  "]), 1)
    c.setinputsizes(oracledb.DB_TYPE_CHAR)
    eq(one(c, "SELECT COUNT(*) FROM v WHERE ch = :1", ["ab"]), 1)
    eq([(d.name, d.type_code.name, d.precision, d.scale, d.null_ok, d.display_size) for d in
        c.execute("SELECT id, n2, vb, d, t0 AS \"Zeit\" FROM v").description],
       [("ID", "DB_TYPE_NUMBER", 9, 0, False, 10), ("N2", "DB_TYPE_NUMBER", 10, 2, True, 14), ("VB", "DB_TYPE_VARCHAR", None, None, True, 10),
        ("D", "DB_TYPE_DATE", None, None, True, 23), ("Zeit", "DB_TYPE_TIMESTAMP", None, None, True, 23)])
    con.close()


def functions():
    con = fresh("chk_functions")
    c = con.cursor()
    for sql, want in [
        ("NVL(NULL, 5)", 5), ("NVL2(NULL, 1, 2)", 2), ("DECODE(2, 1, 'a', 2, 'b', 'c')", "b"), ("DECODE(NULL, NULL, 'n', 'x')", "n"),
        ("SUBSTR('hello', 2, 3)", "ell"), ("SUBSTR('hello', -3)", "llo"), ("INSTR('hello', 'l')", 3), ("INSTR('hello', 'l', 1, 2)", 4),
        ("LENGTH('äb')", 2), ("LENGTHB('äb')", 3), ("UPPER('äb')", "ÄB"), ("TRIM('  a ')", "a"), ("TRIM('   ')", None), ("LPAD('7', 3, '0')", "007"),
        ("REPLACE('abc', 'b')", "ac"), ("TO_CHAR(1234.5)", "1234.5"), ("TO_CHAR(0.5)", ".5"), ("TO_CHAR(12, '0000')", " 0012"),
        ("TO_NUMBER('1e3')", 1000), ("ROUND(2.345, 2)", decimal.Decimal("2.35")), ("TRUNC(2.9)", 2), ("MOD(7, 3)", 1), ("CEIL(1.1)", 2),
        ("TO_CHAR(DATE '2024-03-05', 'DD.MM.YYYY')", "05.03.2024"), ("TO_CHAR(TO_DATE('05-MAR-24'), 'YYYY-MM-DD')", "2024-03-05"),
        ("TO_DATE('2024-03-05 06:07', 'YYYY-MM-DD HH24:MI')", D(2024, 3, 5, 6, 7)), ("TRUNC(TO_DATE('2024-03-05 06', 'YYYY-MM-DD HH24'))", D(2024, 3, 5)),
        ("DATE '2024-03-01' - 1", D(2024, 2, 29)), ("DATE '2024-03-01' - DATE '2024-02-01'", 29), ("ADD_MONTHS(DATE '2024-01-31', 1)", D(2024, 2, 29)),
        ("TO_TIMESTAMP('2024-03-05T06:07:08.5', 'YYYY-MM-DD\"T\"HH24:MI:SS.FF')", D(2024, 3, 5, 6, 7, 8, 500000)), ("USER", "HIS"),
        ("SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')", "HIS"), ("SYS_CONTEXT('USERENV', 'SERVICE_NAME')", "CHK_FUNCTIONS"),
        ("CASE WHEN 1 = 1 THEN 'y' ELSE 'n' END", "y"), ("CAST('5' AS NUMBER)", 5), ("CAST(5 AS VARCHAR2(3))", "5"), ("GREATEST(1, 3, 2)", 3),
        ("EXTRACT(YEAR FROM DATE '2024-03-01')", 2024), ("COALESCE(NULL, NULL, 'c')", "c"), ("q'[it's]'", "it's"), ("RAWTOHEX(HEXTORAW('0aFF'))", "0AFF"),
        ("'a' || NULL || 1", "a1"), ("TO_DATE('31.12.99', 'DD.MM.RR')", D(1999, 12, 31)), ("NULLIF('a', 'a')", None), ("-(-5)", 5),
        ("DATE '2024-01-01' + INTERVAL '36' HOUR", D(2024, 1, 2, 12)), ("(SELECT MAX(dummy) FROM dual)", "X"),
    ]:
        eq(one(c, f"SELECT {sql} FROM DUAL"), want, sql)
    for sql, want in [
        ("TO_DATE('2024-02-30', 'YYYY-MM-DD')", 1839), ("TO_DATE('2024-13-01', 'YYYY-MM-DD')", 1843), ("TO_DATE('2024-01-32', 'YYYY-MM-DD')", 1847),
        ("TO_DATE('2024-01-01 10', 'YYYY-MM-DD')", 1830), ("TO_DATE('x', 'YYYY')", 1841), ("TO_DATE('2024', 'YYYY-MM')", 1840),
        ("TO_DATE('2024-01-01 aa', 'YYYY-MM-DD HH24')", 1858), ("1/0", 1476), ("TO_NUMBER('a')", 1722), ("NOW()", 904), ("IF(1, 2, 3)", 904),
        ("nope", 904), ("TRUE", 904), ("1 +", 936), ("(1", 907), ("?", 911), ("$1", 911), ("@P1", 936), ("NULL IS NULL", 923),
        ("RPAD('a', 3000) || RPAD('b', 3000)", 1489),
    ]:
        eq(code(lambda sql=sql: all_of(c, f"SELECT {sql} FROM DUAL")), want, sql)
    con.close()


def statements():
    con = fresh("chk_statements")
    c = con.cursor()
    c.execute("CREATE TABLE dept (id NUMBER(5) CONSTRAINT dept_pk PRIMARY KEY, name VARCHAR2(20) CONSTRAINT dept_uk UNIQUE)")
    c.execute("""CREATE TABLE emp (id NUMBER(9) GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, dept NUMBER(5) CONSTRAINT emp_fk REFERENCES dept,
        name VARCHAR2(30) NOT NULL, pay NUMBER(9,2) DEFAULT 100 CONSTRAINT emp_pay CHECK (pay >= 0))""")
    c.executemany("INSERT INTO dept VALUES (:1, :2)", [(1, "A"), (2, "B"), (3, "C")])
    eq(c.rowcount, 3)
    out = c.var(int, arraysize=3)
    c.setinputsizes(None, None, out)
    c.executemany("INSERT INTO emp (dept, name) VALUES (:1, :2) RETURNING id INTO :3", [(1, "x"), (1, "y"), (2, "z")])
    eq([out.getvalue(i) for i in range(3)], [[1], [2], [3]])
    out, names = c.var(int), c.var(str)
    c.execute("UPDATE emp SET pay = pay * 2 WHERE dept = :d RETURNING id, name INTO :i, :n", d=1, i=out, n=names)
    eq((sorted(out.getvalue()), sorted(names.getvalue()), c.rowcount), ([1, 2], ["x", "y"], 2))
    c.execute("UPDATE emp SET pay = 1 WHERE dept = 77 RETURNING id INTO :i", i=out)
    eq((out.getvalue(), c.rowcount), ([], 0))
    # Array DML with errors and counts.
    c.executemany("INSERT INTO emp (id, dept, name, pay) VALUES (:1, :2, :3, :4)",
                  [(11, 1, "a", 1), (1, 1, "dup", 1), (12, 99, "no parent", 1), (13, 1, None, 1), (14, 1, "neg", -1), (15, 1, "e", 5), (16, 1, "n" * 31, 1)],
                  batcherrors=True, arraydmlrowcounts=True)
    eq([(e.offset, e.code) for e in c.getbatcherrors()], [(1, 1), (2, 2291), (3, 1400), (4, 2290), (6, 12899)])
    eq(c.getarraydmlrowcounts(), [1, 0, 0, 0, 0, 1, 0])
    # Without them, the rows before the first that fails stay.
    eq(code(lambda: c.executemany("INSERT INTO emp (id, name) VALUES (:1, :2)", [(21, "a"), (21, "b"), (22, "c")])), 1)
    eq(one(c, "SELECT COUNT(*) FROM emp WHERE id IN (21, 22)"), 1)
    # MERGE.
    merge = """MERGE INTO "HIS"."DEPT" t USING (SELECT :1 AS "K", :2 AS "C" FROM DUAL) s ON (t."ID" = s."K")
        WHEN MATCHED THEN UPDATE SET "NAME" = s."C" WHEN NOT MATCHED THEN INSERT ("ID", "NAME") VALUES (s."K", s."C")"""
    c.executemany(merge, [(1, "AA"), (4, "D"), (5, "B")], batcherrors=True, arraydmlrowcounts=True)
    eq([(e.offset, e.code, "HIS.DEPT_UK" in e.message) for e in c.getbatcherrors()], [(2, 1, True)])
    eq(c.getarraydmlrowcounts(), [1, 1, 0])
    eq(all_of(c, "SELECT id, name FROM dept ORDER BY id"), [(1, "AA"), (2, "B"), (3, "C"), (4, "D")])
    for sql, want in [
        ("MERGE INTO dept t USING (SELECT 1 k FROM DUAL) s ON t.id = s.k WHEN MATCHED THEN UPDATE SET name = 'x'", 906),
        ("MERGE INTO dept t USING (SELECT 1 k FROM DUAL) s ON (t.id = s.k) WHEN MATCHED THEN UPDATE SET id = 5", 38104),
        ("MERGE INTO dept t USING (SELECT 1 k FROM DUAL UNION ALL SELECT 1 FROM DUAL) s ON (t.id = s.k) WHEN MATCHED THEN UPDATE SET name = 'x'", 30926),
        ("DELETE FROM dept WHERE id = 1", 2292), ("INSERT INTO dept VALUES (1, 'q')", 1), ("INSERT INTO dept VALUES (1)", 947),
        ("INSERT INTO dept VALUES (1, 'a', 2)", 913), ("INSERT INTO dept (id, id) VALUES (1, 2)", 957), ("INSERT INTO dept (nope) VALUES (1)", 904),
        ("INSERT dept VALUES (1, 'a')", 925), ("UPDATE dept name = 'a'", 971), ("SELECT id name dept FROM dept", 923), ("SELECT * FROM dept ORDER BY", 936),
        ("SELECT * FROM dept LIMIT 1", 933), ("SELECT * FROM dept AS d", 933), ("SELECT * FROM dept;", 911), ("SELECT `id` FROM dept", 911),
        ("SELECT * FROM [dept]", 903), ("INSERT INTO dept VALUES (8, 'a') ON CONFLICT DO NOTHING", 933), ("SELECT * FROM dept d, dept e WHERE id = 1", 918),
        ("SELECT id FROM dept GROUP BY name", 979), ("SELECT * FROM nope", 942), ("SELECT * FROM nope.dept", 942), ("FOO", 900), ("SELECT 1", 923),
        ("UPDATE emp SET name = NULL", 1407), ("UPDATE emp SET id = 1", 1), ("SELECT (SELECT id FROM dept) FROM DUAL", 1427), ("SELECT nope.NEXTVAL FROM DUAL", 2289),
        ("SELECT * FROM dept WHERE id IN (" + ",".join("1" * 1001) + ")", 1795), ("SELECT " + "x" * 129 + " FROM DUAL", 972),
        ("SELECT id FROM dept UNION SELECT 'a' FROM DUAL", 1790), ("SELECT id FROM dept WHERE ROWNUM", 920), ("INSERT INTO dept VALUES (:1, 'u')", 1008),
    ]:
        eq(code(lambda sql=sql: c.execute(sql)), want, sql[:90])
    eq(message(lambda: c.execute("INSERT INTO dept VALUES (1, 'q')")).split("\n")[0], "ORA-00001: unique constraint (HIS.DEPT_PK) violated")
    eq(one(c, "SELECT name FROM (SELECT name FROM dept ORDER BY name DESC) WHERE ROWNUM <= 1"), "D")
    eq(all_of(c, "SELECT d.name, COUNT(e.id) FROM dept d LEFT JOIN emp e ON e.dept = d.id GROUP BY d.name ORDER BY 1"), [("AA", 4), ("B", 1), ("C", 0), ("D", 0)])
    eq(all_of(c, "SELECT id FROM dept MINUS SELECT dept FROM emp ORDER BY 1"), [(3,), (4,)])
    eq(all_of(c, "SELECT id FROM dept ORDER BY id OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY"), [(2,), (3,)])
    eq(one(c, "SELECT COUNT(*) FROM emp WHERE ROWNUM <= 2"), 2)
    eq(all_of(c, "WITH a AS (SELECT 1 x FROM DUAL) SELECT a.x, d.* FROM a, dept d WHERE d.id = a.x"), [(1, 1, "AA")])
    eq(all_of(c, "SELECT id FROM dept d WHERE EXISTS (SELECT 1 FROM emp e WHERE e.dept = d.id) AND name LIKE 'A%'"), [(1,)])
    c.execute("DELETE FROM emp WHERE dept = 1 AND ROWNUM < 3")
    eq(c.rowcount, 2)
    c.execute("INSERT INTO emp (dept, name) SELECT id, 'from ' || name FROM dept WHERE id < 3")
    eq(c.rowcount, 2)
    # A failed statement leaves the transaction as it was; DDL commits.
    con.commit()
    c.execute("INSERT INTO dept VALUES (50, 'fifty')")
    eq(code(lambda: c.execute("INSERT INTO dept VALUES (50, 'again')")), 1)
    eq(one(c, "SELECT COUNT(*) FROM dept WHERE id = 50"), 1)
    con.rollback()
    eq(one(c, "SELECT COUNT(*) FROM dept WHERE id = 50"), 0)
    c.execute("INSERT INTO dept VALUES (51, 'u')")
    c.execute("CREATE TABLE other (a NUMBER)")
    con.rollback()
    eq(one(c, "SELECT COUNT(*) FROM dept WHERE id = 51"), 1)
    c.execute("SAVEPOINT s1")
    c.execute("DELETE FROM dept WHERE id = 51")
    c.execute("ROLLBACK TO s1")
    eq(one(c, "SELECT COUNT(*) FROM dept WHERE id = 51"), 1)
    eq(code(lambda: c.execute("INSERT INTO emp (id, dept, name) VALUES (:a, :b, :a)", a="500", b=1)), 0)
    eq(one(c, "SELECT COUNT(*) FROM emp WHERE name = '500'"), 1)
    con.close()


def blocks():
    con = fresh("chk_blocks")
    c = con.cursor()
    c.execute("CREATE TABLE t (id NUMBER PRIMARY KEY, name VARCHAR2(10), stamp DATE)")
    c.execute("CREATE TABLE log (what VARCHAR2(100))")
    c.execute("CREATE SEQUENCE t_seq START WITH 100")
    c.execute("""CREATE OR REPLACE TRIGGER t_bi BEFORE INSERT ON t FOR EACH ROW
        BEGIN
          IF :NEW.id IS NULL THEN SELECT t_seq.NEXTVAL INTO :NEW.id FROM DUAL; END IF;
          :NEW.stamp := SYSDATE;
          IF :NEW.name = 'bad' THEN RAISE_APPLICATION_ERROR(-20001, 'no ' || :NEW.name); END IF;
        END;""")
    c.execute("""CREATE OR REPLACE TRIGGER t_ai AFTER INSERT OR UPDATE ON t FOR EACH ROW
        BEGIN IF INSERTING THEN INSERT INTO log VALUES ('ins ' || :NEW.id); ELSE INSERT INTO log VALUES ('upd ' || :OLD.name); END IF; END;""")
    out = c.var(int)
    c.execute("INSERT INTO t (name) VALUES ('a') RETURNING id INTO :1", [out])
    eq(out.getvalue(), [100])
    c.execute("UPDATE t SET name = 'b'")
    eq(all_of(c, "SELECT what FROM log"), [("ins 100",), ("upd a",)])
    text = message(lambda: c.execute("INSERT INTO t (name) VALUES ('bad')"))
    eq([line.split(",")[0] for line in text.split("\n")[:3]],
       ["ORA-20001: no bad", 'ORA-06512: at "HIS.T_BI"', "ORA-04088: error during execution of trigger 'HIS.T_BI'"])
    eq(code(lambda: c.execute("INSERT INTO t (name) VALUES ('12345678901')")), 12899)
    c.execute("CREATE OR REPLACE TRIGGER t_bad BEFORE UPDATE ON t FOR EACH ROW BEGIN INSERT INTO nope VALUES (1); END;")
    eq(c.warning is not None, True)
    eq(code(lambda: c.execute("UPDATE t SET name = 'c'")), 4098)
    c.execute("ALTER TRIGGER t_bad DISABLE")
    eq(code(lambda: c.execute("UPDATE t SET name = 'c'")), 0)
    c.execute("""CREATE OR REPLACE PROCEDURE add_t (p_name IN VARCHAR2, p_id OUT NUMBER) AS
          v_n NUMBER;
        BEGIN
          INSERT INTO t (name) VALUES (p_name) RETURNING id INTO p_id;
          SELECT COUNT(*) INTO v_n FROM t;
          IF v_n > 3 THEN RAISE_APPLICATION_ERROR(-20500, 'too many: ' || v_n); END IF;
        EXCEPTION WHEN DUP_VAL_ON_INDEX THEN p_id := -1;
        END add_t;""")
    eq(c.callproc("add_t", ["x", out])[1], 102)
    c.execute("BEGIN add_t(:n, :i); END;", n="y", i=out)
    eq(out.getvalue(), 103)
    eq(code(lambda: c.execute("CALL add_t(:n, :i)", n="z", i=out)), 20500)
    eq(one(c, "SELECT COUNT(*) FROM t"), 3)
    c.execute("CREATE OR REPLACE FUNCTION twice (n IN NUMBER) RETURN NUMBER IS BEGIN RETURN n * 2; END;")
    eq(one(c, "SELECT twice(21) FROM DUAL"), 42)
    c.execute("DECLARE v NUMBER; BEGIN SELECT MAX(id) INTO v FROM t; UPDATE t SET name = :n WHERE id = v; :r := SQL%ROWCOUNT; END;", n="last", r=out)
    eq(out.getvalue(), 1)
    eq(one(c, "SELECT name FROM t WHERE id = 103"), "last")
    eq(code(lambda: c.execute("BEGIN SELECT id INTO :1 FROM t WHERE id = -5; END;", [out])), 1403)
    eq(code(lambda: c.execute("BEGIN nope(1); END;")), 6550)
    eq(code(lambda: c.execute("BEGIN foo bar END;")), 6550)
    c.execute("BEGIN FOR i IN 1..3 LOOP INSERT INTO log VALUES ('loop ' || i); END LOOP; COMMIT; END;")
    con.rollback()
    eq(one(c, "SELECT COUNT(*) FROM log WHERE what LIKE 'loop%'"), 3)
    eq(one(c, "SELECT t_seq.CURRVAL FROM DUAL"), 104)
    con.close()


def sessions():
    con = fresh("chk_sessions")
    c = con.cursor()
    c.execute("CREATE TABLE t (id NUMBER(5) PRIMARY KEY, name VARCHAR2(10))")
    c.execute("INSERT INTO t VALUES (1, 'a')")
    c.execute("INSERT INTO t VALUES (2, 'b')")
    other = connect("chk_sessions")
    o = other.cursor()
    eq(one(o, "SELECT COUNT(*) FROM t"), 0, "uncommitted work is invisible")
    con.commit()
    eq(one(o, "SELECT COUNT(*) FROM t"), 2)
    # Locks.
    c.execute("UPDATE t SET name = 'x' WHERE id = 1")
    eq(code(lambda: o.execute("SELECT * FROM t WHERE id = 1 FOR UPDATE NOWAIT").fetchall()), 54)
    eq(code(lambda: o.execute("SELECT * FROM t WHERE id = 1 FOR UPDATE WAIT 1").fetchall()), 30006)
    eq(all_of(o, "SELECT id FROM t ORDER BY id FOR UPDATE SKIP LOCKED"), [(2,)])
    other.rollback()
    # A call that takes too long.
    other.call_timeout = 400
    started = time.time()
    text = message(lambda: o.execute("UPDATE t SET name = 'y' WHERE id = 1"))
    eq((text.startswith("DPY-4024") or "DPI-1067" in text, 0.3 < time.time() - started < 3), (True, True), text)
    other.call_timeout = 0
    eq(one(o, "SELECT COUNT(*) FROM t"), 2, "the connection lives on")
    # A break from another thread.
    threading.Timer(0.4, other.cancel).start()
    eq(code(lambda: o.execute("UPDATE t SET name = 'y' WHERE id = 1")), 1013)
    other.rollback()
    # A deadlock: one of the two is told, and keeps its transaction.
    o.execute("UPDATE t SET name = 'o' WHERE id = 2")
    seen = []

    def first():
        seen.append(code(lambda: c.execute("UPDATE t SET name = 'd' WHERE id = 2")))
        con.rollback()

    thread = threading.Thread(target=first)
    thread.start()
    time.sleep(0.1)
    seen.append(code(lambda: o.execute("UPDATE t SET name = 'd' WHERE id = 1")))
    other.rollback()
    thread.join()
    eq(sorted(seen), [0, 60], "deadlock")
    # Serializable transactions.
    o.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    all_of(o, "SELECT * FROM t")
    c.execute("UPDATE t SET name = 'c' WHERE id = 1")
    con.commit()
    eq(code(lambda: o.execute("UPDATE t SET name = 'o' WHERE id = 1")), 8177)
    other.rollback()
    # What is killed or cut.
    c.execute("BEGIN BUKTOR_FAULT.KILL_SESSIONS; END;")
    text = message(lambda: o.execute("SELECT 1 FROM DUAL"))
    eq("ORA-00028" in text or "ORA-28" in text or "DPY-4011" in text, True, text)
    eq(message(lambda: o.execute("SELECT 1 FROM DUAL")) != "", True)
    con.ping()
    con.close()


def faults():
    con = fresh("chk_faults")
    c = con.cursor()
    c.execute("CREATE TABLE t (id NUMBER(5) PRIMARY KEY)")
    test = connect("chk_faults", "system", "manager").cursor()
    test.execute("BEGIN BUKTOR_FAULT.FAIL('INSERT INTO T%', 1653, 'unable to extend table HIS.T by 8 in tablespace USERS', 2); END;")
    eq(code(lambda: c.execute("insert into t values (1)")), 1653)
    eq(code(lambda: c.execute("INSERT INTO t VALUES (1)")), 1653)
    c.execute("INSERT INTO t VALUES (1)")
    test.execute("BEGIN BUKTOR_FAULT.FAIL_RECURSIVE('%INSERT%', 1013, NULL); END;")
    eq("ORA-00604" in message(lambda: c.execute("INSERT INTO t VALUES (2)")), True)
    test.execute("BEGIN BUKTOR_FAULT.FAIL_COMMIT(257, 'archiver error'); END;")
    eq(code(con.commit), 257)
    eq(one(c, "SELECT COUNT(*) FROM t"), 0)
    for call, kept in [("DROP_BEFORE_COMMIT", 0), ("DROP_AFTER_COMMIT", 1)]:
        c.execute("INSERT INTO t VALUES (7)")
        test.execute(f"BEGIN BUKTOR_FAULT.{call}; END;")
        text = message(con.commit)
        eq("ORA-3113" in text or "ORA-03113" in text, True, text)
        con = connect("chk_faults")
        c = con.cursor()
        eq(one(c, "SELECT COUNT(*) FROM t"), kept)
    con.call_timeout = 300
    test.execute("BEGIN BUKTOR_FAULT.HANG('%DELETE%'); END;")
    text = message(lambda: c.execute("DELETE FROM t"))
    eq("DPY-4024" in text or "DPI-1067" in text, True, text)
    test.execute("BEGIN BUKTOR_FAULT.FAIL_LOGIN(1033, NULL); END;")
    eq(code(lambda: connect("chk_faults")), 1033)
    con.close()


def logins():
    con = fresh("chk_logins")
    c = connect("chk_logins", "system", "manager").cursor()
    eq(code(lambda: connect("chk_logins", "his", "wrong")), 1017)
    eq(code(lambda: connect("chk_logins", "nobody", "wrong")), 1017)
    eq(code(lambda: connect("chk_nothing")), 12514)
    sid = f"(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST={SERVER.split(':')[0]})(PORT={SERVER.split(':')[1]}))(CONNECT_DATA=(SID=%s)))"
    eq(code(lambda: oracledb.connect(user="his", password="secret", dsn=sid % "nothing")), 12505)
    eq(code(lambda: oracledb.connect(user="his", password="secret", dsn=sid % "chk_logins")), 0)
    c.execute("BEGIN BUKTOR_FAULT.SETTING('reachable_as', 'service'); END;")
    eq(code(lambda: oracledb.connect(user="his", password="secret", dsn=sid % "chk_logins")), 12505)
    c.execute("BEGIN BUKTOR_FAULT.SETTING('reachable_as', 'sid'); END;")
    eq(code(lambda: connect("chk_logins")), 12514)
    c.execute("BEGIN BUKTOR_FAULT.SETTING('reachable_as', 'both'); END;")
    eq(code(lambda: oracledb.connect(user="his", password="x", dsn="//127.0.0.1:1/x")), 12541)
    eq(code(lambda: oracledb.connect(user="his", password="x", dsn="nowhere")), 12154)
    eq(code(lambda: oracledb.connect(user="his", password="x", dsn="//no.such.host.invalid/x")), 12545)
    c.execute("ALTER USER his ACCOUNT LOCK")
    eq(code(lambda: connect("chk_logins")), 28000)
    c.execute("ALTER USER his ACCOUNT UNLOCK")
    c.execute("ALTER USER his PASSWORD EXPIRE")
    eq(code(lambda: connect("chk_logins")), 28001)
    c.execute("ALTER USER his IDENTIFIED BY secret")
    c.execute("REVOKE CREATE SESSION FROM his")
    eq(code(lambda: connect("chk_logins")), 1045)
    c.execute("GRANT CREATE SESSION TO his")
    for _ in range(10):
        eq(code(lambda: connect("chk_logins", "his", "wrong")), 1017)
    eq(code(lambda: connect("chk_logins")), 28000)
    eq(one(c, "SELECT COUNT(*) FROM BUKTOR_LOGINS WHERE username = 'HIS' AND outcome = '1017'"), 11)
    con.close()


def dictionary():
    con = fresh("chk_dictionary")
    c = con.cursor()
    c.execute("CREATE TABLE p (id NUMBER(9) CONSTRAINT p_pk PRIMARY KEY, code VARCHAR2(8 CHAR) NOT NULL CONSTRAINT p_uk UNIQUE)")
    c.execute("""CREATE TABLE "Mixed" (id NUMBER GENERATED ALWAYS AS IDENTITY, p_id NUMBER(9) CONSTRAINT m_fk REFERENCES p (id) ON DELETE CASCADE,
        v NUMBER(5,1) GENERATED ALWAYS AS (p_id * 2) VIRTUAL, CONSTRAINT m_ck CHECK (p_id > 0) DISABLE, "mIx" NVARCHAR2(5))""")
    c.execute('CREATE UNIQUE INDEX m_fx ON "Mixed" (UPPER("mIx"))')
    c.execute("CREATE VIEW pv AS SELECT id, UPPER(code) AS code FROM p")
    c.execute("CREATE SYNONYM psyn FOR p")
    c.execute("CREATE SEQUENCE sq INCREMENT BY 5")
    c.execute("CREATE TRIGGER tr BEFORE INSERT OR UPDATE ON p FOR EACH ROW BEGIN NULL; END;")
    admin = connect("chk_dictionary", "system", "manager").cursor()
    admin.execute("CREATE USER app IDENTIFIED BY app")
    admin.execute("CREATE ROLE reader")
    admin.execute("GRANT reader TO app")
    c.execute("GRANT SELECT, INSERT ON p TO app")
    c.execute("GRANT SELECT ON pv TO reader")
    admin.execute("CREATE PUBLIC SYNONYM everybody FOR his.pv")
    admin.execute("CREATE SYNONYM app.far FOR x.y@remote")
    app = connect("chk_dictionary", "app", "app")
    a = app.cursor()
    eq(all_of(a, "SELECT owner, table_name FROM all_tables WHERE owner <> 'SYS'"), [("HIS", "P")])
    eq(code(lambda: a.execute('SELECT * FROM his."Mixed"')), 942)
    eq(code(lambda: a.execute("UPDATE his.p SET code = 'a'")), 1031)
    eq(code(lambda: a.execute("INSERT INTO his.p VALUES (1, 'a')")), 0)
    eq(all_of(a, "SELECT code FROM everybody"), [("A",)])
    eq(code(lambda: a.execute("SELECT * FROM far")), 2019)
    eq(all_of(a, "SELECT synonym_name, table_owner, table_name, db_link FROM all_synonyms WHERE owner IN ('APP', 'PUBLIC') AND table_owner <> 'SYS' ORDER BY 1"),
       [("EVERYBODY", "HIS", "PV", None), ("FAR", "X", "Y", "REMOTE")])
    eq(sorted(all_of(a, "SELECT privilege FROM all_tab_privs WHERE table_name = 'P' AND grantee = 'APP'")), [("INSERT",), ("SELECT",)])
    eq(all_of(a, "SELECT role FROM session_roles"), [("READER",)])
    eq(all_of(a, "SELECT privilege FROM role_tab_privs WHERE table_name = 'PV'"), [("SELECT",)])
    eq(all_of(c, "SELECT constraint_name, constraint_type, status, r_owner, r_constraint_name, delete_rule FROM all_constraints WHERE table_name = 'Mixed' ORDER BY 1"),
       [("M_CK", "C", "DISABLED", None, None, None), ("M_FK", "R", "ENABLED", "HIS", "P_PK", "CASCADE")])
    eq(all_of(c, "SELECT c.column_name, c.position FROM all_cons_columns c WHERE c.constraint_name = 'P_PK'"), [("ID", 1)])
    eq(all_of(c, "SELECT column_name, data_type, char_length, char_used, virtual_column, identity_column, hidden_column FROM all_tab_cols WHERE table_name = 'Mixed' ORDER BY column_id"),
       [("ID", "NUMBER", 0, None, "NO", "YES", "NO"), ("P_ID", "NUMBER", 0, None, "NO", "NO", "NO"), ("V", "NUMBER", 0, None, "YES", "NO", "NO"),
        ("mIx", "NVARCHAR2", 5, "C", "NO", "NO", "NO")])
    eq(all_of(c, "SELECT index_name, uniqueness, index_type, status FROM all_indexes WHERE table_name = 'Mixed'"), [("M_FX", "UNIQUE", "FUNCTION-BASED NORMAL", "VALID")])
    eq(all_of(c, "SELECT trigger_type, triggering_event, status FROM all_triggers WHERE table_name = 'P'"), [("BEFORE EACH ROW", "INSERT OR UPDATE", "ENABLED")])
    eq(all_of(c, "SELECT generation_type FROM all_tab_identity_cols"), [("ALWAYS",)])
    eq(all_of(c, "SELECT sequence_name, increment_by FROM user_sequences WHERE sequence_name = 'SQ'"), [("SQ", 5)])
    eq(all_of(c, "SELECT updatable FROM all_updatable_columns WHERE table_name = 'PV' ORDER BY column_name"), [("NO",), ("YES",)])
    eq(one(c, "SELECT value FROM nls_database_parameters WHERE parameter = 'NLS_CHARACTERSET'"), "AL32UTF8")
    eq(code(lambda: c.execute('INSERT INTO "Mixed" (id) VALUES (5)')), 32795)
    eq(code(lambda: c.execute('INSERT INTO "Mixed" (v) VALUES (5)')), 54013)
    c.execute('INSERT INTO "Mixed" (p_id, "mIx") VALUES (NULL, \'a\')')
    eq(code(lambda: c.execute('INSERT INTO "Mixed" ("mIx") VALUES (\'A\')')), 1)
    # Comparisons that would scan.
    c.setinputsizes(oracledb.DB_TYPE_NVARCHAR)
    all_of(c, "SELECT 1 FROM p WHERE code = :1", ["x"])
    eq(all_of(c, "SELECT table_name, column_name, reason, hits FROM buktor_scans"), [("P", "CODE", "NVARCHAR2", 1)])
    all_of(c, "SELECT 1 FROM p WHERE code = :1", ["x"])
    eq(one(c, "SELECT SUM(hits) FROM buktor_scans"), 1)
    # An old server.
    admin.execute("BEGIN BUKTOR_FAULT.SETTING('server_version', '11.2.0.4.0'); END;")
    old = connect("chk_dictionary")
    o = old.cursor()
    eq(old.version, "11.2.0.4.0")
    eq(code(lambda: o.execute("SELECT identity_column FROM all_tab_cols")), 904)
    eq(code(lambda: o.execute("SELECT * FROM all_tab_identity_cols")), 942)
    eq(code(lambda: o.execute("SELECT 1 FROM p FETCH FIRST 1 ROWS ONLY")), 933)
    eq(code(lambda: o.execute("SELECT " + "x" * 31 + " FROM DUAL")), 972)
    eq(code(lambda: o.execute("CREATE TABLE i (a NUMBER GENERATED ALWAYS AS IDENTITY)")), 2000)
    con.close()


for check in (values, functions, statements, blocks, sessions, faults, logins, dictionary):
    if len(sys.argv) > 3 and check.__name__ not in sys.argv[3:]:
        continue
    try:
        check()
    except Exception as error:  # noqa: BLE001: whatever it is, the other checks still run
        failures += 1
        import traceback
        traceback.print_exc()
        print(f"{check.__name__} ended early: {error}", file=sys.stderr)
print(f"check.py: {checks} checks, {failures} failed")
sys.exit(1 if failures else 0)
