#!/usr/bin/env bash
# A Tidemill worker in shell: grpcurl, jq, and the unary calls of WorkerService. worker.sh HOST:PORT. One task at a time.
# Kind shell.upper answers with its text in capitals, shell.sleep sleeps so many seconds; an empty text fails.
set -euo pipefail
address=$1
grpcurl=${GRPCURL:-grpcurl}
readonly beat=${BEAT:-10} # seconds between heartbeats: a third of the lease
token='' stopping=''

call() { "$grpcurl" -plaintext -d @ "$address" "tidemill.v1.WorkerService/$1"; }

# Says it until it is answered. A settle is safe to repeat; one that is refused for good (a lost lease) must not be.
settle() {
    local said
    until said=$(call "$1" <<<"$2" 2>&1); do
        grep -qE 'Code: (Unavailable|Unknown|DeadlineExceeded)|Failed to dial' <<<"$said" || { echo "$said" >&2; break; }
        sleep 1
    done
    token=''
}

# Renews the lease while the handler runs; ends it if the lease is lost or the task is to stop.
heartbeats() {
    local outcome
    while sleep "$beat"; do
        outcome=$(jq -n --arg t "$1" '{lease_tokens: [$t]}' | call HeartbeatTasks) || continue
        if jq -e '.outcomes[0] | .leaseLost or .cancelCause' <<<"$outcome" >/dev/null; then
            jq -r '.outcomes[0] | if .leaseLost then "lost" else .cancelCause end' <<<"$outcome" >"$2"
            kill -TERM "$3" 2>/dev/null || true
            return
        fi
    done
}

handle() { # kind, text
    [[ -n $2 ]] || { echo "the text is empty" >&2; return 1; }
    case $1 in
        shell.sleep) exec sleep "$2" ;;
        *) tr '[:lower:]' '[:upper:]' <<<"$2" | tr -d '\n' ;;
    esac
}

work() { # assignment
    local job beats status=0
    token=$(jq -r .leaseToken <<<"$1")
    : >"$scratch/why"
    handle "$(jq -r .kind <<<"$1")" "$(jq -r '.payload.text // ""' <<<"$1")" >"$scratch/out" 2>"$scratch/err" &
    job=$!
    heartbeats "$token" "$scratch/why" "$job" &
    beats=$!
    # SIGTERM interrupts the wait; the handler may go on.
    while kill -0 "$job" 2>/dev/null; do wait "$job" && status=0 || status=$?; done
    kill "$beats" 2>/dev/null || true
    case $(<"$scratch/why") in
        lost) echo "lease lost; dropped" >&2; token='' ;;
        CANCEL_CAUSE_CLIENT | CANCEL_CAUSE_EXPIRY)
            settle ReleaseTask "$(jq -n --arg t "$token" '{lease_token: $t, cancelled: true}')" ;;
        CANCEL_CAUSE_ATTEMPT_TIMEOUT)
            settle FailTask "$(jq -n --arg t "$token" '{lease_token: $t, message: "ran too long", type: "AttemptTimeout"}')" ;;
        *) if ((status == 0)); then
               settle CompleteTask "$(jq -n --arg t "$token" --rawfile o "$scratch/out" '{lease_token: $t, output: {text: $o}}')"
           else
               settle FailTask "$(jq -n --arg t "$token" --rawfile m "$scratch/err" '{lease_token: $t, message: $m, type: "shell"}')"
           fi ;;
    esac
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'stopping=1' TERM INT
request=''
while [[ -z $stopping ]]; do
    # The id makes a repeated request answer with the same leases, should the first answer be lost.
    request=${request:-$$-$RANDOM$RANDOM$RANDOM}
    if leased=$(jq -n --arg r "$request" '{kinds: ["shell.upper", "shell.sleep"], max: 1, wait: "5s", request_id: $r}' | call LeaseTasks); then
        request=''
    else
        sleep 1
        continue
    fi
    assignment=$(jq -c '.assignments[0] // empty' <<<"$leased")
    [[ -z $assignment ]] || work "$assignment"
done
