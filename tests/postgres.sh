#!/usr/bin/env bash
# A PostgreSQL server of its own for tests/run.sh, which sources this file after tests/mariadb.sh: it is what the double of
# Oracle's client library (tests/oci-double) runs its statements on. What it needs is installed (Debian packages, as root), the
# server runs in a temporary folder on a free port as the user `postgres` (it refuses to run as root), and both are gone at the
# end.
# shellcheck shell=bash

# Where Debian keeps the server's programs, which are not in PATH.
postgres_bin() {
    local dir
    for dir in /usr/lib/postgresql/15/bin /usr/lib/postgresql/*/bin; do
        [ -x "$dir/initdb" ] && { echo "$dir"; return; }
    done
    dir=$(command -v initdb) && dirname "$(readlink -f "$dir")"
}

postgres_packages() { [ -n "$(postgres_bin)" ] || echo postgresql-15; }

postgres_run() {
    if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

postgres_pid=
postgres_folder=
stop_postgres() {
    if [ -n "$postgres_pid" ]; then
        # Immediate: nothing in it is worth a checkpoint.
        kill -QUIT "$postgres_pid" 2>/dev/null || true
        wait "$postgres_pid" 2>/dev/null || true
    fi
    [ -z "$postgres_folder" ] || rm -rf "$postgres_folder"
    postgres_pid=
    postgres_folder=
}

# Starts the server with the template `buktor_template`, and a database `buktor_root` from which tests make others
# (`CREATE PLUGGABLE DATABASE x`); sets $postgres_port.
start_postgres() {
    local bin=$1 sources=$2 part
    postgres_folder=$(mktemp -d "${TMPDIR:-/tmp}/buktorpg.XXXXXX")
    if [ "$(id -u)" -eq 0 ]; then chown postgres "$postgres_folder"; fi
    (
        cd "$postgres_folder"
        postgres_run "$bin/initdb" -D data -U postgres --auth=trust --encoding=UTF8 --locale=C --lc-ctype=C.UTF-8 \
            --no-sync >initdb.log 2>&1
    ) || { cat "$postgres_folder/initdb.log" >&2; fail "initdb failed"; }
    postgres_port=$(free_port)
    cat >>"$postgres_folder/data/postgresql.conf" <<CNF
listen_addresses = '127.0.0.1'
port = $postgres_port
unix_socket_directories = '$postgres_folder'
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
max_connections = 300
shared_buffers = 32MB
max_wal_size = 256MB
deadlock_timeout = 200ms
lc_messages = 'C'
log_min_messages = fatal
log_min_error_statement = panic
CNF
    (cd "$postgres_folder" && exec_postgres "$bin") &
    postgres_pid=$!
    for _ in $(seq 200); do
        postgres_sql "$bin" postgres -c 'SELECT 1' >/dev/null 2>&1 && break
        kill -0 "$postgres_pid" 2>/dev/null || { cat "$postgres_folder/server.log" >&2; fail "PostgreSQL did not start"; }
        sleep 0.1
    done
    postgres_sql "$bin" postgres -c 'CREATE DATABASE buktor_template' >/dev/null
    for part in "$sources"/*.sql; do
        postgres_sql "$bin" buktor_template -f - <"$part" >/dev/null || fail "$part was refused"
    done
    postgres_sql "$bin" postgres -c 'CREATE DATABASE buktor_root TEMPLATE buktor_template' >/dev/null
}

exec_postgres() {
    if [ "$(id -u)" -eq 0 ]; then
        # The server itself, not a shell before it, so that its process can be ended.
        exec setpriv --reuid=postgres --regid=postgres --init-groups "$1/postgres" -D data >server.log 2>&1
    fi
    exec "$1/postgres" -D data >server.log 2>&1
}

postgres_sql() {
    local bin=$1 database=$2
    shift 2
    "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$postgres_port" -U postgres -d "$database" "$@"
}

end_all() {
    local code=$?
    set +e
    stop_postgres
    # What ends the other server hands on how the script ended.
    (exit "$code")
    cleanup
}

# Starts the server, and exports what the tests find it by: the folder of the double of Oracle's client library, which is built
# already in the folder $1, and the server behind it. Where the environment names no other Oracle, that is Oracle for them.
provide_oracle() {
    local bin
    provide_packages postgres_packages
    bin=$(postgres_bin)
    trap end_all EXIT
    start_postgres "$bin" tests/oci-double/sql
    postgres_sql "$bin" postgres -c 'CREATE DATABASE buktor TEMPLATE buktor_template' >/dev/null
    # In a folder of its own, as Oracle's client library has one.
    mkdir -p "$postgres_folder/client"
    cp "$1/libclntsh.so" "$postgres_folder/client/"
    export BUKTOR_TEST_POSTGRES=127.0.0.1:$postgres_port
    export BUKTOR_TEST_OCI_DOUBLE=$postgres_folder/client
    if [ -z "${BUKTOR_TEST_ORACLE:-}" ]; then
        export BUKTOR_TEST_ORACLE=oracle://system:manager@$BUKTOR_TEST_POSTGRES/BUKTOR
        export BUKTOR_TEST_ORACLE_CLIENT=$BUKTOR_TEST_OCI_DOUBLE
    fi
}
