#!/usr/bin/env bash
# Runs all of it until Ctrl-C: a `tidemill dev` with data of its own (unless TIDEMILL_URL names a server), two workers, the producer and the watcher.
#
#   ./run.sh [-count N] [-every 300ms] [-seed N]      (flags of the producer)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../tools/dev.sh
source "$here/../tools/dev.sh"
# shellcheck source=setup.sh
source "$here/setup.sh"

jobs=()
end() {
    trap '' INT TERM
    # `wait` for nobody would wait for the server.
    ((${#jobs[@]})) || return 0
    local job
    for job in "${jobs[@]}"; do kill -TERM -- "-$job" 2>/dev/null || true; done
    wait "${jobs[@]}" 2>/dev/null || true
}
# However this ends, nothing is left over; the server, of tools/dev.sh, goes last.
leave() {
    local status=$?
    end
    (exit "$status") && finish || finish
}
trap leave EXIT
trap 'echo "orders: stopping"; exit 0' INT TERM

# Every job gets a process group of its own: Ctrl-C reaches this script alone, which then ends them in order.
set -m
if [[ -z ${TIDEMILL_URL:-} ]]; then
    [[ -x ${TIDEMILL_TEST_BINARY:-$root/target/debug/tidemill} ]] || (cd "$root" && cargo build -p tidemill)
    start_dev
    export TIDEMILL_URL=http://$ADDRESS
    echo "orders: a server of its own at $TIDEMILL_URL"
fi

worker &
jobs+=($!)
worker &
jobs+=($!)
producer "$@" | watcher &
jobs+=("$(jobs -p %%)")
# Ends by itself only with -count, when every order is finished, or if the producer or the watcher fails.
wait %%
