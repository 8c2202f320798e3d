#!/usr/bin/env bash
# Runs all tests with a server found or fetched by get-server.sh, and fails if one of them leaves a process behind.
# With arguments, runs just `cargo test` with them: tools/test.sh -p tidemill-store --features test-clock -- lease
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
TIDEMILL_TEST_SERVER=$(tools/get-server.sh)
export TIDEMILL_TEST_SERVER
echo "test: server is $TIDEMILL_TEST_SERVER" >&2

# Every process that the tests start inherits this, which tells it from all others on the machine.
mark=run-$$-$RANDOM$RANDOM
status=0
run() { TIDEMILL_TEST_RUN=$mark cargo test --no-fail-fast "$@" || status=$?; }
if (($# > 0)); then
    run "$@"
else
    # The whole-system tests run the binary as it ships; the conformance suite needs a store whose clock it can set.
    cargo build -p tidemill
    run --workspace
    run -p tidemill-store --features test-clock --test conformance
fi

# What the tests started and did not end. Only Linux can say; elsewhere the check is empty.
left_behind() {
    local folder
    for folder in /proc/[0-9]*; do
        if grep -qsF "TIDEMILL_TEST_RUN=$mark" "$folder/environ"; then echo "${folder#/proc/}"; fi
    done
}

# A server may take a moment to end after the test that stopped it.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    left=$(left_behind)
    [[ -n $left ]] || exit "$status"
    sleep 0.5
done
echo "test: the tests left processes behind (ended now):" >&2
for pid in $left; do
    echo "  $pid  $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" || true)" >&2
    kill -KILL "$pid" 2>/dev/null || true
done
exit 1
