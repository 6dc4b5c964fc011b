#!/usr/bin/env bash
# A MariaDB server of its own for tests/run.sh and benches/run.sh, which source this file: what it needs is installed
# (Debian packages, as root), the server runs in a temporary folder on a free port, and both are gone at the end.
# shellcheck shell=bash

say() { printf '%s: %s\n' "$0" "$*" >&2; }
fail() { say "$*"; exit 1; }

# Commands that are needed, each with the Debian package that holds it.
packages() {
    local missing=()
    PATH="$PATH:/usr/sbin"
    command -v mariadbd >/dev/null || missing+=(mariadb-server)
    command -v mariadb-install-db >/dev/null || missing+=(mariadb-server)
    command -v mariadb >/dev/null || missing+=(mariadb-client)
    command -v openssl >/dev/null || missing+=(openssl)
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    printf '%s\n' "${missing[@]}" | sort -u
}

# provide_packages LIST: installs the Debian packages that the command LIST prints, one a line, until it prints none.
provide_packages() {
    local list=$1 missing
    mapfile -t missing < <("$list" | sed '/^$/d')
    [ "${#missing[@]}" -eq 0 ] && return
    command -v apt-get >/dev/null || fail "install what holds these Debian packages first: ${missing[*]}"
    [ "$(id -u)" -eq 0 ] || fail "install these first: sudo apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    # Servers of our own are started; the package's service stays down, unless there is a policy already.
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        policy_made=$policy
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    apt-get install -qq --no-install-recommends "${missing[@]}" >&2
    remove_policy
    [ -z "$("$list" | sed '/^$/d')" ] || fail "still missing after the installation: $("$list" | tr '\n' ' ')"
}

policy_made=
remove_policy() {
    [ -z "$policy_made" ] || rm -f "$policy_made"
    policy_made=
}

# A certificate authority, a certificate for the server that names 127.0.0.1 and localhost, and a second authority
# that signed nothing.
make_certificates() {
    local tls=$1
    mkdir -p "$tls"
    {
        for ca in ca stranger; do
            openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=buktor test $ca" \
                -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" \
                -keyout "$tls/$ca.key" -out "$tls/$ca.pem"
        done
        openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout "$tls/server.key" -out "$tls/server.csr"
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' \
            >"$tls/server.ext"
        openssl x509 -req -in "$tls/server.csr" -CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial -days 2 \
            -extfile "$tls/server.ext" -out "$tls/server.pem"
    } 2>"$tls/openssl.log" || { cat "$tls/openssl.log" >&2; fail "openssl could not make the test certificates"; }
}

# An empty data folder with the login `admin`, which every server of the tests is a copy of.
make_template() {
    local template=$1 log=$2
    cat >"$2.sql" <<'SQL'
-- Loads the grant tables, which the installation runs without.
FLUSH PRIVILEGES;
CREATE USER 'admin'@'%' IDENTIFIED BY 'admin';
GRANT ALL ON *.* TO 'admin'@'%' WITH GRANT OPTION;
SQL
    mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$template" --skip-test-db \
        --auth-root-authentication-method=normal --innodb-log-file-size=8M --extra-file="$2.sql" >"$log" 2>&1 ||
        { cat "$log" >&2; fail "mariadb-install-db failed"; }
}

free_port() {
    local port
    for _ in $(seq 100); do
        port=$((20000 + RANDOM % 12000))
        # Nobody answers there; a race with another program would show as a server that does not start.
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    fail "found no free port"
}

server_pid=
start_server() {
    local folder=$1 port=$2
    cp -R "$folder/template" "$folder/data"
    # The private servers of single tests get the same options: this file is read by tests/it/support/mariadb.rs too.
    cat >"$folder/server.cnf" <<CNF
[mariadbd]
user = $(id -un)
bind-address = 127.0.0.1
skip-name-resolve
skip-log-bin
performance-schema = OFF
innodb-buffer-pool-size = ${MARIADB_POOL:-24M}
innodb-log-file-size = ${MARIADB_LOG:-8M}
innodb-flush-log-at-trx-commit = 1
innodb-buffer-pool-dump-at-shutdown = OFF
innodb-buffer-pool-load-at-startup = OFF
aria-pagecache-buffer-size = 1M
key-buffer-size = 1M
max-connections = 200
character-set-server = utf8mb4
ssl-ca = $folder/tls/ca.pem
ssl-cert = $folder/tls/server.pem
ssl-key = $folder/tls/server.key
CNF
    mariadbd --defaults-file="$folder/server.cnf" --datadir="$folder/data" --port="$port" \
        --socket="$folder/server.sock" --pid-file="$folder/server.pid" >"$folder/server.log" 2>&1 &
    server_pid=$!
    for _ in $(seq 300); do
        if MYSQL_PWD=admin mariadb --no-defaults -u admin -S "$folder/server.sock" -e 'SELECT 1' >/dev/null 2>&1; then
            return
        fi
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$folder/server.log" >&2
    fail "MariaDB did not start on port $port"
}

folder=
port=
cleanup() {
    local code=$?
    trap - EXIT
    remove_policy
    if [ -n "$server_pid" ]; then
        kill "$server_pid" 2>/dev/null || true
        wait "$server_pid" 2>/dev/null || true
    fi
    [ -z "$folder" ] || rm -rf "$folder"
    exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Installs what is missing and starts the server; sets $folder and $port, and exports where it is.
provide_mariadb() {
    PATH="$PATH:/usr/sbin"
    provide_packages packages
    # Short, because a socket's path may have 107 bytes.
    folder=$(mktemp -d "${TMPDIR:-/tmp}/buktor.XXXXXX")
    make_certificates "$folder/tls"
    make_template "$folder/template" "$folder/install.log"
    port=$(free_port)
    start_server "$folder" "$port"
    export BUKTOR_TEST_DIR=$folder
    export BUKTOR_TEST_MARIADB=127.0.0.1:$port
}
