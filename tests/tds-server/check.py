#!/usr/bin/env python3
"""Holds tds-server against clients that nobody here has written: python-tds and FreeTDS' tsql.

    check.py TDS_SERVER_BINARY TSQL_BINARY

It starts the server itself, asserts typed values, counts, errors by number, TLS, transactions and survival of kill -9,
and prints how many checks it made."""

import datetime
import decimal
import os
import signal
import subprocess
import sys
import tempfile
import uuid

import pytds

BINARY, TSQL = sys.argv[1:3]
PASSWORD = "pä$$;word"
made = 0


def check(found, expected, what):
    global made
    made += 1
    if found != expected or type(found) is not type(expected):
        raise SystemExit(f"{what}\n  expected {expected!r}\n  found    {found!r}")


class Server:
    def __init__(self, folder, *more):
        self.process = subprocess.Popen(
            [BINARY, "--listen", "127.0.0.1:0", "--folder", folder, "--login", f"sa:{PASSWORD}", "--database", "his", *more],
            stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def connect(self, **options):
        options = {"autocommit": True, "login_timeout": 10, "timeout": 30, "database": "his"} | options
        return pytds.connect("127.0.0.1", user="sa", password=PASSWORD, port=self.port, **options)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def end(self):
        self.process.terminate()
        check(self.process.wait(10), 0, "SIGTERM ends the server")


def error(cursor, sql, params=()):
    try:
        cursor.execute(sql, params)
        while cursor.nextset():
            pass
    except pytds.Error as failure:
        return getattr(failure, "number", None)
    return 0


def values(server):
    """Every type comes as python-tds knows it from a real server."""
    D, t = decimal.Decimal, datetime
    half = t.timezone(t.timedelta(hours=5, minutes=30))
    cases = [
        ("CAST(1 AS bit)", True), ("CAST(200 AS tinyint)", 200), ("CAST(-3 AS smallint)", -3), ("CAST(-2147483648 AS int)", -2147483648),
        ("CAST(-9223372036854775807 AS bigint)", -9223372036854775807), ("CAST(-1.005 AS decimal(9,2))", D("-1.01")),
        ("CAST('99999999999999999999999999999999999999' AS decimal(38,0))", D("9" * 38)),
        ("CAST(-922337203685477.5808 AS money)", D("-922337203685477.5808")), ("CAST(214748.3647 AS smallmoney)", D("214748.3647")),
        ("CAST(1.25 AS real)", 1.25), ("CAST(0.1 AS float)", 0.1), ("'text'", "text"), ("N'ä中'", "ä中"), ("CAST('a' AS char(3))", "a  "),
        ("CAST(N'b' AS nchar(3))", "b  "), ("REPLICATE(CAST('x' AS varchar(max)), 20000)", "x" * 8000), ("CAST(N'€' AS varchar(5))", "€"),
        ("CAST('old' AS text)", "old"), ("CAST(N'öld' AS ntext)", "öld"), ("CAST(0x0102 AS image)", b"\1\2"), ("0x00FF", b"\0\xff"),
        ("CAST(0x01 AS binary(3))", b"\1\0\0"), ("CAST('20240229' AS date)", t.date(2024, 2, 29)),
        ("CAST('10:11:12.1234567' AS time(6))", t.time(10, 11, 12, 123457)),
        ("CAST('20240229 10:11:12.998' AS datetime)", t.datetime(2024, 2, 29, 10, 11, 12, 997000)),
        ("CAST('20240229 10:11:31' AS smalldatetime)", t.datetime(2024, 2, 29, 10, 12)),
        ("CAST('2024-02-29T10:11:12.123456' AS datetime2(6))", t.datetime(2024, 2, 29, 10, 11, 12, 123456)),
        ("CAST('0001-01-01' AS datetime2(0))", t.datetime(1, 1, 1)),
        ("CAST('2024-02-29T10:11:12+05:30' AS datetimeoffset(0))", t.datetime(2024, 2, 29, 10, 11, 12, tzinfo=half)),
        ("CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier)", uuid.UUID("6F9619FF-8B86-D011-B42D-00C04FC964FF")),
        ("CAST(NULL AS int)", None), ("CAST(NULL AS datetime2)", None), ("CAST(NULL AS varchar(max))", None), ("CAST(NULL AS money)", None),
        ("SERVERPROPERTY('EngineEdition')", 3), ("CAST(SERVERPROPERTY('ProductVersion') AS varchar(20))", "14.0.3480.1"),
    ]
    with server.connect() as db, db.cursor() as cursor:
        for sql, expected in cases:
            cursor.execute(f"SELECT {sql} AS v")
            found = cursor.fetchone()[0]
            if isinstance(expected, t.datetime) and expected.tzinfo:
                check(found.utcoffset(), expected.utcoffset(), sql)
                check(found == expected, True, sql)
            else:
                check(found, expected, sql)
        cursor.execute("SELECT " + ", ".join(f"{sql} AS c{i}" for i, (sql, _) in enumerate(cases)))
        check(len(cursor.fetchone()), len(cases), "all in one row")


def parameters(server):
    given = [1, -(2**40), 2.5, True, "text", "ä" * 5000, pytds.Binary(b"\1\2"), decimal.Decimal("-12.345"), datetime.date(2024, 2, 29),
             datetime.datetime(2024, 2, 29, 10, 11, 12, 345000), datetime.time(1, 2, 3), uuid.UUID(int=77), None]
    with server.connect() as db, db.cursor() as cursor:
        for value in given:
            cursor.execute("SELECT %s AS v", (value,))
            plain = bytes(value) if isinstance(value, pytds.Binary) else value
            check(cursor.fetchone()[0], plain, f"parameter {value!r:.40}")
        cursor.execute("SELECT COUNT(*) FROM (VALUES (%s, %s), (%s, %s)) AS x (a, b) WHERE a = %s", (1, "a", 2, "b", 2))
        check(cursor.fetchone()[0], 1, "five parameters")
        check(error(cursor, "SELECT CAST(%s AS int)", ("x",)), 245, "a parameter that is no number")


def tables(server):
    with server.connect() as db, db.cursor() as cursor:
        cursor.execute("CREATE TABLE dbo.Patient (ID int IDENTITY(100,1) NOT NULL CONSTRAINT PK_Patient PRIMARY KEY, "
                       "Ext varchar(20) NOT NULL CONSTRAINT UQ_Ext UNIQUE, Name nvarchar(10) NULL, Fee decimal(9,2) NOT NULL DEFAULT 0)")
        cursor.execute("INSERT INTO Patient (Ext, Name) VALUES (%s, %s), (%s, NULL)", ("p-1", "Ann", "p-2"))
        check(cursor.rowcount, 2, "rows inserted")
        cursor.execute("UPDATE Patient SET Fee = 1.005 WHERE Ext LIKE 'P-%'")
        check(cursor.rowcount, 2, "rows updated")
        cursor.execute("SELECT ID, Ext, Name, Fee FROM Patient ORDER BY ID")
        check(cursor.fetchall(), [(100, "p-1", "Ann", decimal.Decimal("1.01")), (101, "p-2", None, decimal.Decimal("1.01"))], "rows")
        check([c[0] for c in cursor.description], ["ID", "Ext", "Name", "Fee"], "names of columns")
        for sql, number in [
            ("INSERT INTO Patient (Ext) VALUES ('P-1 ')", 2627), ("INSERT INTO Patient (Ext) VALUES (NULL)", 515),
            ("INSERT INTO Patient (ID, Ext) VALUES (1, 'x')", 544), ("UPDATE Patient SET Name = N'12345678901'", 8152),
            ("SELECT * FROM Nothing", 208), ("SELECT Nothing FROM Patient", 207), ("SELECT * FROM Patient LIMIT 1", 102),
            ("SELEKT 1", 2812), ("SELECT @x", 137), ("UPDATE Patient SET Fee = 12345678", 8115), ("EXEC Nothing", 2812),
            ("INSERT INTO Patient (Ext) VALUES ('y') RETURNING ID", 102), ("SELECT 1/0", 8134),
        ]:
            check(error(cursor, sql), number, sql)
        cursor.execute("DECLARE @n int; UPDATE Patient SET Fee = 2 WHERE Ext = 'p-9'; SET @n = @@ROWCOUNT; "
                       "IF @n = 0 INSERT INTO Patient (Ext) VALUES ('p-9'); SELECT @n AS n, CAST(SCOPE_IDENTITY() AS int) AS id")
        while cursor.description is None:
            cursor.nextset()
        row = cursor.fetchone()
        check(row[0], 0, "no row was updated")
        check(row[1] > 101, True, "the identity of the new row")


def transactions(server):
    with server.connect(autocommit=False) as db, db.cursor() as cursor:
        cursor.execute("INSERT INTO Patient (Ext) VALUES ('t-1')")
        db.rollback()
        cursor.execute("SELECT COUNT(*) FROM Patient WHERE Ext = 't-1'")
        check(cursor.fetchone()[0], 0, "rolled back by a transaction manager request")
        cursor.execute("INSERT INTO Patient (Ext) VALUES ('t-2')")
        db.commit()
    with server.connect() as db, db.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM Patient WHERE Ext = 't-2'")
        check(cursor.fetchone()[0], 1, "committed")
        cursor.execute("SET XACT_ABORT ON; BEGIN TRANSACTION; DELETE FROM Patient")
        check(error(cursor, "INSERT INTO Patient (Ext) VALUES (NULL)"), 515, "an error in a transaction")
        cursor.execute("SELECT @@TRANCOUNT, COUNT(*) FROM Patient")
        check(cursor.fetchone() > (0, 0), True, "XACT_ABORT has rolled back")


def encryption(folder):
    try:
        import OpenSSL  # noqa: F401  python-tds needs it for TLS
    except ImportError:
        raise SystemExit("pyOpenSSL is missing beside python-tds")
    cert, key = os.path.join(folder, "server.pem"), os.path.join(folder, "server.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=DNS:127.0.0.1,IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    for mode, login_only, encrypted in [("login", True, "FALSE"), ("on", False, "TRUE"), ("require", False, "TRUE")]:
        server = Server(os.path.join(folder, "tls-" + mode), "--tls", mode, "--cert", cert, "--key", key)
        with server.connect(cafile=cert, enc_login_only=login_only, validate_host=False) as db, db.cursor() as cursor:
            cursor.execute("SELECT encrypt_option FROM sys.dm_exec_connections WHERE session_id = @@SPID")
            check(cursor.fetchone()[0], encrypted, f"--tls {mode}")
            cursor.execute("SELECT %s AS v", ("x" * 50000,))
            check(len(cursor.fetchone()[0]), 50000, f"many packets under --tls {mode}")
        server.end()
    server = Server(os.path.join(folder, "tls-old"), "--tls", "old")
    try:
        server.connect(cafile=cert, validate_host=False)
        raise SystemExit("--tls old let a client in")
    except Exception as failure:
        check("protocol" in str(failure) or "version" in str(failure), True, f"--tls old: {failure}")
    server.end()


def tsql(server, script, version="7.4"):
    """What tsql prints for a script, without its prompts."""
    environment = os.environ | {"TDSVER": version, "LC_ALL": "C.UTF-8"}
    done = subprocess.run([TSQL, "-H", "127.0.0.1", "-p", str(server.port), "-U", "sa", "-P", PASSWORD, "-D", "his", "-o", "fhq"],
                          input=script + "\nexit\n", text=True, capture_output=True, timeout=60, env=environment)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip() and not line.startswith("locale")]
    return lines


def freetds(server):
    for version in ["7.2", "7.3", "7.4"]:
        lines = tsql(server, "SELECT 1 AS a, N'ä' AS b, CAST(1.50 AS decimal(5,2)) AS c, CAST('20240229' AS datetime) AS d\ngo", version)
        # How dates are written depends on FreeTDS' locale.
        check(lines[0].startswith("1\tä\t1.50\tFeb 29 2024 12:00"), True, f"tsql with TDS {version}: {lines}")
    check(tsql(server, "SELECT Ext FROM Patient WHERE ID < 102 ORDER BY ID\ngo"), ["p-1", "p-2"], "rows by tsql")
    lines = tsql(server, "INSERT INTO Patient (Ext) VALUES (NULL)\ngo")
    check(any("Msg 515 (severity 16, state 2)" in line for line in lines), True, f"an error by tsql: {lines}")
    lines = tsql(server, "BEGIN TRAN\nINSERT INTO Patient (Ext) VALUES ('f-1')\nROLLBACK\ngo\nSELECT COUNT(*) FROM Patient WHERE Ext = 'f-1'\ngo")
    check(lines[-1], "0", f"a transaction by tsql: {lines}")
    check(tsql(server, "SELECT o.name FROM sys.objects o WHERE o.type = 'U' ORDER BY o.name\ngo"), ["Patient"], "the catalog by tsql")


def survival(folder):
    server = Server(folder)
    with server.connect() as db, db.cursor() as cursor:
        cursor.execute("INSERT INTO Patient (Ext) VALUES ('alive')")
        cursor.execute("BEGIN TRAN; INSERT INTO Patient (Ext) VALUES ('dead')")
        server.kill()
    server = Server(folder)
    with server.connect() as db, db.cursor() as cursor:
        cursor.execute("SELECT Ext FROM Patient WHERE Ext IN ('alive', 'dead')")
        check(cursor.fetchall(), [("alive",)], "what was committed survives kill -9, and nothing else")
    return server


with tempfile.TemporaryDirectory() as folder:
    data = os.path.join(folder, "data")
    first = Server(data)
    values(first)
    parameters(first)
    tables(first)
    transactions(first)
    freetds(first)
    first.end()
    survival(data).end()
    encryption(folder)
print(f"check.py: {made} checks passed")
