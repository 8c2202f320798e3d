# Sourced by the tests of the examples: starts a `tidemill dev` of its own on free ports, and ends it with the shell.
# Sets $root, $scratch, $ADDRESS, $GRPCURL. Exits 69 if a tool is missing, naming it.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
scratch=$(mktemp -d)
dev=''
finish() {
    local status=$?
    [[ -z $dev ]] || { kill "$dev" 2>/dev/null && wait "$dev"; } || true
    ((status == 0)) || tail -n 20 "$scratch"/*.log >&2 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT

missing() { echo "${0##*/}: $1 is missing" >&2; exit 69; }
fail() { echo "${0##*/}: $*" >&2; exit 1; }

# until_true SECONDS COMMAND…
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# grpcurl, pinned, from source: into .tools/bin.
need_grpcurl() {
    command -v jq >/dev/null || missing jq
    GRPCURL=$root/.tools/bin/grpcurl-1.9.3
    if [[ ! -x $GRPCURL ]]; then
        command -v go >/dev/null || missing "go (to build grpcurl)"
        mkdir -p "$scratch/grpcurl" "$root/.tools/bin"
        GOBIN=$scratch/grpcurl go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3 2>"$scratch/go.log" || fail "grpcurl cannot be built: $(tail -1 "$scratch/go.log")"
        mv "$scratch/grpcurl/grpcurl" "$GRPCURL"
    fi
    export GRPCURL
}

# start_dev [ARGUMENT…]: more for `tidemill dev`. Again after it was stopped: the same ports and data.
start_dev() {
    local binary=${TIDEMILL_TEST_BINARY:-$root/target/debug/tidemill}
    [[ -x $binary ]] || missing "$binary (cargo build -p tidemill)"
    command -v python3 >/dev/null || missing python3
    port=${port:-$(free_port)} admin=${admin:-$(free_port)}
    server=${server:-${TIDEMILL_TEST_SERVER:-$("$root/tools/get-server.sh" 2>/dev/null)}}
    "$binary" dev --data "$scratch/data" --redis-server "$server" --set "gateway.listen=127.0.0.1:$port" --set "gateway.admin_listen=127.0.0.1:$admin" "$@" >>"$scratch/dev.log" 2>&1 &
    dev=$!
    export ADDRESS=127.0.0.1:$port
    until_true 30 bash -c "exec 3<>/dev/tcp/127.0.0.1/$admin && printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3 && grep -q 200 <&3" || fail "tidemill dev does not start"
}
