#!/usr/bin/env bash
# Everything about the clients: are their stubs current, does each pass its own checks and the conformance suite, does the table in docs/clients.md
# say so, do the examples run. With arguments only these languages: tools/test-clients.sh go java
# A language whose toolchain is missing is named and skipped, unless it is CI (CI=1), where all must be there. With SELF_TEST=1 the suite is also
# played against clients that are wrong on purpose.
set -euo pipefail
# The order of the columns must not depend on the language of the machine.
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TIDEMILL_TEST_SERVER=$(tools/get-server.sh)
export TIDEMILL_TEST_SERVER
cargo build --quiet -p tidemill
cargo build --quiet -p tidemill-e2e --bins
export TIDEMILL_TEST_BINARY=$PWD/target/debug/tidemill

languages=("$@")
((${#languages[@]})) || languages=(rust python typescript go java)
results=target/conformance
mkdir -p "$results"
rm -f "$results"/*.json
status=0 skipped=()
say() { echo "clients: $*" >&2; }
fail() { say "$*"; status=1; }

# Runs a part of a language; answers false if the language is skipped.
part() {
    local language=$1 code=0
    shift
    "$@" || code=$?
    if ((code == 69)); then
        skipped+=("$language")
        say "$language SKIPPED: its toolchain is missing"
        [[ -z ${CI:-} ]] || status=1
        return 1
    fi
    ((code == 0)) || fail "$language: \`$*\` failed ($code)"
}

suite() { # column, language, further flags
    local column=$1
    shift
    target/debug/conformance --json "$results/$column.json" "$@"
}

((${#languages[@]} < 5)) || tools/proto.sh --check || status=1
for language in "${languages[@]}"; do
    say "$language"
    if [[ $language == rust ]]; then
        # Its own checks are those of the workspace.
        suite rust --language rust || fail "rust: conformance"
        # Takes six minutes: whoever changes the suite runs it.
        [[ -z ${SELF_TEST:-} ]] || target/debug/conformance --self-test || fail "the suite did not notice a wrong client"
        continue
    fi
    part "$language" "clients/$language/check.sh" || continue
    suite "$language" --language "$language" || fail "$language: conformance"
    if [[ $language == python ]]; then
        suite python-sync --language python-sync --runner "$PWD/clients/python/runner.sh --sync" || fail "python-sync: conformance"
    fi
done

if ((${#languages[@]} == 5 && ${#skipped[@]} == 0)); then
    cp docs/clients.md "$results/clients.md"
    target/debug/conformance --table "$results"/*.json --into "$results/clients.md"
    if ! cmp -s docs/clients.md "$results/clients.md"; then
        if [[ -n ${CI:-} ]]; then
            fail "docs/clients.md is stale: run \`make test-clients\` and commit it"
        else
            cp "$results/clients.md" docs/clients.md
            say "docs/clients.md was written anew"
        fi
    fi
    for example in clients/examples/*/test.sh; do
        say "$example"
        "$example" || fail "$example failed"
    done
fi
target/debug/conformance --table "$results"/*.json
((${#skipped[@]} == 0)) || say "skipped: ${skipped[*]}"
exit "$status"
