-- Oracle's dictionary views over what the double keeps. They show only what the user of the session may see.
SET check_function_bodies = off;
CREATE VIEW "SYS"."DUAL" AS SELECT 'X'::text AS "DUMMY";

CREATE VIEW ora.objects AS
    SELECT owner, name, 'TABLE' AS kind, 'VALID' AS status FROM ora.tables
    UNION ALL SELECT owner, name, 'VIEW', 'VALID' FROM ora.views
    UNION ALL SELECT owner, name, 'SYNONYM', 'VALID' FROM ora.synonyms
    UNION ALL SELECT owner, name, 'SEQUENCE', 'VALID' FROM ora.sequences
    UNION ALL SELECT owner, name, 'INDEX', 'VALID' FROM ora.indexes
    UNION ALL SELECT owner, name, 'TRIGGER', CASE WHEN valid THEN 'VALID' ELSE 'INVALID' END FROM ora.triggers
    UNION ALL SELECT owner, name, kind, status FROM ora.procedures;

CREATE VIEW ora.dictionary_views AS
    SELECT 'SYS'::text AS owner, viewname::text AS name FROM pg_views WHERE schemaname = 'SYS' AND viewname <> 'DUAL';

CREATE VIEW "SYS"."ALL_OBJECTS" AS
    SELECT o.owner AS "OWNER", o.name AS "OBJECT_NAME", NULL::text AS "SUBOBJECT_NAME",
        (hashtext(o.kind || o.owner || '.' || o.name) & 1048575)::numeric AS "OBJECT_ID", o.kind AS "OBJECT_TYPE",
        '2020-01-01'::timestamp AS "CREATED", '2020-01-01'::timestamp AS "LAST_DDL_TIME", o.status AS "STATUS",
        'N'::text AS "TEMPORARY", 'N'::text AS "GENERATED"
    FROM ora.objects o WHERE ora.sees(o.owner, o.name) OR o.owner = 'PUBLIC'
    UNION ALL SELECT owner, name, NULL, 1, 'VIEW', '2020-01-01', '2020-01-01', 'VALID', 'N', 'N' FROM ora.dictionary_views
    UNION ALL SELECT 'SYS', 'DUAL', NULL, 143, 'TABLE', '2020-01-01', '2020-01-01', 'VALID', 'N', 'N';
CREATE VIEW "SYS"."USER_OBJECTS" AS SELECT "OBJECT_NAME", "OBJECT_ID", "OBJECT_TYPE", "CREATED", "LAST_DDL_TIME", "STATUS",
    "TEMPORARY", "GENERATED" FROM "SYS"."ALL_OBJECTS" WHERE "OWNER" = ora.me();

CREATE VIEW "SYS"."ALL_TABLES" AS
    SELECT owner AS "OWNER", name AS "TABLE_NAME", 'USERS'::text AS "TABLESPACE_NAME", 'VALID'::text AS "STATUS",
        NULL::numeric AS "NUM_ROWS", CASE WHEN temporary THEN 'Y' ELSE 'N' END AS "TEMPORARY", NULL::text AS "IOT_TYPE",
        'NO'::text AS "NESTED", 'NO'::text AS "PARTITIONED", 'NO'::text AS "DROPPED", 'NO'::text AS "SECONDARY"
    FROM ora.tables WHERE ora.sees(owner, name)
    UNION ALL SELECT 'SYS', 'DUAL', 'SYSTEM', 'VALID', 1, 'N', NULL, 'NO', 'NO', 'NO', 'NO';
CREATE VIEW "SYS"."USER_TABLES" AS SELECT "TABLE_NAME", "TABLESPACE_NAME", "STATUS", "NUM_ROWS", "TEMPORARY"
    FROM "SYS"."ALL_TABLES" WHERE "OWNER" = ora.me();

CREATE VIEW "SYS"."ALL_VIEWS" AS
    SELECT owner AS "OWNER", name AS "VIEW_NAME", length(body)::numeric AS "TEXT_LENGTH", body::ora.long AS "TEXT",
        CASE WHEN read_only THEN 'Y' ELSE 'N' END AS "READ_ONLY"
    FROM ora.views WHERE ora.sees(owner, name)
    UNION ALL SELECT owner, name, 0, NULL, 'Y' FROM ora.dictionary_views;
