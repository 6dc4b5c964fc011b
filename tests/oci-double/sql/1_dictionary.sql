-- What the double keeps of Oracle in a PostgreSQL database: users, the types that tables were made with, faults.
-- Names are as Oracle's dictionary spells them (unquoted ones in upper case).
SET check_function_bodies = off;
CREATE SCHEMA ora;
CREATE SCHEMA "SYS";
CREATE SCHEMA "SYSTEM";

CREATE TABLE ora.settings (name text PRIMARY KEY, value text);
INSERT INTO ora.settings VALUES
    ('server_version', '19.0.0.0.0'),
    -- 'both', 'service' or 'sid': what this database's name is known as to the listener.
    ('reachable_as', 'both'),
    ('failed_login_attempts', '10'),
    ('server_time_zone', 'UTC'),
    ('character_set', 'AL32UTF8'),
    ('length_semantics', 'BYTE'),
    -- Makes ALL_TAB_COLUMNS and the like slow, in seconds.
    ('dictionary_delay', '0');

CREATE TABLE ora.users (name text PRIMARY KEY, password text, state text NOT NULL DEFAULT 'OPEN',
    failed int NOT NULL DEFAULT 0, created timestamp NOT NULL DEFAULT now());
CREATE TABLE ora.logins (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), name text, outcome text);
CREATE TABLE ora.roles (name text PRIMARY KEY);
CREATE TABLE ora.role_grants (role text, grantee text, PRIMARY KEY (role, grantee));
CREATE TABLE ora.sys_privs (privilege text, grantee text, PRIMARY KEY (privilege, grantee));
CREATE TABLE ora.grants (owner text, object text, privilege text, col text NOT NULL DEFAULT '', grantee text,
    PRIMARY KEY (owner, object, privilege, col, grantee));
INSERT INTO ora.users (name, password) VALUES ('SYS', 'manager'), ('SYSTEM', 'manager'), ('PUBLIC', NULL);
UPDATE ora.users SET state = 'LOCKED' WHERE name = 'PUBLIC';
INSERT INTO ora.roles VALUES ('DBA'), ('CONNECT'), ('RESOURCE');
INSERT INTO ora.role_grants VALUES ('DBA', 'SYS'), ('DBA', 'SYSTEM');

CREATE TABLE ora.tables (owner text, name text, temporary boolean NOT NULL DEFAULT false, PRIMARY KEY (owner, name));
CREATE TABLE ora.columns (owner text, tab text, name text, id int, type text, length int, chars int, unit text, prec int,
    scale int, nullable boolean NOT NULL DEFAULT true, deflt text, is_virtual boolean NOT NULL DEFAULT false, identity text,
    on_null boolean NOT NULL DEFAULT false, sequence text, deflt_pg text,
    -- The name in PostgreSQL, between quotes.
    quoted text, PRIMARY KEY (owner, tab, name));
CREATE TABLE ora.constraints (owner text, name text, tab text, type text, status text NOT NULL DEFAULT 'ENABLED',
    r_owner text, r_name text, condition text, delete_rule text, index_name text, is_deferrable boolean DEFAULT false,
    generated boolean DEFAULT false, PRIMARY KEY (owner, name));
CREATE TABLE ora.cons_columns (owner text, name text, tab text, col text, position int, PRIMARY KEY (owner, name, col));
CREATE TABLE ora.indexes (owner text, name text, table_owner text, tab text, uniqueness text, type text DEFAULT 'NORMAL',
    status text DEFAULT 'VALID', PRIMARY KEY (owner, name));
CREATE TABLE ora.ind_columns (owner text, name text, table_owner text, tab text, col text, position int, descend text DEFAULT 'ASC',
    expression text, PRIMARY KEY (owner, name, position));
CREATE TABLE ora.views (owner text, name text, body text, read_only boolean DEFAULT false, PRIMARY KEY (owner, name));
CREATE TABLE ora.synonyms (owner text, name text, t_owner text, t_name text, link text, PRIMARY KEY (owner, name));
CREATE TABLE ora.sequences (owner text, name text, lowest numeric, highest numeric, step numeric, cycles boolean,
    PRIMARY KEY (owner, name));
