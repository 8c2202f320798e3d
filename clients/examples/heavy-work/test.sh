#!/usr/bin/env bash
# Runs the example with a job of 6 s on leases of 3 s, and insists that the caller was really away twice and missed nothing. Then: Ctrl-C ends
# run.sh with all that it started.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# For its helpers only: run.sh starts the server.
# shellcheck source=../tools/dev.sh
source "$here/../tools/dev.sh"
unset TIDEMILL_URL
said() { grep -q -- "$1" "$scratch/run.log"; }
gone() { ! kill -0 "$1" 2>/dev/null; }

"$here/run.sh" 6 "$scratch/record" >"$scratch/run.log" 2>&1 || fail "run.sh ended with $?"
tail -n 1 "$scratch/run.log"
said 'caller: lost the connection' || fail "the caller did not lose its connection"
said 'heavy-work: kill -9 of the caller' || fail "the caller was not killed"
mapfile -t begun < <(grep '^caller: task' "$scratch/run.log")
((${#begun[@]} == 2)) || fail "the caller began ${#begun[@]} times"
[[ ${begun[0]} == "${begun[1]%, from*}, from event 1" ]] || fail "another task or another beginning: ${begun[*]}"
next=${begun[1]##* }
((next > 45 && next < $(wc -l <"$scratch/record"))) || fail "the second half began at event $next"

# As a terminal would start it: a process group of its own, whose SIGINT is not ignored.
set -m
env --default-signal=INT "$here/run.sh" 60 "$scratch/another" >"$scratch/run.log" 2>&1 &
run=$!
set +m
until_true 30 grep -qs chunk "$scratch/another" || fail "run.sh shows nothing"
mapfile -t started < <(pgrep -P "$run" -x 'tidemill|java|python|python3(\.[0-9]+)?')
((${#started[@]} == 4)) || fail "run.sh has ${#started[@]} children, not a server, the worker, the proxy and the caller"
kill -INT -- "-$run"
wait "$run" || fail "run.sh ended with $? after Ctrl-C"
for program in "${started[@]}"; do
    gone "$program" || fail "process $program is left over"
done
said 'the job goes on' || fail "the caller did not end in order"
! said Traceback || fail "a program fell over"
echo "heavy-work: all as it should be"
