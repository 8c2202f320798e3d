#!/usr/bin/env bash
# Tests both workers against a `tidemill dev` of their own: completes, failures, cancellation, a restart of the server in the middle of a
# task, and SIGTERM.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../tools/dev.sh
source "$here/../tools/dev.sh"

need_grpcurl
python3 -m venv --help >/dev/null 2>&1 || missing "python3-venv"
venv=$root/.tools/raw-worker
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv" || missing "python3-venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/"
fi
lines=$(grep -cvE '^\s*(#.*)?$' "$here/worker.py")
((lines <= 60)) || fail "worker.py has $lines lines of its own"

call() { "$GRPCURL" -plaintext -d "$2" "$ADDRESS" "tidemill.v1.$1"; }
enqueue() { call GatewayService/Enqueue "$1" | jq -r .taskId; }
state() { call AdminService/GetTask "{\"task_id\": \"$1\"}" | jq -r .task.state; }
is() { [[ $(state "$1") == "TASK_STATE_$2" ]]; }
ends() { until_true 30 is "$1" "$2" || fail "task $1 is $(state "$1"), not $2"; }
shown() { call AdminService/GetTask "{\"task_id\": \"$1\"}" | jq -r ".task | $2"; }

# A lease of 6 s: everything below that takes longer lives on heartbeats.
start_dev --set rules.lease_ttl=6s --set rules.reap_delay=200ms --set shutdown.grace=3s --set worker.drain_grace=2s

python_worker() {
    PYTHONPATH=$scratch/gen "$venv/bin/python" "$here/worker.py" "$ADDRESS" 2>>"$scratch/worker.log" &
    worker=$!
}
PYTHON=$venv/bin/python "$here/generate.sh" "$scratch/gen"
python_worker

echo "raw-worker: completes, and fails"
echoed=$(enqueue '{"kind": "raw.echo", "payload": {"text": "hello"}}')
failed=$(enqueue '{"kind": "raw.fail", "retry_policy": {"max_attempts": 2, "initial_backoff": "0.01s"}}')
ends "$echoed" SUCCEEDED
[[ $(shown "$echoed" .output.text) == hello ]] || fail "another output: $(shown "$echoed" .output)"
ends "$failed" FAILED
[[ $(shown "$failed" '"\(.attempt) \(.error.type) \(.error.message)"') == "2 ValueError no ink" ]] || fail "$(shown "$failed" .)"

echo "raw-worker: agrees to a cancellation; an attempt that runs too long is counted"
cancelled=$(enqueue '{"kind": "raw.sleep", "payload": {"json": 60}}')
slow=$(enqueue '{"kind": "raw.sleep", "payload": {"json": 60}, "attempt_timeout": "1s", "retry_policy": {"max_attempts": 1}}')
until_true 10 is "$cancelled" RUNNING || fail "it does not run"
call GatewayService/CancelTask "{\"task_id\": \"$cancelled\"}" >/dev/null
ends "$cancelled" CANCELLED
ends "$slow" FAILED
[[ $(shown "$slow" '"\(.failures) \(.releases // 0)"') == "1 0" ]] || fail "$(shown "$slow" .)"

echo "raw-worker: keeps its leases over a drain and a restart of the server"
kept=$(enqueue '{"kind": "raw.sleep", "payload": {"json": 9}}')
until_true 10 is "$kept" RUNNING || fail "it does not run"
kill -TERM "$dev"
wait "$dev" || true
start_dev --set rules.lease_ttl=6s --set rules.reap_delay=200ms
ends "$kept" SUCCEEDED
[[ $(shown "$kept" '"\(.attempt) \(.crashes // 0) \(.releases // 0)"') == "1 0 0" ]] || fail "it was charged: $(shown "$kept" .)"

echo "raw-worker: SIGTERM lets it finish, and the worker ends with 0"
last=$(enqueue '{"kind": "raw.sleep", "payload": {"json": 2}}')
until_true 10 is "$last" RUNNING || fail "it does not run"
kill -TERM "$worker"
wait "$worker" || fail "it ended with $?"
is "$last" SUCCEEDED || fail "the last task is $(state "$last")"

echo "worker.sh: completes, fails, is cancelled, and keeps its lease by heartbeats"
BEAT=1 "$here/worker.sh" "$ADDRESS" 2>>"$scratch/worker-sh.log" &
worker=$!
upper=$(enqueue '{"kind": "shell.upper", "payload": {"text": "hello"}}')
ends "$upper" SUCCEEDED
[[ $(shown "$upper" .output.text) == HELLO ]] || fail "another output: $(shown "$upper" .output)"
empty=$(enqueue '{"kind": "shell.upper", "retry_policy": {"max_attempts": 1}}')
ends "$empty" FAILED
long=$(enqueue '{"kind": "shell.sleep", "payload": {"text": "9"}}')
ends "$long" SUCCEEDED
[[ $(shown "$long" .attempt) == 1 ]] || fail "it lost its lease"
stopped=$(enqueue '{"kind": "shell.sleep", "payload": {"text": "60"}}')
until_true 10 is "$stopped" RUNNING || fail "it does not run"
call GatewayService/CancelTask "{\"task_id\": \"$stopped\"}" >/dev/null
ends "$stopped" CANCELLED
last=$(enqueue '{"kind": "shell.sleep", "payload": {"text": "2"}}')
until_true 10 is "$last" RUNNING || fail "it does not run"
kill -TERM "$worker"
wait "$worker" || fail "worker.sh ended with $?"
is "$last" SUCCEEDED || fail "the last task is $(state "$last")"
echo "raw-worker: all as it should be"
