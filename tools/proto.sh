#!/usr/bin/env bash
# Writes the committed stubs of all clients anew from proto/ and third_party/; with --check insists that they are current.
# A language whose toolchain is missing is named and skipped, unless it is CI (CI=1), where all must be there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

check=${1:-}
status=0
say() { echo "proto: $*" >&2; }

# language, the folder that generate.sh writes to, the part of it that is generated
while read -r language folder part; do
    code=0
    if [[ $check == --check ]]; then
        out=$(mktemp -d)
        "clients/$language/generate.sh" "$out" >/dev/null || code=$?
    else
        "clients/$language/generate.sh" || code=$?
    fi
    if ((code == 69)); then
        say "$language SKIPPED: its toolchain is missing"
        [[ -z ${CI:-} ]] || status=1
    elif ((code != 0)); then
        say "$language: generate.sh failed ($code)"
        status=1
    elif [[ $check == --check ]]; then
        if diff -r --brief --exclude __pycache__ "$out/$part" "$folder/$part" >&2; then
            say "$language: current"
        else
            say "$language: stale, run \`make proto\`"
            status=1
        fi
    fi
    [[ $check != --check ]] || rm -rf "$out"
done <<'LANGUAGES'
go          clients/go                          tidemill
python      clients/python/src/tidemill/_gen    .
typescript  clients/typescript/src/_gen         .
java        clients/java/src/gen/java           .
LANGUAGES
exit "$status"
