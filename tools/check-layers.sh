#!/usr/bin/env bash
# Proves that the layer rule of deny.toml can fail: breaks it in a copy of the tree, in several ways, and insists that cargo-deny says so.
# A rule that nobody ever saw fail may be one that is never looked at.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH="$root/.tools/bin:$PATH"
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# Tracked files and new ones, as they are now; a file deleted but still tracked is left out.
(cd "$root" && git ls-files -z --cached --others --exclude-standard) |
    while IFS= read -r -d '' file; do [[ ! -f $root/$file ]] || printf '%s\0' "$file"; done |
    tar -C "$root" --null -T - -cf - | tar -C "$copy" -xf -
cd "$copy"

# The same check as `make lint`. Offline once the first run has filled Cargo's cache, so that no broken edge costs a look at the registry.
check() { cargo deny --log-level error --workspace "$@" check --hide-inclusion-graph bans >"$copy/deny.log" 2>&1; }

if ! check; then
    cat "$copy/deny.log" >&2
    echo "check-layers: the tree breaks the rule as it is; mend that first" >&2
    exit 1
fi

# breaks <folder of the crate> <dependency it must not have>
breaks() {
    local manifest=$1/Cargo.toml
    cp "$manifest" "$copy/manifest.before"
    sed -i "s/^\[dependencies\]\$/&\n$2.workspace = true/" "$manifest"
    if cmp -s "$manifest" "$copy/manifest.before"; then
        echo "check-layers: $manifest has no [dependencies] to break" >&2
        exit 1
    fi
    if check --offline; then
        echo "check-layers: $1 may depend on $2, and nothing complains: the layer rule is not enforced" >&2
        exit 1
    fi
    if ! grep -qE 'error\[(banned|unmatched-wrapper)\]' "$copy/deny.log" || ! grep -qF "'$2" "$copy/deny.log"; then
        cat "$copy/deny.log" >&2
        echo "check-layers: cargo-deny failed on $1 -> $2, but not because of the rule" >&2
        exit 1
    fi
    cp "$copy/manifest.before" "$manifest"
    echo "check-layers: $1 -> $2 is refused"
}

breaks services/gateway tidemill-results
breaks services/gateway redis
breaks services/kit tidemill-model
breaks clients/cli tidemill-store