CREATE TABLE ora.triggers (owner text, name text, t_owner text, tab text, type text, event text, status text DEFAULT 'ENABLED',
    body text, valid boolean DEFAULT true, PRIMARY KEY (owner, name));
CREATE TABLE ora.procedures (owner text, name text, kind text, params text, status text DEFAULT 'VALID', PRIMARY KEY (owner, name));
-- What a real server would have answered by reading all of a table.
CREATE TABLE ora.scans (owner text, tab text, col text, reason text, hits bigint, sql_text text, PRIMARY KEY (owner, tab, col, reason));
-- What is to go wrong: see the head of src/lib.rs.
CREATE TABLE ora.faults (id bigserial PRIMARY KEY, kind text NOT NULL, pattern text, code int, message text, seconds numeric,
    remaining int NOT NULL DEFAULT 1, username text);
CREATE SEQUENCE ora.ddl_version;
CREATE SEQUENCE ora.object_number START 74001;
SELECT nextval('ora.ddl_version');

CREATE TYPE ora.tstz AS (ts timestamptz, off int);
-- A LONG column in a dictionary view.
CREATE DOMAIN ora.long AS text;

CREATE FUNCTION ora.setting(p text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT value FROM ora.settings WHERE name = p $$;
CREATE FUNCTION ora.me() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('buktor.user', true) $$;
CREATE FUNCTION ora.major() RETURNS int LANGUAGE sql STABLE AS $$ SELECT split_part(ora.setting('server_version'), '.', 1)::int $$;

-- The roles of a user, with those that come by roles, and PUBLIC.
CREATE FUNCTION ora.identities(who text) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    WITH RECURSIVE r(name) AS (
        SELECT who UNION SELECT 'PUBLIC'
        UNION SELECT g.role FROM ora.role_grants g JOIN r ON g.grantee = r.name)
    SELECT name FROM r
$$;

-- What `who` may do with an object: ALL, or the granted privileges.
CREATE FUNCTION ora.privileges(who text, o text, n text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN who = o OR who IN ('SYS', 'SYSTEM')
            OR EXISTS (SELECT 1 FROM ora.identities(who) i WHERE i = 'DBA') THEN 'ALL'
        ELSE (SELECT string_agg(DISTINCT p, ',') FROM (
            SELECT g.privilege || CASE WHEN g.col = '' THEN '' ELSE '(' || g.col || ')' END
                FROM ora.grants g WHERE g.owner = o AND g.object = n AND g.grantee IN (SELECT ora.identities(who))
            UNION SELECT split_part(s.privilege, ' ', 1) FROM ora.sys_privs s
                WHERE s.privilege LIKE '% ANY TABLE' AND s.grantee IN (SELECT ora.identities(who))) x(p)) END
$$;
CREATE FUNCTION ora.sees(o text, n text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT ora.privileges(ora.me(), o, n) IS NOT NULL
$$;

CREATE TYPE ora.found AS (kind text, owner text, name text, privileges text, col text, type text, length int, chars int,
    unit text, prec int, scale int, nullable boolean, is_virtual boolean, identity text, indexed boolean, deflt_pg text,
    extra text);

-- The type of a dictionary view's column.
CREATE FUNCTION ora.dictionary_column(a pg_attribute) RETURNS ora.found LANGUAGE sql STABLE AS $$
    SELECT 'VIEW'::text, 'SYS'::text, NULL::text, 'SELECT'::text, a.attname::text,
        CASE t.typname WHEN 'numeric' THEN 'NUMBER' WHEN 'int4' THEN 'NUMBER' WHEN 'int8' THEN 'NUMBER'
            WHEN 'timestamp' THEN 'DATE' WHEN 'long' THEN 'LONG' ELSE 'VARCHAR2' END,
        CASE WHEN t.typname IN ('numeric', 'int4', 'int8') THEN 22 WHEN t.typname = 'timestamp' THEN 7
            WHEN t.typname = 'long' THEN 0 ELSE 128 END,
        128, 'B', NULL::int, NULL::int, true, false, NULL::text, false, NULL::text, NULL::text
    FROM pg_type t WHERE t.oid = a.atttypid
$$;

-- An object by its name as `who` sees it from `schema_`, with its columns; no row at all if there is none.
CREATE FUNCTION ora.lookup(who text, schema_ text, owner_ text, name_ text) RETURNS SETOF ora.found LANGUAGE plpgsql STABLE AS $$
DECLARE
    o text := coalesce(owner_, schema_);
    n text := name_;
    p text;
    s ora.synonyms;
    k text;
    x text;
BEGIN
    FOR hops IN 1..17 LOOP
        k := CASE WHEN EXISTS (SELECT 1 FROM ora.tables t WHERE t.owner = o AND t.name = n) THEN 'TABLE'
            WHEN EXISTS (SELECT 1 FROM ora.views t WHERE t.owner = o AND t.name = n) THEN 'VIEW'
            WHEN EXISTS (SELECT 1 FROM ora.sequences t WHERE t.owner = o AND t.name = n) THEN 'SEQUENCE' END;
        IF k IS NULL THEN
            SELECT kind, params INTO k, x FROM ora.procedures t WHERE t.owner = o AND t.name = n;
        END IF;
        IF k IS NOT NULL THEN
            p := ora.privileges(who, o, n);
            IF p IS NULL THEN RETURN; END IF;
            IF k IN ('TABLE', 'VIEW') THEN
                RETURN QUERY SELECT k, o, n, p, c.name, c.type, c.length, c.chars, c.unit, c.prec, c.scale, c.nullable,
                    c.is_virtual, c.identity,
                    EXISTS (SELECT 1 FROM ora.ind_columns i WHERE i.table_owner = o AND i.tab = n AND i.col = c.name),
                    c.deflt_pg, NULL::text
                    FROM ora.columns c WHERE c.owner = o AND c.tab = n ORDER BY c.id;
            ELSE
                RETURN NEXT ROW(k, o, n, p, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, x)::ora.found;
            END IF;
            RETURN;
        END IF;
        SELECT * INTO s FROM ora.synonyms y WHERE y.owner = o AND y.name = n;
        IF s.name IS NULL AND hops = 1 AND (owner_ IS NULL OR owner_ = 'SYS') THEN
            IF to_regclass(format('"SYS".%I', n)) IS NOT NULL THEN
                RETURN QUERY SELECT 'VIEW', 'SYS', n, 'SELECT', d.col, d.type, d.length, d.chars, d.unit, d.prec, d.scale,
                    d.nullable, d.is_virtual, d.identity, d.indexed, d.deflt_pg, d.extra
                    FROM pg_attribute a, ora.dictionary_column(a) d
                    WHERE a.attrelid = to_regclass(format('"SYS".%I', n)) AND a.attnum > 0
                        AND (ora.major() >= 12 OR a.attname NOT IN ('IDENTITY_COLUMN', 'DEFAULT_ON_NULL'))
                        AND (ora.major() >= 12 OR n NOT LIKE '%_TAB_IDENTITY_COLS')
                    ORDER BY a.attnum;
                RETURN;
            END IF;
            IF owner_ IS NULL THEN
                SELECT * INTO s FROM ora.synonyms y WHERE y.owner = 'PUBLIC' AND y.name = n;
            END IF;
        END IF;
        IF s.name IS NULL THEN RETURN; END IF;
        IF s.link IS NOT NULL THEN
            RETURN NEXT ROW('LINK', s.t_owner, s.t_name, 'ALL', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                NULL, NULL, s.link)::ora.found;
            RETURN;
        END IF;
        o := s.t_owner;
        n := s.t_name;
        s := NULL;
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'ORA00', MESSAGE = 'ORA-01775: looping chain of synonyms';
END $$;

-- The next fault for a moment (`statement`, `commit`) of a session, if there is one.
CREATE FUNCTION ora.fault(moment text, stmt text) RETURNS SETOF ora.faults LANGUAGE sql STABLE AS $$
    SELECT * FROM ora.faults f
    WHERE f.remaining > 0 AND (f.username IS NULL OR f.username = ora.me())
        AND CASE moment WHEN 'commit' THEN f.kind LIKE '%commit%' ELSE f.kind NOT LIKE '%commit%' END
        AND (f.pattern IS NULL OR upper(stmt) LIKE upper(f.pattern))
    ORDER BY f.id LIMIT 1
$$;