CREATE VIEW "SYS"."USER_VIEWS" AS SELECT "VIEW_NAME", "TEXT_LENGTH", "TEXT", "READ_ONLY" FROM "SYS"."ALL_VIEWS" WHERE "OWNER" = ora.me();

CREATE VIEW "SYS"."ALL_SYNONYMS" AS
    SELECT owner AS "OWNER", name AS "SYNONYM_NAME", t_owner AS "TABLE_OWNER", t_name AS "TABLE_NAME", link AS "DB_LINK"
    FROM ora.synonyms
    WHERE owner = ora.me() OR link IS NOT NULL AND owner = 'PUBLIC' OR ora.sees(t_owner, t_name)
        OR ora.privileges(ora.me(), owner, name) = 'ALL'
        OR EXISTS (SELECT 1 FROM ora.synonyms s WHERE s.owner = ora.synonyms.t_owner AND s.name = ora.synonyms.t_name)
    UNION ALL SELECT 'PUBLIC', name, 'SYS', name, NULL FROM ora.dictionary_views
    UNION ALL SELECT 'PUBLIC', 'DUAL', 'SYS', 'DUAL', NULL;
CREATE VIEW "SYS"."USER_SYNONYMS" AS SELECT "SYNONYM_NAME", "TABLE_OWNER", "TABLE_NAME", "DB_LINK"
    FROM "SYS"."ALL_SYNONYMS" WHERE "OWNER" = ora.me();

CREATE FUNCTION ora.slow() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE s float8 := ora.setting('dictionary_delay')::float8;
BEGIN
    IF s > 0 THEN PERFORM pg_sleep(s); END IF;
    RETURN true;
END $$;

CREATE VIEW "SYS"."ALL_TAB_COLS" AS
    SELECT c.owner AS "OWNER", c.tab AS "TABLE_NAME", c.name AS "COLUMN_NAME",
        CASE c.type WHEN 'TIMESTAMP' THEN 'TIMESTAMP(' || c.scale || ')'
            WHEN 'TIMESTAMP WITH TIME ZONE' THEN 'TIMESTAMP(' || c.scale || ') WITH TIME ZONE'
            WHEN 'TIMESTAMP WITH LOCAL TIME ZONE' THEN 'TIMESTAMP(' || c.scale || ') WITH LOCAL TIME ZONE'
            WHEN 'INTERVAL DAY TO SECOND' THEN 'INTERVAL DAY(2) TO SECOND(6)'
            WHEN 'INTERVAL YEAR TO MONTH' THEN 'INTERVAL YEAR(2) TO MONTH' ELSE c.type END AS "DATA_TYPE",
        NULL::text AS "DATA_TYPE_OWNER", c.length::numeric AS "DATA_LENGTH", c.prec::numeric AS "DATA_PRECISION",
        c.scale::numeric AS "DATA_SCALE", CASE WHEN c.nullable THEN 'Y' ELSE 'N' END AS "NULLABLE", c.id::numeric AS "COLUMN_ID",
        length(c.deflt)::numeric AS "DEFAULT_LENGTH", c.deflt::ora.long AS "DATA_DEFAULT", NULL::numeric AS "NUM_DISTINCT",
        CASE WHEN c.type IN ('NVARCHAR2', 'NCHAR', 'NCLOB') THEN 'NCHAR_CS'
            WHEN c.type IN ('VARCHAR2', 'CHAR', 'CLOB', 'LONG') THEN 'CHAR_CS' END AS "CHARACTER_SET_NAME",
        coalesce(c.chars, 0)::numeric AS "CHAR_LENGTH", c.unit AS "CHAR_USED", 'NO'::text AS "HIDDEN_COLUMN",
        CASE WHEN c.is_virtual THEN 'YES' ELSE 'NO' END AS "VIRTUAL_COLUMN", 'YES'::text AS "USER_GENERATED",
        c.id::numeric AS "INTERNAL_COLUMN_ID", CASE WHEN c.on_null THEN 'YES' ELSE 'NO' END AS "DEFAULT_ON_NULL",
        CASE WHEN c.identity IS NULL THEN 'NO' ELSE 'YES' END AS "IDENTITY_COLUMN"
    FROM ora.columns c WHERE ora.sees(c.owner, c.tab) AND ora.slow()
    UNION ALL SELECT 'SYS', r.relname, a.attname, d.type, NULL, d.length, d.prec, d.scale, 'Y', a.attnum, NULL, NULL, NULL, NULL,
        CASE WHEN d.type = 'VARCHAR2' THEN 128 ELSE 0 END, CASE WHEN d.type = 'VARCHAR2' THEN 'B' END, 'NO', 'NO', 'YES', a.attnum, 'NO', 'NO'
    FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid, ora.dictionary_column(a) d
    WHERE r.relnamespace = '"SYS"'::regnamespace AND a.attnum > 0;
