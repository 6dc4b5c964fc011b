#!/usr/bin/env bash
# Fuzzes what strangers and technicians send: `bash tests/fuzz.sh [SECONDS [TARGET...]]`, 60 seconds for each target where
# nothing else is said. Builds cargo-fuzz and the targets under target/ (some minutes, once) with the stable compiler, which
# RUSTC_BOOTSTRAP lets instrument code. Prints a line for each target; exits 1 where an input broke a property or was slow.
#
# What it finds lies in target/fuzz/found/TARGET: put the input under tests/fuzz/corpus/TARGET, and tests/it/fuzz_corpus.rs
# holds it for ever. New inputs that reach new code are kept in target/fuzz/new/TARGET for the next run.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=tests/mariadb.sh
. tests/mariadb.sh

seconds=${1:-60}
[ $# -eq 0 ] || shift
[[ $seconds =~ ^[0-9]+$ ]] || fail "how many seconds for each target? $seconds is no whole number"
targets=("$@")
[ $# -gt 0 ] || targets=(event request credentials configuration language)
for target in "${targets[@]}"; do
    [ -f "tests/fuzz/targets/$target.rs" ] || fail "there is no target $target"
done

compilers() {
    command -v cc >/dev/null || printf 'gcc\nlibc6-dev\n'
    # libFuzzer itself is C++.
    command -v c++ >/dev/null || echo g++
}
command -v cargo >/dev/null || fail "Rust is missing: install it from https://rustup.rs"
provide_packages compilers

cargo_fuzz_version=0.13.2
tools=$PWD/target/tools
if [ "$("$tools/bin/cargo-fuzz" --version 2>/dev/null)" != "cargo-fuzz $cargo_fuzz_version" ]; then
    say "cargo install cargo-fuzz $cargo_fuzz_version (once)"
    cargo install cargo-fuzz --version "$cargo_fuzz_version" --locked --debug --quiet --no-track --force \
        --root "$tools" --target-dir "$tools/build"
    rm -rf "$tools/build"
fi

folder=$PWD/target/fuzz
mkdir -p "$folder"
# The product's own versions; what libFuzzer needs besides is added to the copy.
cp Cargo.lock tests/fuzz/Cargo.lock
say "building the targets"
# Without a sanitizer: there is no unsafe code here, and what is looked for are panics, broken properties and slow inputs.
RUSTC_BOOTSTRAP=1 "$tools/bin/cargo-fuzz" build --fuzz-dir tests/fuzz --target-dir "$folder" --sanitizer none >&2

code=0
for target in "${targets[@]}"; do
    new=$folder/new/$target found=$folder/found/$target log=$folder/$target.log
    mkdir -p "$new" "$found"
    options=(-max_total_time="$seconds" -timeout=10 -report_slow_units=3 -rss_limit_mb=1024 -max_len=8192
        -print_final_stats=1 -artifact_prefix="$found/")
    [ ! -f "tests/fuzz/$target.dict" ] || options+=(-dict="tests/fuzz/$target.dict")
    before=$(find "$found" -type f | wc -l)
    ended=0
    timeout $((seconds + 300)) "$folder"/*/release/"$target" "$new" "tests/fuzz/corpus/$target" "${options[@]}" \
        >"$log" 2>&1 || ended=$?
    faults=$(($(find "$found" -type f | wc -l) - before))
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    covered=$(sed -n 's/.*cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    printf 'TOTAL inputs fuzzed, %s: %s (%s edges reached, %s found broken or slow)\n' \
        "$target" "${runs:-0}" "${covered:-0}" "$faults"
    if [ "$ended" -ne 0 ] || [ "$faults" -gt 0 ]; then
        say "$target: FAILED ($ended)"
        grep -a -A 3 -e 'panicked at' -e 'ERROR: libFuzzer' -e 'Slowest unit' "$log" | head -n 20 >&2 || tail -n 20 "$log" >&2
        find "$found" -type f >&2
        code=1
    fi
done
exit "$code"
