-- Oracle's functions, as far as tests need them: '' is NULL, numbers and dates as texts by NLS settings, ORA errors.
SET check_function_bodies = off;
CREATE FUNCTION ora.nls(p text, otherwise text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('buktor.' || p, true), ''), otherwise)
$$;
CREATE FUNCTION ora.fail(code int, what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'ORA00', MESSAGE = 'ORA-' || lpad(code::text, 5, '0') || ': ' || what;
END $$;
CREATE FUNCTION ora.raise_application_error(code numeric, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF code NOT BETWEEN -20999 AND -20000 THEN
        PERFORM ora.fail(21000, 'error number argument to raise_application_error of ' || code || ' is out of range');
    END IF;
    PERFORM ora.fail((-code)::int, coalesce(what, ''));
END $$;

CREATE FUNCTION ora.nz(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT nullif(t, '') $$;
CREATE FUNCTION ora.cat(a text, b text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE r text := nullif(concat(a, b), '');
BEGIN
    IF octet_length(r) > 4000 THEN PERFORM ora.fail(1489, 'result of string concatenation is too long'); END IF;
    RETURN r;
END $$;
CREATE FUNCTION ora.catlob(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT nullif(concat(a, b), '') $$;

CREATE FUNCTION ora.num(t text) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE v text := trim(t);
    mark text := left(ora.nls('nls_numeric_characters', '.,'), 1);
BEGIN
    IF v IS NULL OR v = '' THEN RETURN NULL; END IF;
    IF mark <> '.' THEN v := translate(v, '.' || mark, '!.'); END IF;
    IF v !~ '^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$' THEN PERFORM ora.fail(1722, 'invalid number'); END IF;
    RETURN v::numeric;
END $$;
CREATE FUNCTION ora.plain(n numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(CASE WHEN n::text LIKE '%.%' THEN trim_scale(n)::text ELSE n::text END, '^(-?)0\.', '\1.')
$$;
CREATE FUNCTION ora.txt(n numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT replace(ora.plain(n), '.', left(ora.nls('nls_numeric_characters', '.,'), 1))
$$;
CREATE FUNCTION ora.num38(n numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE digits int := length(regexp_replace(split_part(abs(n)::text, '.', 1), '^0+', ''));
BEGIN
    IF n = 0 OR n IS NULL THEN RETURN n; END IF;
    IF digits > 126 THEN PERFORM ora.fail(1426, 'numeric overflow'); END IF;
    IF digits > 0 THEN RETURN trim_scale(round(n, 40 - digits - digits % 2)); END IF;
    RETURN trim_scale(round(n, 40 + length(substring(split_part(abs(n)::text, '.', 2) from '^0*'))));
END $$;

-- Oracle's format masks, one element at a time.
CREATE FUNCTION ora.mask_element(m text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce((SELECT e FROM unnest(ARRAY['SYYYY','YYYY','RRRR','HH24','HH12','MONTH','FF1','FF2','FF3','FF4','FF5','FF6',
        'FF7','FF8','FF9','SSSSS','TZH','TZM','TZR','TZD','MON','DDD','DAY','YYY','A.M.','P.M.','YY','RR','MM','DD','HH','MI','SS','FF',
        'AM','PM','DY','IW','WW','IYYY','FM','FX','CC','Q','D','J','W','Y','X']) WITH ORDINALITY AS u(e, o)
        WHERE upper(left(m, length(e))) = e ORDER BY length(e) DESC, o LIMIT 1), left(m, 1))
$$;
CREATE FUNCTION ora.month_number(t text) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT (array_position(ARRAY['JAN','FEB','MAR','APR','MAY','JUN','JUL','AUG','SEP','OCT','NOV','DEC'], upper(left(t, 3))))
$$;

-- The parts of a text read by a mask: year, month, day, hour, minute, second, nanoseconds as microseconds, zone in minutes.
CREATE FUNCTION ora.read_date(t text, mask text, OUT ts timestamp, OUT zone int) LANGUAGE plpgsql STABLE AS $$
DECLARE
    m text := mask; v text := rtrim(t); e text; d text; want int;
    y int; mo int := extract(month from now()); da int := 1; h int := 0; mi int := 0; s int := 0; us numeric := 0;
    pm boolean; zs int := 1; seen boolean := false;
BEGIN
    y := extract(year from now());
    WHILE m <> '' LOOP
        IF left(m, 1) = '"' THEN
            e := split_part(substr(m, 2), '"', 1);
            IF left(v, length(e)) <> e THEN PERFORM ora.fail(1861, 'literal does not match format string'); END IF;
            v := substr(v, length(e) + 1);
            m := substr(m, length(e) + 3);
            CONTINUE;
        END IF;
        e := ora.mask_element(m);
        m := substr(m, length(e) + 1);
        IF e IN ('FM', 'FX') THEN CONTINUE; END IF;
        IF e !~ '^[A-Z]' AND e !~ '^[a-z]' THEN
            -- Punctuation; blanks of the text before an element are skipped, and a fraction may be missing.
            IF v = '' OR e IN ('.', ',') AND upper(m) LIKE 'FF%' AND left(v, 1) NOT IN ('.', ',') THEN CONTINUE; END IF;
            IF left(v, 1) ~ '[A-Za-z0-9]' AND e <> ' ' THEN
                PERFORM ora.fail(1861, 'literal does not match format string');
            ELSIF left(v, 1) !~ '[A-Za-z0-9]' AND (e <> ' ' OR left(v, 1) = ' ' OR left(v, 1) !~ '[+-]') THEN
                v := substr(v, 2);
            END IF;
            CONTINUE;
        END IF;
        e := upper(e);
        IF e = 'T' THEN
            IF upper(left(v, 1)) <> 'T' THEN PERFORM ora.fail(1861, 'literal does not match format string'); END IF;
            v := substr(v, 2);
            CONTINUE;
        END IF;
        IF e = 'X' THEN IF left(v, 1) IN ('.', ',') THEN v := substr(v, 2); END IF; CONTINUE; END IF;
        v := ltrim(v);
        IF e LIKE 'FF%' AND v !~ '^[0-9]' THEN CONTINUE; END IF;
        IF v = '' THEN
            IF NOT seen OR e IN ('YYYY', 'RRRR', 'YY', 'RR', 'MM', 'DD', 'MON', 'MONTH') THEN
                PERFORM ora.fail(1840, 'input value not long enough for date format');
            END IF;
            -- Times that are not in the text are midnight.
            CONTINUE;
        END IF;
        seen := true;
        IF e IN ('MON', 'MONTH') THEN
            d := substring(v from '^[A-Za-z]+');
            IF e = 'MON' THEN d := left(d, 3); END IF;
            mo := ora.month_number(d);
            IF mo IS NULL THEN
                -- A number is taken where a name is wanted.
                d := substring(v from '^[0-9]{1,2}');
                mo := d::int;
            END IF;
            IF mo IS NULL OR mo NOT BETWEEN 1 AND 12 THEN PERFORM ora.fail(1843, 'not a valid month'); END IF;
        ELSIF e IN ('AM', 'PM', 'A.M.', 'P.M.') THEN
            d := substring(upper(v) from '^[AP]\.?M\.?');
            IF d IS NULL THEN PERFORM ora.fail(1855, 'AM/A.M. or PM/P.M. required'); END IF;
            pm := left(d, 1) = 'P';
        ELSIF e IN ('DAY', 'DY', 'TZR', 'TZD') THEN
            d := substring(v from '^[A-Za-z_/+:0-9-]+');
            IF e = 'TZR' AND d ~ '^[+-][0-9]' THEN
                zone := (left(d, 1) || '1')::int * (split_part(substr(d, 2), ':', 1)::int * 60 + coalesce(nullif(split_part(d, ':', 2), ''), '0')::int);
            END IF;
        ELSE
            want := CASE WHEN e IN ('YYYY', 'RRRR', 'SYYYY', 'IYYY') THEN 4 WHEN e IN ('DDD', 'YYY') THEN 3 WHEN e = 'SSSSS' THEN 5
                WHEN e = 'FF' THEN 9 WHEN e LIKE 'FF_' THEN substr(e, 3)::int WHEN e = 'J' THEN 7 WHEN e IN ('D', 'Q', 'Y') THEN 1 ELSE 2 END;
            IF e = 'TZH' THEN
                IF left(v, 1) = '-' THEN zs := -1; END IF;
                IF left(v, 1) IN ('+', '-') THEN v := substr(v, 2); END IF;
            END IF;
            d := substring(v from '^[0-9]{1,' || want || '}');
            IF d IS NULL THEN
                PERFORM ora.fail(CASE WHEN e IN ('YYYY', 'RRRR', 'YY', 'RR', 'SYYYY') THEN 1841 WHEN e = 'MM' THEN 1843 ELSE 1858 END,
                    CASE WHEN e IN ('YYYY', 'RRRR', 'YY', 'RR', 'SYYYY') THEN '(full) year must be between -4713 and +9999, and not be 0'
                        WHEN e = 'MM' THEN 'not a valid month' ELSE 'a non-numeric character was found where a numeric was expected' END);
            END IF;
            CASE e
                WHEN 'YYYY', 'SYYYY', 'RRRR', 'IYYY' THEN
                    y := d::int;
                    IF length(d) = 2 AND e = 'RRRR' THEN y := y + CASE WHEN y < 50 THEN 2000 ELSE 1900 END; END IF;
                    IF y = 0 THEN PERFORM ora.fail(1841, '(full) year must be between -4713 and +9999, and not be 0'); END IF;
                WHEN 'YY' THEN y := d::int + (extract(year from now())::int / 100) * 100;
                WHEN 'RR' THEN y := d::int + CASE WHEN d::int < 50 THEN 2000 ELSE 1900 END;
                WHEN 'MM' THEN mo := d::int;
                    IF mo NOT BETWEEN 1 AND 12 THEN PERFORM ora.fail(1843, 'not a valid month'); END IF;
                WHEN 'DD' THEN da := d::int;
                WHEN 'HH24' THEN h := d::int;
                    IF h > 23 THEN PERFORM ora.fail(1850, 'hour must be between 0 and 23'); END IF;
                WHEN 'HH', 'HH12' THEN h := d::int;
                    IF h NOT BETWEEN 1 AND 12 THEN PERFORM ora.fail(1849, 'hour must be between 1 and 12'); END IF;
                WHEN 'MI' THEN mi := d::int;
                    IF mi > 59 THEN PERFORM ora.fail(1851, 'minutes must be between 0 and 59'); END IF;
                WHEN 'SS' THEN s := d::int;
                    IF s > 59 THEN PERFORM ora.fail(1852, 'seconds must be between 0 and 59'); END IF;
                WHEN 'SSSSS' THEN h := d::int / 3600; mi := d::int / 60 % 60; s := d::int % 60;
                WHEN 'TZH' THEN zone := zs * d::int * 60;
                WHEN 'TZM' THEN zone := coalesce(zone, 0) + zs * d::int;
                ELSE IF e LIKE 'FF%' THEN us := ('0.' || d)::numeric; END IF;
            END CASE;
        END IF;
        v := substr(v, length(d) + 1);
    END LOOP;
    IF trim(v) <> '' THEN PERFORM ora.fail(1830, 'date format picture ends before converting entire input string'); END IF;
    IF pm IS NOT NULL THEN h := h % 12 + CASE WHEN pm THEN 12 ELSE 0 END; END IF;
    IF da < 1 OR da > 31 THEN PERFORM ora.fail(1847, 'day of month must be between 1 and last day of month'); END IF;
    IF da > extract(day from make_date(y, mo, 1) + interval '1 month' - interval '1 day') THEN
        PERFORM ora.fail(1839, 'date not valid for month specified');
    END IF;
    ts := make_timestamp(y, mo, da, h, mi, s) + us * interval '1 second';
END $$;
CREATE FUNCTION ora.to_date(t text, mask text DEFAULT NULL) RETURNS timestamp LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN t IS NULL THEN NULL ELSE date_trunc('second', (ora.read_date(t, coalesce(mask, ora.nls('nls_date_format', 'DD-MON-RR')))).ts) END
$$;
CREATE FUNCTION ora.to_ts(t text, mask text DEFAULT NULL) RETURNS timestamp LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN t IS NULL THEN NULL ELSE (ora.read_date(t, coalesce(mask, ora.nls('nls_timestamp_format', 'DD-MON-RR HH.MI.SSXFF AM')))).ts END
$$;

CREATE FUNCTION ora.zone_minutes(at timestamptz, zone text) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT (extract(epoch from (at AT TIME ZONE ora.zone(zone)) - (at AT TIME ZONE 'UTC')) / 60)::int
$$;
-- A zone as PostgreSQL takes it: it counts offsets the other way round.
CREATE FUNCTION ora.zone(z text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN z ~ '^[+-]?[0-9]+:[0-9]+$' THEN
        '<' || z || '>' || CASE WHEN left(z, 1) = '-' THEN '+' ELSE '-' END || ltrim(z, '+-') ELSE z END
$$;
CREATE FUNCTION ora.session_zone() RETURNS text LANGUAGE sql STABLE AS $$ SELECT ora.nls('time_zone', '+00:00') $$;
CREATE FUNCTION ora.tz(at timestamptz, zone text) RETURNS ora.tstz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN at IS NULL THEN NULL ELSE ROW(at, ora.zone_minutes(at, zone))::ora.tstz END
$$;
-- `2024-01-31 10:00:00.5+03:00`, as parameters are written.
CREATE FUNCTION ora.tstz_in(t text) RETURNS ora.tstz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN t IS NULL THEN NULL ELSE ROW(t::timestamptz,
        (CASE WHEN substr(right(t, 6), 1, 1) = '-' THEN -1 ELSE 1 END)
        * (substr(right(t, 6), 2, 2)::int * 60 + substr(right(t, 6), 5, 2)::int))::ora.tstz END
$$;
CREATE FUNCTION ora.offset_text(m int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN m < 0 THEN '-' ELSE '+' END || lpad((abs(m) / 60)::text, 2, '0') || ':' || lpad((abs(m) % 60)::text, 2, '0')
$$;
CREATE FUNCTION ora.local(x ora.tstz) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT ((x).ts AT TIME ZONE 'UTC') + (x).off * interval '1 minute'
$$;
CREATE FUNCTION ora.tstz_out(x ora.tstz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN (x).ts IS NULL THEN NULL ELSE to_char(ora.local(x), 'YYYY-MM-DD HH24:MI:SS.US') || ora.offset_text((x).off) END
$$;
CREATE FUNCTION ora.to_tstz(t text, mask text DEFAULT NULL) RETURNS ora.tstz LANGUAGE plpgsql STABLE AS $$
DECLARE r record; z int;
BEGIN
    IF t IS NULL THEN RETURN NULL; END IF;
    SELECT * INTO r FROM ora.read_date(t, coalesce(mask, ora.nls('nls_timestamp_tz_format', 'DD-MON-RR HH.MI.SSXFF AM TZR')));
    z := coalesce(r.zone, ora.zone_minutes(r.ts AT TIME ZONE ora.zone(ora.session_zone()), ora.session_zone()));
    RETURN ROW((r.ts AT TIME ZONE 'UTC') - z * interval '1 minute', z)::ora.tstz;
END $$;

CREATE FUNCTION ora.write_date(d timestamp, off int, mask text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE m text := mask; e text; r text := ''; u text; fill boolean := true;
BEGIN
    IF d IS NULL THEN RETURN NULL; END IF;
    WHILE m <> '' LOOP
        IF left(m, 1) = '"' THEN
            e := split_part(substr(m, 2), '"', 1);
            r := r || e;
            m := substr(m, length(e) + 3);
            CONTINUE;
        END IF;
        e := ora.mask_element(m);
        m := substr(m, length(e) + 1);
        u := upper(e);
        IF u = 'FM' THEN fill := NOT fill; CONTINUE; END IF;
        IF u = 'FX' THEN CONTINUE; END IF;
        r := r || CASE
            WHEN e !~ '^[A-Za-z]' THEN e
            WHEN u = 'RRRR' OR u = 'SYYYY' THEN to_char(d, 'YYYY')
            WHEN u = 'RR' THEN to_char(d, 'YY')
            WHEN u = 'FF' THEN to_char(d, 'US')
            WHEN u IN ('FF7', 'FF8', 'FF9') THEN rpad(to_char(d, 'US'), substr(u, 3)::int, '0')
            WHEN u = 'X' THEN '.'
            WHEN u = 'SSSSS' THEN lpad((extract(hour from d) * 3600 + extract(minute from d) * 60 + floor(extract(second from d)))::text, 5, '0')
            WHEN u = 'TZH' THEN left(ora.offset_text(coalesce(off, 0)), 3)
            WHEN u = 'TZM' THEN right(ora.offset_text(coalesce(off, 0)), 2)
            WHEN u = 'TZR' THEN ora.offset_text(coalesce(off, 0))
            WHEN u IN ('MONTH', 'MON', 'DAY', 'DY') AND e = u AND NOT fill THEN trim(to_char(d, e))
            ELSE CASE WHEN fill THEN to_char(d, e) ELSE to_char(d, 'FM' || e) END END;
    END LOOP;
    RETURN r;
END $$;
CREATE FUNCTION ora.to_char(d timestamp, mask text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT ora.write_date(d, NULL, mask) $$;
CREATE FUNCTION ora.to_char(d ora.tstz, mask text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT ora.write_date(ora.local(d), (d).off, mask) $$;
CREATE FUNCTION ora.to_char(n numeric, mask text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE r text; marks text := ora.nls('nls_numeric_characters', '.,');
BEGIN
    IF n IS NULL THEN RETURN NULL; END IF;
    r := to_char(n, replace(replace(upper(mask), 'D', '.'), 'G', ','));
    IF upper(mask) ~ '[DG]' THEN r := translate(r, '.,', marks); END IF;
    -- FM keeps the point in both; PostgreSQL pads where Oracle does not.
    RETURN r;
END $$;
CREATE FUNCTION ora.date_txt(d timestamp) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT ora.write_date(d, NULL, ora.nls('nls_date_format', 'DD-MON-RR'))
$$;
CREATE FUNCTION ora.ts_txt(d timestamp) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT ora.write_date(d, NULL, ora.nls('nls_timestamp_format', 'DD-MON-RR HH.MI.SSXFF AM'))
$$;
CREATE FUNCTION ora.tstz_txt(d ora.tstz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT ora.write_date(ora.local(d), (d).off, ora.nls('nls_timestamp_tz_format', 'DD-MON-RR HH.MI.SSXFF AM TZR'))
$$;
CREATE FUNCTION ora.sysdate() RETURNS timestamp LANGUAGE sql STABLE AS $$
    SELECT date_trunc('second', statement_timestamp() AT TIME ZONE ora.zone(ora.setting('server_time_zone')))
$$;
CREATE FUNCTION ora.systimestamp() RETURNS ora.tstz LANGUAGE sql STABLE AS $$
    SELECT ora.tz(clock_timestamp(), ora.setting('server_time_zone'))
$$;
CREATE FUNCTION ora.now_here() RETURNS ora.tstz LANGUAGE sql STABLE AS $$ SELECT ora.tz(clock_timestamp(), ora.session_zone()) $$;

CREATE FUNCTION ora.substr(t text, p numeric, n numeric DEFAULT NULL) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE f int := trunc(p)::int; l int := length(t);
BEGIN
    IF f = 0 THEN f := 1; END IF;
    IF f < 0 THEN f := l + f + 1; IF f < 1 THEN RETURN NULL; END IF; END IF;
    IF n IS NULL THEN RETURN nullif(substr(t, f), ''); END IF;
    IF n < 1 THEN RETURN NULL; END IF;
    RETURN nullif(substr(t, f, trunc(n)::int), '');
END $$;
CREATE FUNCTION ora.instr(t text, s text, p numeric DEFAULT 1, n numeric DEFAULT 1) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE f int := p::int; found int; seen int := 0; back boolean := p < 0;
BEGIN
    IF t IS NULL OR s IS NULL THEN RETURN NULL; END IF;
    IF back THEN
        f := length(t) + f + 1;
        WHILE f >= 1 LOOP
            IF substr(t, f, length(s)) = s THEN seen := seen + 1; IF seen = n THEN RETURN f; END IF; END IF;
            f := f - 1;
        END LOOP;
        RETURN 0;
    END IF;
    LOOP
        found := strpos(substr(t, f), s);
        IF found = 0 THEN RETURN 0; END IF;
        seen := seen + 1;
        IF seen = n THEN RETURN f + found - 1; END IF;
        f := f + found;
    END LOOP;
END $$;
CREATE FUNCTION ora.trunc(d timestamp, f text DEFAULT 'DD') RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN upper(f) IN ('DD', 'DDD', 'J') THEN date_trunc('day', d) WHEN upper(f) IN ('MM', 'MON', 'MONTH', 'RM') THEN date_trunc('month', d)
        WHEN upper(f) IN ('YYYY', 'YEAR', 'YY', 'Y', 'YYY', 'SYYYY') THEN date_trunc('year', d) WHEN upper(f) = 'Q' THEN date_trunc('quarter', d)
        WHEN upper(f) IN ('HH', 'HH24', 'HH12') THEN date_trunc('hour', d) WHEN upper(f) = 'MI' THEN date_trunc('minute', d)
        WHEN upper(f) IN ('IW', 'D', 'DAY', 'DY') THEN date_trunc('week', d) ELSE ora.fail(1821, 'date format not recognized')::timestamp END
$$;
CREATE FUNCTION ora.last_day(d timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT date_trunc('month', d) + interval '1 month' - interval '1 day' + (d - date_trunc('day', d))
$$;
CREATE FUNCTION ora.add_months(d timestamp, n numeric) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN date_trunc('day', d) = date_trunc('day', ora.last_day(d))
        THEN ora.last_day(date_trunc('month', d) + trunc(n)::int * interval '1 month' + (d - date_trunc('day', d)))
        ELSE d + trunc(n)::int * interval '1 month' END
$$;
CREATE FUNCTION ora.months_between(a timestamp, b timestamp) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT (extract(year from a) - extract(year from b)) * 12 + extract(month from a) - extract(month from b)
        + CASE WHEN extract(day from a) = extract(day from b) OR (a = ora.last_day(a) AND b = ora.last_day(b)) THEN 0
        ELSE (extract(day from a) - extract(day from b) + extract(epoch from (a::time - b::time)) / 86400) / 31 END
$$;
CREATE FUNCTION ora.days(a timestamp, b timestamp) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT extract(epoch from a - b)::numeric / 86400
$$;
CREATE FUNCTION ora.plus_days(d timestamp, n numeric) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT d + round(n * 86400) * interval '1 second'
$$;
CREATE FUNCTION ora.hextoraw(t text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF t !~ '^([0-9A-Fa-f])*$' THEN PERFORM ora.fail(1465, 'invalid hex number'); END IF;
    RETURN decode(CASE WHEN length(t) % 2 = 1 THEN '0' || t ELSE t END, 'hex');
END $$;
CREATE FUNCTION ora.rawtohex(b bytea) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT nullif(upper(encode(b, 'hex')), '') $$;
CREATE FUNCTION ora.rowid(block tid) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT block::text $$;
CREATE FUNCTION ora.div(a numeric, b numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF b = 0 THEN PERFORM ora.fail(1476, 'divisor is equal to zero'); END IF;
    RETURN CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE ora.num38(a * 1.0000000000000000000000000000000000000000 / b) END;
END $$;
CREATE FUNCTION ora.sleep(n numeric) RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep(n::float8) $$;
CREATE FUNCTION ora.sys_guid() RETURNS bytea LANGUAGE sql VOLATILE AS $$ SELECT decode(replace(gen_random_uuid()::text, '-', ''), 'hex') $$;
CREATE FUNCTION ora.sys_context(space text, name text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF upper(space) <> 'USERENV' THEN RETURN NULL; END IF;
    RETURN CASE upper(name)
        WHEN 'SESSION_USER' THEN ora.me() WHEN 'CURRENT_USER' THEN ora.me() WHEN 'AUTHENTICATED_IDENTITY' THEN ora.me()
        WHEN 'CURRENT_SCHEMA' THEN ora.nls('schema', ora.me())
        WHEN 'SERVICE_NAME' THEN ora.nls('service', upper(current_database()))
        WHEN 'DB_NAME' THEN upper(current_database()) WHEN 'DB_UNIQUE_NAME' THEN upper(current_database())
        WHEN 'CON_NAME' THEN upper(current_database())
        WHEN 'INSTANCE_NAME' THEN current_database() WHEN 'SERVER_HOST' THEN 'double' WHEN 'HOST' THEN 'client'
        WHEN 'SID' THEN pg_backend_pid()::text WHEN 'SESSIONID' THEN pg_backend_pid()::text
        WHEN 'LANGUAGE' THEN 'AMERICAN_AMERICA.' || ora.setting('character_set') WHEN 'LANG' THEN 'US'
        WHEN 'NLS_DATE_FORMAT' THEN ora.nls('nls_date_format', 'DD-MON-RR')
        WHEN 'ISDBA' THEN CASE WHEN ora.me() = 'SYS' THEN 'TRUE' ELSE 'FALSE' END
        WHEN 'MODULE' THEN ora.nls('module', NULL) WHEN 'CLIENT_IDENTIFIER' THEN ora.nls('client_identifier', NULL)
        WHEN 'OS_USER' THEN 'client' WHEN 'TERMINAL' THEN 'client' WHEN 'IP_ADDRESS' THEN '127.0.0.1'
        WHEN 'DATABASE_ROLE' THEN 'PRIMARY'
        ELSE ora.fail(2003, 'invalid USERENV parameter') END;
END $$;
CREATE FUNCTION ora.sqlcode(what text) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN what ~ '^ORA-[0-9]{5}' THEN -substr(what, 5, 5)::numeric ELSE -6502 END
$$;

-- Used by definitions.
CREATE FUNCTION ora.new_name(n text, code int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM ora.users WHERE name = n) OR EXISTS (SELECT 1 FROM ora.roles WHERE name = n) THEN
        PERFORM ora.fail(code, 'user name ''' || n || ''' conflicts with another user or role name');
    END IF;
END $$;
CREATE FUNCTION ora.new_object(o text, n text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM ora.objects x WHERE x.owner = o AND x.name = n AND x.kind NOT IN ('INDEX', 'TRIGGER')) THEN
        PERFORM ora.fail(955, 'name is already used by an existing object');
    END IF;
    IF NOT EXISTS (SELECT 1 FROM ora.users WHERE name = o) THEN PERFORM ora.fail(1918, 'user ''' || o || ''' does not exist'); END IF;
END $$;
CREATE FUNCTION ora.grant_any(p text, g text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM ora.roles WHERE name = p) THEN
        INSERT INTO ora.role_grants VALUES (p, g) ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO ora.sys_privs VALUES (p, g) ON CONFLICT DO NOTHING;
        IF p = 'CREATE SESSION' THEN UPDATE ora.users SET state = 'OPEN' WHERE name = g AND state = 'NOSESSION'; END IF;
    END IF;
END $$;
CREATE FUNCTION ora.revoke_any(p text, g text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM ora.role_grants WHERE role = p AND grantee = g;
    DELETE FROM ora.sys_privs WHERE privilege = p AND grantee = g;
    IF p = 'CREATE SESSION' THEN UPDATE ora.users SET state = 'NOSESSION' WHERE name = g; END IF;
END $$;
CREATE FUNCTION ora.switch_trigger(o text, n text, turned_on boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE t ora.triggers;
BEGIN
    UPDATE ora.triggers SET status = CASE WHEN turned_on THEN 'ENABLED' ELSE 'DISABLED' END WHERE owner = o AND name = n RETURNING * INTO t;
    IF t.name IS NULL THEN PERFORM ora.fail(4080, 'trigger ''' || n || ''' does not exist'); END IF;
    EXECUTE format('ALTER TABLE %I.%I %s TRIGGER %I', t.t_owner, t.tab, CASE WHEN turned_on THEN 'ENABLE' ELSE 'DISABLE' END, n);
END $$;
CREATE FUNCTION ora.renamed(o text, n text, m text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ora.tables SET name = m WHERE owner = o AND name = n;
    UPDATE ora.views SET name = m WHERE owner = o AND name = n;
    UPDATE ora.columns SET tab = m WHERE owner = o AND tab = n;
    UPDATE ora.constraints SET tab = m WHERE owner = o AND tab = n;
    UPDATE ora.cons_columns SET tab = m WHERE owner = o AND tab = n;
    UPDATE ora.indexes SET tab = m WHERE table_owner = o AND tab = n;
    UPDATE ora.ind_columns SET tab = m WHERE table_owner = o AND tab = n;
    UPDATE ora.triggers SET tab = m WHERE t_owner = o AND tab = n;
    UPDATE ora.grants SET object = m WHERE owner = o AND object = n;
END $$;
CREATE FUNCTION ora.forget(o text, n text, k text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM ora.objects WHERE owner = o AND name = n AND kind = k) THEN
        PERFORM ora.fail(CASE k WHEN 'INDEX' THEN 1418 WHEN 'SEQUENCE' THEN 2289 WHEN 'SYNONYM' THEN 1434 WHEN 'TRIGGER' THEN 4080
            WHEN 'PROCEDURE' THEN 4043 WHEN 'FUNCTION' THEN 4043 ELSE 942 END,
            CASE k WHEN 'INDEX' THEN 'specified index does not exist' WHEN 'SEQUENCE' THEN 'sequence does not exist'
            WHEN 'SYNONYM' THEN 'private synonym to be dropped does not exist' WHEN 'TRIGGER' THEN 'trigger ''' || n || ''' does not exist'
            WHEN 'PROCEDURE' THEN 'object ' || n || ' does not exist' WHEN 'FUNCTION' THEN 'object ' || n || ' does not exist'
            ELSE 'table or view does not exist' END);
    END IF;
    CASE k
        WHEN 'TABLE' THEN
            DELETE FROM ora.tables WHERE owner = o AND name = n;
            DELETE FROM ora.constraints c USING ora.constraints p WHERE c.type = 'R' AND c.r_owner = p.owner AND c.r_name = p.name AND p.owner = o AND p.tab = n;
            DELETE FROM ora.constraints WHERE owner = o AND tab = n;
            DELETE FROM ora.cons_columns WHERE owner = o AND tab = n;
            DELETE FROM ora.indexes WHERE table_owner = o AND tab = n;
            DELETE FROM ora.ind_columns WHERE table_owner = o AND tab = n;
            DELETE FROM ora.triggers WHERE t_owner = o AND tab = n;
            DELETE FROM ora.sequences s USING ora.columns c WHERE c.owner = o AND c.tab = n AND s.owner = o AND s.name = c.sequence;
        WHEN 'VIEW' THEN DELETE FROM ora.views WHERE owner = o AND name = n;
        WHEN 'INDEX' THEN
            DELETE FROM ora.indexes WHERE owner = o AND name = n;
            DELETE FROM ora.ind_columns WHERE owner = o AND name = n;
        WHEN 'SEQUENCE' THEN DELETE FROM ora.sequences WHERE owner = o AND name = n;
        WHEN 'SYNONYM' THEN DELETE FROM ora.synonyms WHERE owner = o AND name = n;
        WHEN 'TRIGGER' THEN DELETE FROM ora.triggers WHERE owner = o AND name = n;
        ELSE DELETE FROM ora.procedures WHERE owner = o AND name = n;
    END CASE;
    IF k IN ('TABLE', 'VIEW') THEN
        DELETE FROM ora.columns WHERE owner = o AND tab = n;
        DELETE FROM ora.grants WHERE owner = o AND object = n;
    END IF;
END $$;
CREATE FUNCTION ora.forget_constraint(o text, t text, n text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM ora.constraints WHERE owner = o AND tab = t AND name = n;
    IF NOT FOUND THEN PERFORM ora.fail(2443, 'Cannot drop constraint  - nonexistent constraint'); END IF;
    DELETE FROM ora.cons_columns WHERE owner = o AND name = n;
    DELETE FROM ora.indexes WHERE owner = o AND name = n;
    DELETE FROM ora.ind_columns WHERE owner = o AND name = n;
END $$;
CREATE FUNCTION ora.forget_user(n text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE t text;
BEGIN
    DELETE FROM ora.users WHERE name = n;
    IF NOT FOUND THEN PERFORM ora.fail(1918, 'user ''' || n || ''' does not exist'); END IF;
    FOREACH t IN ARRAY ARRAY['tables', 'columns', 'constraints', 'cons_columns', 'indexes', 'ind_columns', 'views', 'synonyms',
        'sequences', 'triggers', 'procedures', 'grants'] LOOP
        EXECUTE format('DELETE FROM ora.%I WHERE owner = %L', t, n);
    END LOOP;
    DELETE FROM ora.grants WHERE grantee = n;
    DELETE FROM ora.role_grants WHERE grantee = n;
    EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', n);
END $$;
CREATE SEQUENCE ora.sys_name START 7001;

-- Makes the trigger anew that holds a table's rows to Oracle's types: '' becomes NULL, CHAR is padded, DATE loses its
-- fraction, computed columns and ON NULL defaults get their values, and what does not fit is told as Oracle tells it.
CREATE FUNCTION ora.hold(o text, t text, rel text, fn text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c ora.columns; b text := ''; v text; full_name text; len text; pass int;
BEGIN
    FOR c IN SELECT * FROM ora.columns WHERE owner = o AND tab = t AND is_virtual ORDER BY id LOOP
        b := b || format(E'NEW.%s := %s;\n', c.quoted, c.deflt_pg);
    END LOOP;
    FOR c IN SELECT * FROM ora.columns WHERE owner = o AND tab = t ORDER BY id LOOP
        v := 'NEW.' || c.quoted;
        full_name := format('"%s"."%s"."%s"', o, t, c.name);
        IF c.type IN ('VARCHAR2', 'NVARCHAR2', 'CHAR', 'NCHAR', 'LONG') THEN
            b := b || format(E'IF %1$s = '''' THEN %1$s := NULL; END IF;\n', v);
        END IF;
        IF c.type IN ('VARCHAR2', 'NVARCHAR2', 'CHAR', 'NCHAR') THEN
            len := CASE WHEN c.unit = 'B' THEN 'octet_length' ELSE 'length' END;
            b := b || format(E'IF %s(%s) > %s THEN PERFORM ora.fail(12899, %L || %s(%s) || %L); END IF;\n', len, v,
                CASE WHEN c.unit = 'B' THEN c.length ELSE c.chars END, 'value too large for column ' || full_name || ' (actual: ', len, v,
                ', maximum: ' || CASE WHEN c.unit = 'B' THEN c.length ELSE c.chars END || ')');
        END IF;
        IF c.type IN ('CHAR', 'NCHAR') THEN
            b := b || format(E'%1$s := rpad(%1$s, %2$s - (%3$s(%1$s) - length(%1$s)));\n', v, CASE WHEN c.unit = 'B' THEN c.length ELSE c.chars END, len);
        ELSIF c.type = 'RAW' THEN
            b := b || format(E'IF octet_length(%1$s) > %2$s THEN PERFORM ora.fail(12899, %3$L || octet_length(%1$s) || %4$L); END IF;\n', v,
                c.length, 'value too large for column ' || full_name || ' (actual: ', ', maximum: ' || c.length || ')');
        ELSIF c.type = 'DATE' THEN
            b := b || format(E'%1$s := date_trunc(''second'', %1$s);\n', v);
        ELSIF c.type = 'NUMBER' AND c.prec IS NULL AND c.scale IS NULL OR c.type = 'FLOAT' THEN
            b := b || format(E'IF length(%1$s::text) > 39 THEN %1$s := ora.num38(%1$s); END IF;\n', v);
        ELSIF c.type = 'TIMESTAMP WITH TIME ZONE' THEN
            b := b || format(E'IF (%1$s).ts IS NULL THEN %1$s := NULL; END IF;\n', v);
        END IF;
        IF c.on_null THEN
            b := b || format(E'IF %1$s IS NULL AND TG_OP = ''INSERT'' THEN %1$s := %2$s; END IF;\n', v, c.deflt_pg);
        END IF;
    END LOOP;
    FOR pass IN 1..2 LOOP
        -- Before the users' triggers nothing is missed yet.
        IF pass = 2 THEN
            FOR c IN SELECT * FROM ora.columns WHERE owner = o AND tab = t AND NOT nullable ORDER BY id LOOP
                b := b || format(E'IF NEW.%s IS NULL THEN PERFORM CASE TG_OP WHEN ''INSERT'' THEN ora.fail(1400, %L) ELSE ora.fail(1407, %L) END; END IF;\n',
                    c.quoted, format('cannot insert NULL into ("%s"."%s"."%s")', o, t, c.name), format('cannot update ("%s"."%s"."%s") to NULL', o, t, c.name));
            END LOOP;
        END IF;
        v := CASE pass WHEN 1 THEN regexp_replace(fn, '"$', '~1"') ELSE fn END;
        EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', CASE pass WHEN 1 THEN ' first' ELSE '~held' END, rel);
        IF pass = 2 OR EXISTS (SELECT 1 FROM ora.triggers WHERE t_owner = o AND tab = t AND type = 'BEFORE EACH ROW') THEN
            EXECUTE format('CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS %L', v, E'BEGIN\n' || b || E'RETURN NEW;\nEND');
            EXECUTE format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION %s()',
                CASE pass WHEN 1 THEN ' first' ELSE '~held' END, rel, v);
        END IF;
    END LOOP;
END $$;
-- The name of the key that a foreign key points at.
CREATE FUNCTION ora.key_name(o text, t text, cols text[]) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT c.name FROM ora.constraints c WHERE c.owner = o AND c.tab = t AND c.type IN ('P', 'U')
        AND (cols = '{}' AND c.type = 'P'
            OR (SELECT array_agg(x.col ORDER BY x.position) FROM ora.cons_columns x WHERE x.owner = o AND x.name = c.name) = cols)
    ORDER BY c.type LIMIT 1
$$;
CREATE FUNCTION ora.forget_column(o text, t text, c text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE n text;
BEGIN
    FOR n IN SELECT name FROM ora.cons_columns WHERE owner = o AND tab = t AND col = c LOOP
        PERFORM ora.forget_constraint(o, t, n);
    END LOOP;
    FOR n IN SELECT name FROM ora.ind_columns WHERE table_owner = o AND tab = t AND col = c LOOP
        DELETE FROM ora.indexes WHERE name = n AND table_owner = o;
        DELETE FROM ora.ind_columns WHERE name = n AND table_owner = o;
    END LOOP;
    UPDATE ora.columns x SET id = y.r FROM (SELECT name, row_number() OVER (ORDER BY id) r FROM ora.columns WHERE owner = o AND tab = t) y
        WHERE x.owner = o AND x.tab = t AND x.name = y.name;
END $$;
CREATE FUNCTION ora.drop_primary(o text, t text, rel text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE n text := (SELECT name FROM ora.constraints WHERE owner = o AND tab = t AND type = 'P');
BEGIN
    IF n IS NULL THEN PERFORM ora.fail(2441, 'Cannot drop nonexistent primary key'); END IF;
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', rel, n);
    PERFORM ora.forget_constraint(o, t, n);
END $$;
CREATE FUNCTION ora.renamed_column(o text, t text, a text, b text, q text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ora.columns SET name = b, quoted = q WHERE owner = o AND tab = t AND name = a;
    UPDATE ora.cons_columns SET col = b WHERE owner = o AND tab = t AND col = a;
    UPDATE ora.ind_columns SET col = b WHERE table_owner = o AND tab = t AND col = a;
END $$;