CREATE VIEW "SYS"."ALL_TAB_COLUMNS" AS SELECT "OWNER", "TABLE_NAME", "COLUMN_NAME", "DATA_TYPE", "DATA_TYPE_OWNER", "DATA_LENGTH",
    "DATA_PRECISION", "DATA_SCALE", "NULLABLE", "COLUMN_ID", "DEFAULT_LENGTH", "DATA_DEFAULT", "NUM_DISTINCT", "CHARACTER_SET_NAME",
    "CHAR_LENGTH", "CHAR_USED", "DEFAULT_ON_NULL", "IDENTITY_COLUMN" FROM "SYS"."ALL_TAB_COLS" WHERE "HIDDEN_COLUMN" = 'NO';
CREATE VIEW "SYS"."USER_TAB_COLUMNS" AS SELECT "TABLE_NAME", "COLUMN_NAME", "DATA_TYPE", "DATA_LENGTH", "DATA_PRECISION", "DATA_SCALE",
    "NULLABLE", "COLUMN_ID", "DEFAULT_LENGTH", "DATA_DEFAULT", "CHARACTER_SET_NAME", "CHAR_LENGTH", "CHAR_USED", "DEFAULT_ON_NULL",
    "IDENTITY_COLUMN" FROM "SYS"."ALL_TAB_COLUMNS" WHERE "OWNER" = ora.me();
CREATE VIEW "SYS"."USER_TAB_COLS" AS SELECT "TABLE_NAME", "COLUMN_NAME", "DATA_TYPE", "DATA_LENGTH", "DATA_PRECISION", "DATA_SCALE",
    "NULLABLE", "COLUMN_ID", "DEFAULT_LENGTH", "DATA_DEFAULT", "CHARACTER_SET_NAME", "CHAR_LENGTH", "CHAR_USED", "HIDDEN_COLUMN",
    "VIRTUAL_COLUMN", "DEFAULT_ON_NULL", "IDENTITY_COLUMN" FROM "SYS"."ALL_TAB_COLS" WHERE "OWNER" = ora.me();
CREATE VIEW "SYS"."ALL_TAB_IDENTITY_COLS" AS
    SELECT owner AS "OWNER", tab AS "TABLE_NAME", name AS "COLUMN_NAME", CASE WHEN identity = 'ALWAYS' THEN 'ALWAYS' ELSE 'BY DEFAULT' END
        AS "GENERATION_TYPE", sequence AS "SEQUENCE_NAME", ''::text AS "IDENTITY_OPTIONS"
    FROM ora.columns WHERE identity IS NOT NULL AND ora.sees(owner, tab);
CREATE VIEW "SYS"."USER_TAB_IDENTITY_COLS" AS SELECT "TABLE_NAME", "COLUMN_NAME", "GENERATION_TYPE", "SEQUENCE_NAME"
    FROM "SYS"."ALL_TAB_IDENTITY_COLS" WHERE "OWNER" = ora.me();

CREATE VIEW "SYS"."ALL_CONSTRAINTS" AS
    SELECT owner AS "OWNER", name AS "CONSTRAINT_NAME", type AS "CONSTRAINT_TYPE", tab AS "TABLE_NAME",
        condition::ora.long AS "SEARCH_CONDITION", condition AS "SEARCH_CONDITION_VC", r_owner AS "R_OWNER", r_name AS "R_CONSTRAINT_NAME",
        delete_rule AS "DELETE_RULE", status AS "STATUS",
        CASE WHEN is_deferrable THEN 'DEFERRABLE' ELSE 'NOT DEFERRABLE' END AS "DEFERRABLE", 'IMMEDIATE'::text AS "DEFERRED",
        CASE WHEN status = 'ENABLED' THEN 'VALIDATED' ELSE 'NOT VALIDATED' END AS "VALIDATED",
        CASE WHEN generated THEN 'GENERATED NAME' ELSE 'USER NAME' END AS "GENERATED", owner AS "INDEX_OWNER", index_name AS "INDEX_NAME",
        NULL::text AS "INVALID", NULL::text AS "VIEW_RELATED"
    FROM ora.constraints WHERE ora.sees(owner, tab);
