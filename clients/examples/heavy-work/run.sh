#!/usr/bin/env bash
# A heavy job, a worker that runs it, and a caller that is cut off after a quarter of it and killed after three. Then what it missed: nothing.
#
#   ./run.sh [SECONDS [RECORD]]      how long the job is to take (30; at least 6); the file for what the caller sees
#
# Starts a `tidemill dev` of its own, whose leases are much shorter than the job, unless TIDEMILL_URL names a server (http://HOST:PORT).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../tools/dev.sh
source "$here/../tools/dev.sh"
# shellcheck source=setup.sh
source "$here/setup.sh"
seconds=${1:-30}
[[ $seconds =~ ^[0-9]+$ ]] && ((seconds >= 6)) || fail "the job takes whole seconds, 6 or more, not $seconds"
record=${2:-$scratch/record}
pieces=60

jobs=()
end() {
    trap '' INT TERM
    # `wait` for nobody would wait for the server.
    ((${#jobs[@]})) || return 0
    local job
    # Not INT: who started us may have had it ignored, as `nohup … &` does, and some programs leave it so.
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
trap 'echo "heavy-work: stopping"; exit 0' INT TERM
# A process group for each: Ctrl-C reaches this script alone, which then ends them in order.
background() {
    set -m
    "$@" &
    set +m
    jobs+=($!)
}
recorded() { [[ -e $record ]] && (($(grep -c '"chunk"' "$record") >= $1)); }
wait_for_piece() { until_true $((seconds + 60)) recorded "$1" || fail "piece $1 never came"; }

if [[ -z ${TIDEMILL_URL:-} ]]; then
    [[ -x ${TIDEMILL_TEST_BINARY:-$root/target/debug/tidemill} ]] || (cd "$root" && cargo build -p tidemill)
    set -m
    start_dev --set rules.lease_ttl=3s
    set +m
    export TIDEMILL_URL=http://$ADDRESS
    echo "heavy-work: a server of its own at $TIDEMILL_URL, with leases of 3 s"
fi
background worker
between=$(free_port)
background proxy "$between" "${TIDEMILL_URL#*://}" $((seconds / 6))
proxy=$!
# Only the caller's way to the server is a bad one.
TIDEMILL_URL=http://127.0.0.1:$between background caller "$record" "$seconds"
caller=$!

wait_for_piece $((pieces / 4))
kill -USR1 "$proxy"
wait_for_piece $((pieces * 3 / 4))
echo "heavy-work: kill -9 of the caller"
disown "$caller"
kill -9 "$caller"
unset 'jobs[-1]'
sleep 1
TIDEMILL_URL=http://127.0.0.1:$between background caller "$record"
wait "${jobs[-1]}"
python3 "$here/check.py" "$record" $pieces
