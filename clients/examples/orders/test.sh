#!/usr/bin/env bash
# Runs the example with a fixed number of orders, restarts the server in the middle, kills a worker with `kill -9`, and compares what became of
# every order with what the server, the handlers and the watcher say. Then: Ctrl-C ends run.sh with all that it started.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../tools/dev.sh
source "$here/../tools/dev.sh"
# shellcheck source=setup.sh
source "$here/setup.sh"

programs=()
cleanup() {
    local status=$?
    for program in "${programs[@]}"; do kill -9 "$program" && wait "$program" || true; done 2>/dev/null
    (exit "$status") && finish || finish
}
trap cleanup EXIT
count=90 lease=5
# Reaping is what follows a crash: 0 to 1 s after the lease is over.
serve() { start_dev --set rules.lease_ttl=${lease}s --set worker.drain_grace=2s --set shutdown.grace=3s; }
start_worker() {
    worker --journal "$scratch/journal" >>"$scratch/workers.log" 2>&1 &
    programs+=($!)
}
stored() { (($(wc -l <"$scratch/sent") >= $1)); }
gone() { ! kill -0 "$1"; }

serve
export TIDEMILL_URL=http://$ADDRESS
touch "$scratch/journal" "$scratch/sent"
start_worker
first=${programs[0]}
start_worker
producer -count $count -every 80ms -seed 7 2>"$scratch/producer.log" | tee "$scratch/sent" | watcher >"$scratch/printed" 2>"$scratch/watcher.log" &
watching=$!
programs+=("$watching")

until_true 30 stored 20 || fail "the producer sends nothing"
echo "orders: restarting the server"
kill -TERM "$dev"
wait "$dev" || true
stored $count && fail "the producer was too fast for this test"
serve
until_true 30 stored 45 || fail "the producer did not survive the restart of the server"
# Its end is no news for the shell.
disown "$first"
python3 "$here/kill_busy.py" "$first" "$scratch/journal"
start_worker

until_true 90 gone "$watching" || fail "the watcher waits for ever: $(wc -l <"$scratch/printed") of $count orders are finished"
wait "$watching" || fail "the producer or the watcher ended with an error"
[[ $(wc -l <"$scratch/sent") == "$count" ]] || fail "$(wc -l <"$scratch/sent") of $count orders were sent"
"$orders/.build/python/bin/python" "$here/verify.py" "$scratch/sent" "$scratch/journal" "$scratch/printed" $lease

echo "orders: SIGTERM ends a worker in order"
for program in "${programs[1]}" "${programs[3]}"; do
    kill -TERM "$program"
    wait "$program" || fail "a worker ended with $?"
done

echo "orders: Ctrl-C ends run.sh and all that it started"
# A job with a process group of its own, as a terminal would start it.
set -m
env --default-signal=INT -u TIDEMILL_URL "$here/run.sh" -every 100ms >"$scratch/run.out" 2>"$scratch/run.log" &
run=$!
set +m
programs+=("$run")
until_true 60 grep -q '^done' "$scratch/run.out" || fail "run.sh finishes no order"
mapfile -t started < <(pgrep -P "$run")
((${#started[@]} == 5)) || fail "run.sh has ${#started[@]} children, not a server, two workers, producer and watcher"
kill -INT -- "-$run"
wait "$run" || fail "run.sh ended with $?"
for program in "${started[@]}"; do
    gone "$program" 2>/dev/null || fail "process $program is left over"
done
grep -q '^producer: stored' "$scratch/run.log" || fail "the producer did not end in order"
! grep -q Traceback "$scratch"/*.log || fail "a worker fell over"
echo "orders: all as it should be"
