#!/usr/bin/env bash
# Measures the program against its limits: `bash benches/run.sh`, or a part of it:
# `bash benches/run.sh ingest|drain|crosswalk|memory|startup|size...`. Prints figures, ratios and whether each limit is kept.
#
# Starts a MariaDB server as the tests do, with memory enough for its part of the work. About ten minutes the first
# time (the release build, and a queue file with a million events), five afterwards.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The HIS is not what is measured: its pages and log stay in memory.
MARIADB_POOL=512M
MARIADB_LOG=512M
# shellcheck source=tests/mariadb.sh
. tests/mariadb.sh

command -v cargo >/dev/null || fail "Rust is missing: install it from https://rustup.rs"
cargo bench --locked --quiet --no-run
provide_mariadb
cargo bench --locked --quiet --bench limits -- "$@"
