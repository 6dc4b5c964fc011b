#!/usr/bin/env bash
# The TDS test server for tests/run.sh, which sources this file after tests/mariadb.sh: builds it, tells the tests where
# it is (BUKTOR_TEST_TDS_SERVER), and holds it against clients of other makers (python-tds from PyPI, tsql from Debian).
# shellcheck shell=bash

tds_packages() {
    local missing=()
    command -v tsql >/dev/null || missing+=(freetds-bin)
    command -v python3 >/dev/null || missing+=(python3)
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
    printf '%s\n' "${missing[@]}" | sort -u
}

tds_install() {
    local missing
    mapfile -t missing < <(tds_packages | sed '/^$/d')
    [ "${#missing[@]}" -eq 0 ] && return
    command -v apt-get >/dev/null || fail "install what holds these Debian packages first: ${missing[*]}"
    [ "$(id -u)" -eq 0 ] || fail "install these first: sudo apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    apt-get install -qq --no-install-recommends "${missing[@]}" >&2
    [ -z "$(tds_packages | sed '/^$/d')" ] || fail "still missing after the installation: $(tds_packages | tr '\n' ' ')"
}

# python-tds in a folder of its own; pyOpenSSL is what it speaks TLS with.
tds_python() {
    local venv=$1
    "$venv/bin/python" -c 'import pytds, OpenSSL' 2>/dev/null && return
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'python-tds==1.17.1' 'pyOpenSSL>=24' >&2 ||
        fail "python-tds could not be installed from PyPI"
}

# Builds the server and sets BUKTOR_TEST_TDS_SERVER.
provide_tds() {
    cargo build --locked --quiet --package tds-server
    local target
    target=$(cargo metadata --format-version 1 --no-deps --locked | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    export BUKTOR_TEST_TDS_SERVER=$target/debug/tds-server
    [ -x "$BUKTOR_TEST_TDS_SERVER" ] || fail "no tds-server in $target/debug"
}

# The independent check of the server.
check_tds() {
    tds_install
    local venv=${BUKTOR_TEST_TDS_SERVER%/*}/../tds-venv
    tds_python "$venv"
    timeout 300 "$venv/bin/python" tests/tds-server/check.py "$BUKTOR_TEST_TDS_SERVER" "$(command -v tsql)"
}
