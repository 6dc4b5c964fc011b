#!/usr/bin/env bash
# The long form of the fault tests: `bash tests/faults.sh [--minutes N] [--seed S] [FILTER...]`. Runs every test that takes its time
# and its seed from tests/it/support/seed.rs for its share of N minutes (10), or those whose names have a FILTER in them. Prints
# the seed at the start. Without a FILTER it fuzzes, too: a minute for each target (tests/fuzz.sh). The last line says what was done:
# kills survived, power cuts replayed, and so on. The same seed takes the same decisions again; when a process is how far is the
# machine's own affair.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    echo "usage: bash tests/faults.sh [--minutes N] [--seed S] [FILTER...]" >&2
    exit 2
}
minutes=10
seed=$(od -An -N7 -tu8 /dev/urandom | tr -d ' ')
filters=()
while [ $# -gt 0 ]; do
    case $1 in
    --minutes | --seed)
        [[ ${2:-} =~ ^[0-9]+$ ]] || usage
        if [ "$1" = --seed ]; then seed=$2; else minutes=$2; fi
        shift 2
        ;;
    -*) usage ;;
    *)
        filters+=("$1")
        shift
        ;;
    esac
done

# The tests that have a `Run`, each by its module and name.
long_tests() {
    local file module
    grep -rl 'Run::new(' tests/it --include='*.rs' | while read -r file; do
        case $file in */support/*) continue ;; esac
        module=${file#tests/it/}
        module=${module%.rs}
        module=${module%/mod}
        # A test's name stands after its #[test]; what it calls to make the `Run` may be another function of the file.
        awk -v module="${module//\//::}" '
            /^ *#\[test\]/ { test = 1; next }
            test && match($0, /fn [a-z0-9_]+/) { name = substr($0, RSTART + 3, RLENGTH - 3); test = 0 }
            /^ *(pub\(crate\) )?fn / && !match($0, name "\\(") { name = "" }
            /Run::new\(/ && name != "" { print module "::" name; name = "" }
        ' "$file"
    done | sort -u
}
mapfile -t tests < <(
    # One test of each kind of database, whose names are made by a macro.
    { long_tests; echo faults_at_random_lose_and_double_nothing; } | while read -r name; do
        if [ ${#filters[@]} -eq 0 ]; then echo "$name"; fi
        for filter in "${filters[@]}"; do
            case $name in *"$filter"*) echo "$name" ;; esac
        done
    done
)
[ ${#tests[@]} -gt 0 ] || {
    echo "no long test has this name: ${filters[*]}" >&2
    exit 1
}

# Two of them run at a time (.config/nextest.toml, group heavy).
share=$((minutes * 60 * 2 / ${#tests[@]}))
[ "$share" -ge 5 ] || share=5
export BUKTOR_TEST_SECONDS=$share BUKTOR_TEST_SEED=$seed
# Their time is no hang, and what they say of themselves is wanted: for nextest, and for cargo's own runner.
export NEXTEST_PROFILE=faults RUST_TEST_NOCAPTURE=1
echo "faults: ${#tests[@]} tests, $share s each, --seed $seed" >&2

report=$(mktemp)
trap 'rm -f "$report"' EXIT
code=0
bash tests/run.sh "${tests[@]}" 2>&1 | tee "$report" || code=$?
# A minute for each target.
if [ ${#filters[@]} -eq 0 ]; then
    bash tests/fuzz.sh 2>&1 | tee -a "$report" || code=$?
fi
totals=$(
    sed -n 's/^.*: TOTAL \(.*\): \([0-9]*\)$/\2 \1/p' "$report" |
        awk '{ n = $1; $1 = ""; sum[$0] += n } END { for (what in sum) printf "%d%s\n", sum[what], what }' |
        sort -k2 | paste -sd ';' | sed 's/;/; /g'
)
if [ "$code" -eq 0 ]; then echo "faults: all held: $totals (seed $seed)"; else echo "faults: FAILED with seed $seed: $totals"; fi
exit "$code"
