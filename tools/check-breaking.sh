#!/usr/bin/env bash
# Fails if proto/ breaks those who use the recorded contract, proto/tidemill.v1.binpb (`make proto-tag`).
# Then breaks a copy on purpose and insists that buf reports it, because this check passes silently when called wrongly: with
# --limit-to-input-files it compares nothing in a workspace of two modules, and --path stops with an error.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH="$root/.tools/bin:$PATH"
image=$root/proto/tidemill.v1.binpb

die() { echo "check-breaking: $*" >&2; exit 1; }

[[ -f $image ]] || die "no contract is recorded in proto/tidemill.v1.binpb yet; record this one with: make proto-tag"
command -v buf >/dev/null || die "buf is missing; run tools/install-checkers.sh"

# compare <folder with buf.yaml and proto/>
compare() { (cd "$1" && buf breaking proto --against "$image" --exclude-imports); }

compare "$root" || die "proto/ breaks the recorded contract. Leave what exists as it is and add to it; a removed name and number stay reserved"

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R "$root/buf.yaml" "$root/proto" "$root/third_party" "$copy"

# The contract's own break: the first text field of task.proto becomes bytes.
task=$copy/proto/tidemill/v1/task.proto
awk '!done && /^  string [a-z_]+ = [0-9]+/ { sub(/string/, "bytes"); done = 1 } { print }' "$task" >"$copy/task.broken"
cmp -s "$task" "$copy/task.broken" && die "self-test: task.proto has no text field left to break; choose another break"
mv "$copy/task.broken" "$task"
status=0
report=$(compare "$copy" 2>&1) || status=$?
# 100 is buf's code for findings; any other means that it compared nothing.
if [[ $status != 100 || $report != *"changed type"* ]]; then
    echo "$report" >&2
    die "self-test: a field changed its type and buf did not report it (exit $status): this check checks nothing"
fi