CREATE VIEW "SYS"."USER_CONSTRAINTS" AS SELECT * FROM "SYS"."ALL_CONSTRAINTS" WHERE "OWNER" = ora.me();
CREATE VIEW "SYS"."ALL_CONS_COLUMNS" AS
    SELECT owner AS "OWNER", name AS "CONSTRAINT_NAME", tab AS "TABLE_NAME", col AS "COLUMN_NAME", position::numeric AS "POSITION"
    FROM ora.cons_columns WHERE ora.sees(owner, tab);
CREATE VIEW "SYS"."USER_CONS_COLUMNS" AS SELECT * FROM "SYS"."ALL_CONS_COLUMNS" WHERE "OWNER" = ora.me();

CREATE VIEW "SYS"."ALL_INDEXES" AS
    SELECT owner AS "OWNER", name AS "INDEX_NAME", type AS "INDEX_TYPE", table_owner AS "TABLE_OWNER", tab AS "TABLE_NAME",
        'TABLE'::text AS "TABLE_TYPE", uniqueness AS "UNIQUENESS", status AS "STATUS", 'NO'::text AS "PARTITIONED",
        CASE WHEN type LIKE 'FUNCTION%' THEN 'ENABLED' END AS "FUNCIDX_STATUS", 'VISIBLE'::text AS "VISIBILITY", 'N'::text AS "GENERATED"
    FROM ora.indexes WHERE ora.sees(table_owner, tab);
CREATE VIEW "SYS"."USER_INDEXES" AS SELECT "INDEX_NAME", "INDEX_TYPE", "TABLE_OWNER", "TABLE_NAME", "UNIQUENESS", "STATUS"
    FROM "SYS"."ALL_INDEXES" WHERE "OWNER" = ora.me();
CREATE VIEW "SYS"."ALL_IND_COLUMNS" AS
    SELECT owner AS "INDEX_OWNER", name AS "INDEX_NAME", table_owner AS "TABLE_OWNER", tab AS "TABLE_NAME",
        coalesce(col, 'SYS_NC' || lpad(position::text, 5, '0') || '$') AS "COLUMN_NAME", position::numeric AS "COLUMN_POSITION", descend AS "DESCEND"
    FROM ora.ind_columns WHERE ora.sees(table_owner, tab);
CREATE VIEW "SYS"."USER_IND_COLUMNS" AS SELECT "INDEX_NAME", "TABLE_NAME", "COLUMN_NAME", "COLUMN_POSITION", "DESCEND"
    FROM "SYS"."ALL_IND_COLUMNS" WHERE "INDEX_OWNER" = ora.me();
CREATE VIEW "SYS"."ALL_IND_EXPRESSIONS" AS
    SELECT owner AS "INDEX_OWNER", name AS "INDEX_NAME", table_owner AS "TABLE_OWNER", tab AS "TABLE_NAME",
        expression::ora.long AS "COLUMN_EXPRESSION", position::numeric AS "COLUMN_POSITION"
    FROM ora.ind_columns WHERE expression IS NOT NULL AND ora.sees(table_owner, tab);

CREATE VIEW "SYS"."ALL_TRIGGERS" AS
    SELECT owner AS "OWNER", name AS "TRIGGER_NAME", type AS "TRIGGER_TYPE", event AS "TRIGGERING_EVENT", t_owner AS "TABLE_OWNER",
        'TABLE'::text AS "BASE_OBJECT_TYPE", tab AS "TABLE_NAME", NULL::text AS "COLUMN_NAME", NULL::text AS "WHEN_CLAUSE",
        status AS "STATUS", body::ora.long AS "TRIGGER_BODY"
    FROM ora.triggers WHERE ora.sees(t_owner, tab);
