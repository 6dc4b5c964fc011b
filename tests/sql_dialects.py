"""Reads every statement that the daemon renders (the snapshots of src/sql) with a parser that is not ours: sqlglot, in the
dialect of its database. Also refuses words of another database, and shows first that it refuses what is wrong.

Run by tests/run.sh. Each line of a snapshot has the dialect, perhaps a number of rows, and the statement.
"""

import re
import sys
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

SNAPSHOTS = ["src/sql/upsert/snapshots", "src/sql/select/snapshots"]
PARSERS = {"mysql": "mysql", "sqlite": "sqlite", "sqlserver": "tsql", "oracle": "oracle"}
# A snapshot that was not found, or that cannot be read any more, must not look like one without mistakes.
STATEMENTS_MIN = 25

STATEMENT = re.compile(r"(mysql|sqlite|sqlserver|oracle) +(?:\d+ +)?(.+)")
QUOTED = {
    "mysql": r"`(?:[^`]|``)*`|'(?:[^']|'')*'",
    "sqlite": r'"(?:[^"]|"")*"|' + r"'(?:[^']|'')*'",
    "sqlserver": r"\[(?:[^\]]|\]\])*\]|'(?:[^']|'')*'",
    "oracle": r'"(?:[^"]|"")*"|' + r"'(?:[^']|'')*'",
}
# What no statement of the database may have outside of names and texts, which stand here as Q.
ANYWHERE = {
    r"Q\s*Q": "two names side by side",
    r"(?<!SCOPE_IDENTITY)\(\s*\)": "an empty list",
    r",\s*(,|\)|$|FROM\b|WHERE\b|RETURNING\b)": "a comma too many",
    r"\bSET\s+(WHERE\b|;|$)": "SET of nothing",
}
FOREIGN = {
    "mysql": {r"@P\d": "@P1", r":\d": ":1", r"\[": "a bracket", r'"': "a double quote", r"\bRETURNING\b": "RETURNING"},
    "sqlite": {r"@P\d": "@P1", r":\d": ":1", r"\[": "a bracket", r"`": "a backtick", r"\bDUAL\b": "DUAL"},
    "sqlserver": {
        r"\bLIMIT\b": "LIMIT",
        r"\bROWNUM\b": "ROWNUM",
        r"\bDUAL\b": "DUAL",
        r"\bRETURNING\b": "RETURNING",
        r"\bFOR\s+UPDATE\b": "FOR UPDATE",
        r"\bON\s+(DUPLICATE|CONFLICT)\b": "another database's upsert",
        r"\bMERGE\b": "MERGE, which needs more hints here than it saves",
        r"`": "a backtick",
        r'"': "a double quote",
        r"\?": "a question mark",
        r":\d": ":1",
        r"\bAS\s+matched\b(?!\s*(FROM|$))": "a column `matched` that is not at the end",
    },
    "oracle": {
        r"\bLIMIT\b": "LIMIT",
        r"\bTOP\b": "TOP",
        r"\bON\s+(DUPLICATE|CONFLICT)\b": "another database's upsert",
        r"\bexcluded\b": "excluded",
        r"@": "an at sign",
        r"`": "a backtick",
        r"\[": "a bracket",
        r"\?": "a question mark",
        r";": "a semicolon",
        r"\b(INTO|FROM|JOIN|UPDATE)\s+(Q\.)?(Q|DUAL)\s+AS\b": "AS before a table's alias",
        r"\)\s+AS\s+\w+\s+(ON|WHERE|SET)\b": "AS before a table's alias",
        r"\bUSING\b(?!\s*\()": "USING without a query",
        r"\)\s*s\s+ON\b(?!\s*\()": "ON without parentheses",
        r"\bSELECT\b(?!.*\bFROM\b)": "SELECT without FROM",
    },
}
# Statements that must be refused: what this test would miss otherwise.
WRONG = {
    "mysql": ["UPDATE `a` SET WHERE `b` = ?", "UPDATE [a] SET [b] = ?", "SELECT `a` `b` `c` FROM `t`"],
    "sqlite": ["SELECT \"a\" FROM \"t\" WHERE", "SELECT \"a\" FROM DUAL"],
    "sqlserver": [
        "SELECT [a] FROM [t] LIMIT 1",
        "SELECT TOP (1) [a] FROM [t] WHERE",
        "SELECT `a` FROM `t`",
        "UPDATE [t] SET [a] = ? WHERE [b] = CAST(@P1 AS int)",
        "UPDATE [t] SET WHERE [b] = CAST(@P1 AS int)",
        "UPDATE [t] SET [a] = CAST(@P1 AS int WHERE [b] = CAST(@P2 AS int)",
        "INSERT INTO [t] ([a]) VALUES (CAST(@P1 AS int)) ON DUPLICATE KEY UPDATE [a] = 1",
        "INSERT INTO [t] () VALUES ()",
        "INSERT INTO [a]b] ([c]) VALUES (CAST(@P1 AS int))",
        "DECLARE @n int; UPDATE [t] WITH (UPDLOCK SET [a] = CAST(@P1 AS int); SELECT @n AS matched",
    ],
    "oracle": [
        'SELECT "a" FROM "t" WHERE "b" = :1 LIMIT 1',
        'SELECT "a" FROM "t" WHERE "b" = :1;',
        'SELECT "a" FROM "t" WHERE "b" = ',
        'SELECT :1',
        'UPDATE "t" AS x SET "a" = :1',
        'UPDATE "t" SET "a" = ? WHERE "b" = :1',
        'UPDATE "t" SET "a" = @P1',
        'SELECT "a""b FROM "t"',
        'INSERT INTO "t" ("a") VALUES (:1), RETURNING "a" INTO :2',
        'INSERT INTO "t" ("a") VALUES (:1) RETURNING INTO "a" :2',
        'MERGE INTO "t" t USING (SELECT :1 AS "k" FROM DUAL) AS s ON (t."k" = s."k") '
        'WHEN NOT MATCHED THEN INSERT ("k") VALUES (s."k")',
        'MERGE INTO "t" t USING (SELECT :1 AS "k" FROM DUAL) s ON t."k" = s."k" '
        'WHEN NOT MATCHED THEN INSERT ("k") VALUES (s."k")',
        'MERGE INTO "t" t USING (SELECT :1 AS "k" FROM DUAL) s ON (t."k" = s."k") '
        'WHEN NOT MATCHED THEN INSERT ("k") (s."k")',
    ],
}


