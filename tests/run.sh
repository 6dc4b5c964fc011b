#!/usr/bin/env bash
# Runs all tests: `bash tests/run.sh`, or some of them: `bash tests/run.sh FILTER...` (names, as cargo takes them).
#
# Installs what they need (Debian packages, as root; Python packages under target/), starts a MariaDB and a PostgreSQL server in
# temporary folders on free ports, and stops them and removes the folders afterwards. SQL Server is stood for by
# tests/tds-server, Oracle's client library by tests/oci-double on that PostgreSQL; docs/testing-with-real-servers.md says how
# the vendors' own are used in their place. It never skips a test: what is missing is a failure.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=tests/mariadb.sh
. tests/mariadb.sh
# shellcheck source=tests/python.sh
. tests/python.sh
# shellcheck source=tests/postgres.sh
. tests/postgres.sh

# tests/it/hostile.rs holds ten thousand connections; with fewer it says so.
ulimit -n "$(ulimit -Hn)" || say "the number of open files stays at $(ulimit -n)"

command -v cargo >/dev/null || fail "Rust is missing: install it from https://rustup.rs"
# Built first, so that a mistake in the code shows before anything is started, and the tests' time is the tests' own.
cargo build --locked --quiet
# By themselves, so that their features do not become the product's.
cargo build --locked --quiet -p tds-server -p oci-double -p faulty-os
target=${CARGO_TARGET_DIR:-$PWD/target}/debug
export BUKTOR_TEST_TDS_SERVER=$target/tds-server BUKTOR_TEST_FAULTY_OS=$target/libfaulty_os.so
provide_mariadb
provide_oracle "$target"

# One line of totals at the very end, whichever runner there is, so that nobody has to add up.
report=$folder/report.txt
code=0
if cargo nextest --version >/dev/null 2>&1; then
    run_tests() { cargo nextest run --locked --no-tests=pass "$@" 2>&1 | tee -a "$report" || code=$?; }
    counts() { sed -n "s/^ *Summary .* tests\{0,1\} run: //p" "$report" | tr ',(' '\n\n' | sed -n "s/^ *\([0-9]*\) $1.*/\1/p"; }
else
    # The same in one process for each binary; libtest takes several filters.
    run_tests() {
        local packages=()
        while [ "${1:-}" = -p ]; do
            packages+=(-p "$2")
            shift 2
        done
        cargo test --locked "${packages[@]}" --lib --bins --tests --no-fail-fast -- --test-threads=6 "$@" 2>&1 | tee -a "$report" || code=$?
    }
    counts() { sed -n 's/^test result: .*\. \([0-9]* passed; [0-9]* failed\);.*/\1/p' "$report" | tr ';' '\n' | sed -n "s/^ *\([0-9]*\) $1.*/\1/p"; }
fi
run_tests -p buktor-middleware "$@"
run_tests -p tds-server -p oci-double "$@"
# Without this the failures would look like the tests' own.
if ! kill -0 "$server_pid" 2>/dev/null; then
    tail -n 20 "$folder/server.log" >&2
    say "THE MARIADB SERVER ENDED DURING THE TESTS (its last words stand above): somebody killed it, or it crashed"
    code=1
fi
sum() { awk '{ n += $1 } END { print n + 0 }'; }
passed=$(counts passed | sum)
failed=$(($(counts failed | sum) + $(counts 'timed out' | sum)))
if [ "$code" -ne 0 ] && [ "$failed" -eq 0 ]; then
    # It did not come to a verdict on any test: what it said stands above.
    failed=1
fi
if [ "$code" -eq 0 ] && [ "$passed" -eq 0 ]; then
    say "no test has this name: $*"
    code=1
fi

# What others' software has to say, each script a test: sqlglot reads every statement that is rendered, in the dialect of its
# database; python-tds and FreeTDS hold the server that stands for SQL Server to the protocol, Oracle's own driver the library
# that stands for Oracle's.
check() {
    say "$1"
    if timeout 300 "$python" "$@" >&2; then
        passed=$((passed + 1))
    else
        say "$1 FAILED"
        failed=$((failed + 1))
        code=1
    fi
}
freetds_packages() { command -v tsql >/dev/null || echo freetds-bin; }
if [ $# -eq 0 ]; then
    provide_packages freetds_packages
    provide_python sqlglot==30.30.0 python-tds==1.17.1 'pyOpenSSL>=24' oracledb==26.1.0
    check tests/sql_dialects.py
    check tests/tds-server/check.py "$BUKTOR_TEST_TDS_SERVER" "$(command -v tsql)"
    check tests/oci-double/check.py "$BUKTOR_TEST_OCI_DOUBLE" "$BUKTOR_TEST_POSTGRES"
fi
printf '%s passed, %s failed\n' "$passed" "$failed"
exit "$code"