CREATE VIEW "SYS"."USER_TRIGGERS" AS SELECT "TRIGGER_NAME", "TRIGGER_TYPE", "TRIGGERING_EVENT", "TABLE_OWNER", "TABLE_NAME", "STATUS",
    "TRIGGER_BODY" FROM "SYS"."ALL_TRIGGERS" WHERE "OWNER" = ora.me();

CREATE VIEW "SYS"."ALL_TAB_PRIVS" AS
    SELECT owner AS "GRANTOR", grantee AS "GRANTEE", owner AS "TABLE_SCHEMA", object AS "TABLE_NAME", privilege AS "PRIVILEGE",
        'NO'::text AS "GRANTABLE", 'NO'::text AS "HIERARCHY"
    FROM ora.grants WHERE col = '' AND (grantee IN (SELECT ora.identities(ora.me())) OR owner = ora.me());
CREATE VIEW "SYS"."USER_TAB_PRIVS" AS
    SELECT grantee AS "GRANTEE", owner AS "OWNER", object AS "TABLE_NAME", owner AS "GRANTOR", privilege AS "PRIVILEGE",
        'NO'::text AS "GRANTABLE", 'NO'::text AS "HIERARCHY"
    FROM ora.grants WHERE col = '' AND (grantee = ora.me() OR owner = ora.me());
CREATE VIEW "SYS"."ALL_COL_PRIVS" AS
    SELECT owner AS "GRANTOR", grantee AS "GRANTEE", owner AS "TABLE_SCHEMA", object AS "TABLE_NAME", col AS "COLUMN_NAME",
        privilege AS "PRIVILEGE", 'NO'::text AS "GRANTABLE"
    FROM ora.grants WHERE col <> '' AND (grantee IN (SELECT ora.identities(ora.me())) OR owner = ora.me());
CREATE VIEW "SYS"."USER_SYS_PRIVS" AS
    SELECT ora.me() AS "USERNAME", privilege AS "PRIVILEGE", 'NO'::text AS "ADMIN_OPTION"
    FROM ora.sys_privs WHERE grantee IN (ora.me(), 'PUBLIC');
CREATE VIEW "SYS"."SESSION_PRIVS" AS
    SELECT DISTINCT privilege AS "PRIVILEGE" FROM ora.sys_privs WHERE grantee IN (SELECT ora.identities(ora.me()))
    UNION SELECT p FROM unnest(ARRAY['CREATE SESSION', 'SELECT ANY TABLE', 'INSERT ANY TABLE', 'UPDATE ANY TABLE', 'DELETE ANY TABLE',
        'CREATE TABLE']) p WHERE ora.privileges(ora.me(), '-', '-') = 'ALL'
    UNION SELECT 'CREATE SESSION';
CREATE VIEW "SYS"."SESSION_ROLES" AS
    SELECT i AS "ROLE" FROM ora.identities(ora.me()) i WHERE i IN (SELECT name FROM ora.roles);
CREATE VIEW "SYS"."USER_ROLE_PRIVS" AS
    SELECT grantee AS "USERNAME", role AS "GRANTED_ROLE", 'NO'::text AS "ADMIN_OPTION", 'YES'::text AS "DEFAULT_ROLE"
    FROM ora.role_grants WHERE grantee = ora.me();
CREATE VIEW "SYS"."ROLE_TAB_PRIVS" AS
    SELECT grantee AS "ROLE", owner AS "OWNER", object AS "TABLE_NAME", nullif(col, '') AS "COLUMN_NAME", privilege AS "PRIVILEGE",
        'NO'::text AS "GRANTABLE"
    FROM ora.grants WHERE grantee IN (SELECT name FROM ora.roles) AND grantee IN (SELECT ora.identities(ora.me()));

CREATE VIEW "SYS"."ALL_USERS" AS
    SELECT name AS "USERNAME", (hashtext(name) & 65535)::numeric AS "USER_ID", created AS "CREATED" FROM ora.users WHERE name <> 'PUBLIC';
CREATE VIEW "SYS"."DBA_USERS" AS
    SELECT name AS "USERNAME", state AS "ACCOUNT_STATUS", failed::numeric AS "FAILED_LOGINS", created AS "CREATED" FROM ora.users
    WHERE ora.privileges(ora.me(), '-', '-') = 'ALL';