def readable(sql, dialect):
    """What sqlglot does not know, in words that it does: numbers for placeholders' names, and the text of an XML column."""
    if dialect != "oracle":
        return sql
    pattern = re.compile(QUOTED[dialect] + r"|:(?=\d)")
    sql = pattern.sub(lambda m: ":p" if m[0] == ":" else m[0], sql)
    # Of LOCK TABLE the name is left to read; the rest must be to the letter.
    sql = re.sub(r"^LOCK TABLE (.+) IN SHARE MODE WAIT \d+$", r"SELECT 1 FROM \1", sql)
    return re.sub(r"XMLSERIALIZE\(CONTENT (.+?) AS CLOB\)", r"CAST(\1 AS CLOB)", sql)


def mistakes(sql, dialect):
    """What is wrong with a statement, in words."""
    bare = re.sub(QUOTED[dialect], "Q", sql)
    found = [f"has {what}" for pattern, what in {**ANYWHERE, **FOREIGN[dialect]}.items() if re.search(pattern, bare, re.I)]
    if bare.count("(") != bare.count(")"):
        found.append("has parentheses without their partners")
    try:
        trees = sqlglot.parse(readable(sql, dialect), read=PARSERS[dialect], error_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        return [*found, f"is not understood: {str(error).splitlines()[0]}"]
    for tree in trees:
        # sqlglot keeps what it has no grammar for as it stands: that is not read.
        if tree is None or isinstance(tree, exp.Command) or tree.find(exp.Command):
            found.append("has a part that is not understood")
    return found


def main():
    wrong = []
    for dialect, statements in WRONG.items():
        wrong += [f"{dialect}: is not refused, though it is wrong: {sql}" for sql in statements if not mistakes(sql, dialect)]
    counts = dict.fromkeys(PARSERS, 0)
    for file in sorted(file for folder in SNAPSHOTS for file in Path(folder).glob("*.snap")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if statement := STATEMENT.fullmatch(line):
                dialect, sql = statement.groups()
                counts[dialect] += 1
                wrong += [f"{file.name}:{number}: {dialect}: {what}: {sql}" for what in mistakes(sql, dialect)]
    wrong += [f"{dialect}: {count} statements were found" for dialect, count in counts.items() if count < STATEMENTS_MIN]
    for what in wrong:
        print(what, file=sys.stderr)
    found = ", ".join(f"{count} of {dialect}" for dialect, count in counts.items())
    print(f"statements read by sqlglot {sqlglot.__version__}: {found}; {len(wrong)} mistakes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