CREATE VIEW "SYS"."USER_USERS" AS SELECT * FROM "SYS"."ALL_USERS" WHERE "USERNAME" = ora.me();
CREATE VIEW "SYS"."ALL_UPDATABLE_COLUMNS" AS
    SELECT c.owner AS "OWNER", c.tab AS "TABLE_NAME", c.name AS "COLUMN_NAME", y AS "UPDATABLE", y AS "INSERTABLE", y AS "DELETABLE"
    FROM ora.columns c LEFT JOIN ora.views v ON v.owner = c.owner AND v.name = c.tab,
        LATERAL (SELECT CASE WHEN c.is_virtual OR v.read_only THEN 'NO' WHEN v.name IS NULL THEN 'YES'
            ELSE (SELECT is_updatable::text FROM information_schema.columns i
                WHERE i.table_schema = c.owner AND i.table_name = c.tab AND i.column_name = c.name) END) u(y)
    WHERE ora.sees(c.owner, c.tab);
CREATE VIEW "SYS"."USER_UPDATABLE_COLUMNS" AS SELECT * FROM "SYS"."ALL_UPDATABLE_COLUMNS" WHERE "OWNER" = ora.me();
CREATE VIEW "SYS"."ALL_SEQUENCES" AS
    SELECT owner AS "SEQUENCE_OWNER", name AS "SEQUENCE_NAME", lowest AS "MIN_VALUE", highest AS "MAX_VALUE", step AS "INCREMENT_BY",
        CASE WHEN cycles THEN 'Y' ELSE 'N' END AS "CYCLE_FLAG", 'N'::text AS "ORDER_FLAG", 20::numeric AS "CACHE_SIZE",
        (SELECT coalesce(s.last_value + s.increment_by, s.start_value) FROM pg_sequences s WHERE s.schemaname = owner AND s.sequencename = name)::numeric
            AS "LAST_NUMBER"
    FROM ora.sequences WHERE ora.sees(owner, name);
CREATE VIEW "SYS"."USER_SEQUENCES" AS SELECT "SEQUENCE_NAME", "MIN_VALUE", "MAX_VALUE", "INCREMENT_BY", "CYCLE_FLAG", "ORDER_FLAG",
    "CACHE_SIZE", "LAST_NUMBER" FROM "SYS"."ALL_SEQUENCES" WHERE "SEQUENCE_OWNER" = ora.me();
CREATE VIEW "SYS"."ALL_PROCEDURES" AS
    SELECT owner AS "OWNER", name AS "OBJECT_NAME", NULL::text AS "PROCEDURE_NAME", kind AS "OBJECT_TYPE"
    FROM ora.procedures WHERE ora.sees(owner, name);
CREATE VIEW "SYS"."ALL_TAB_COMMENTS" AS
    SELECT "OWNER", "TABLE_NAME", 'TABLE'::text AS "TABLE_TYPE", NULL::text AS "COMMENTS" FROM "SYS"."ALL_TABLES";
CREATE VIEW "SYS"."ALL_COL_COMMENTS" AS
    SELECT owner AS "OWNER", tab AS "TABLE_NAME", name AS "COLUMN_NAME", NULL::text AS "COMMENTS" FROM ora.columns WHERE ora.sees(owner, tab);

CREATE VIEW "SYS"."NLS_DATABASE_PARAMETERS" AS
    SELECT p AS "PARAMETER", v AS "VALUE" FROM (VALUES ('NLS_CHARACTERSET', ora.setting('character_set')),
        ('NLS_NCHAR_CHARACTERSET', 'AL16UTF16'), ('NLS_LANGUAGE', 'AMERICAN'), ('NLS_TERRITORY', 'AMERICA'),
        ('NLS_DATE_FORMAT', 'DD-MON-RR'), ('NLS_NUMERIC_CHARACTERS', '.,'), ('NLS_LENGTH_SEMANTICS', ora.setting('length_semantics')),
        ('NLS_COMP', 'BINARY'), ('NLS_SORT', 'BINARY'), ('NLS_CALENDAR', 'GREGORIAN'), ('NLS_NCHAR_CONV_EXCP', 'FALSE'),
        ('NLS_RDBMS_VERSION', ora.setting('server_version'))) x(p, v);
CREATE VIEW "SYS"."NLS_SESSION_PARAMETERS" AS
    SELECT p AS "PARAMETER", v AS "VALUE" FROM (VALUES ('NLS_LANGUAGE', ora.nls('nls_language', 'AMERICAN')), ('NLS_TERRITORY', ora.nls('nls_territory', 'AMERICA')),
        ('NLS_DATE_FORMAT', ora.nls('nls_date_format', 'DD-MON-RR')),
        ('NLS_TIMESTAMP_FORMAT', ora.nls('nls_timestamp_format', 'DD-MON-RR HH.MI.SSXFF AM')),
        ('NLS_TIMESTAMP_TZ_FORMAT', ora.nls('nls_timestamp_tz_format', 'DD-MON-RR HH.MI.SSXFF AM TZR')),
        ('NLS_NUMERIC_CHARACTERS', ora.nls('nls_numeric_characters', '.,')), ('NLS_COMP', ora.nls('nls_comp', 'BINARY')),
        ('NLS_SORT', ora.nls('nls_sort', 'BINARY')), ('NLS_LENGTH_SEMANTICS', ora.nls('nls_length_semantics', ora.setting('length_semantics')))) x(p, v);
CREATE VIEW "SYS"."NLS_INSTANCE_PARAMETERS" AS SELECT * FROM "SYS"."NLS_SESSION_PARAMETERS";
CREATE FUNCTION ora.banner() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE ora.major() WHEN 11 THEN 'Oracle Database 11g Enterprise Edition Release ' WHEN 12 THEN 'Oracle Database 12c Enterprise Edition Release '
        WHEN 23 THEN 'Oracle Database 23ai Free Release ' ELSE 'Oracle Database ' || ora.major() || 'c Enterprise Edition Release ' END
        || ora.setting('server_version') || ' - ' || CASE WHEN ora.major() < 18 THEN '64bit Production' ELSE 'Production' END
$$;
CREATE VIEW "SYS"."V$VERSION" AS SELECT ora.banner() AS "BANNER", 0::numeric AS "CON_ID";
CREATE VIEW "SYS"."V$INSTANCE" AS SELECT current_database()::text AS "INSTANCE_NAME", ora.setting('server_version') AS "VERSION", 'OPEN'::text AS "STATUS";
CREATE VIEW "SYS"."V$SESSION" AS SELECT pid::numeric AS "SID", pid::numeric AS "SERIAL#", substr(application_name, 5) AS "USERNAME",
    upper(datname::text) AS "SERVICE_NAME", CASE state WHEN 'active' THEN 'ACTIVE' ELSE 'INACTIVE' END AS "STATUS", 'USER'::text AS "TYPE"
    FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'ora %' AND ora.privileges(ora.me(), '-', '-') = 'ALL';
CREATE VIEW "SYS"."V$DATABASE" AS SELECT upper(current_database()::text) AS "NAME", 'READ WRITE'::text AS "OPEN_MODE",
    'PRIMARY'::text AS "DATABASE_ROLE" WHERE ora.privileges(ora.me(), '-', '-') = 'ALL';
CREATE VIEW "SYS"."PRODUCT_COMPONENT_VERSION" AS
    SELECT 'Oracle Database'::text AS "PRODUCT", ora.setting('server_version') AS "VERSION", 'Production'::text AS "STATUS";
CREATE VIEW "SYS"."GLOBAL_NAME" AS SELECT upper(current_database()::text) AS "GLOBAL_NAME";
CREATE VIEW "SYS"."DICTIONARY" AS SELECT name AS "TABLE_NAME", NULL::text AS "COMMENTS" FROM ora.dictionary_views;

-- The double's own.
CREATE VIEW "SYS"."BUKTOR_SCANS" AS SELECT owner AS "OWNER", tab AS "TABLE_NAME", col AS "COLUMN_NAME", reason AS "REASON",
    hits::numeric AS "HITS", sql_text AS "SQL_TEXT" FROM ora.scans;
CREATE VIEW "SYS"."BUKTOR_LOGINS" AS SELECT id::numeric AS "ID", name AS "USERNAME", outcome AS "OUTCOME" FROM ora.logins;
CREATE VIEW "SYS"."BUKTOR_FAULTS" AS SELECT id::numeric AS "ID", kind AS "KIND", pattern AS "PATTERN", code::numeric AS "CODE",
    remaining::numeric AS "REMAINING" FROM ora.faults;
