#!/usr/bin/env bash
# Runs the commands of README.md as they stand there, with the real grpcurl, against a `tidemill dev` of its own, and insists on what they say.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../tools/dev.sh
source "$here/../tools/dev.sh"

need_grpcurl
mkdir "$scratch/bin"
ln -s "$GRPCURL" "$scratch/bin/grpcurl"
export PATH=$scratch/bin:$PATH
start_dev
# The README has an alias, as a person would.
shopt -s expand_aliases
set +e

ran=0 checked=0 line='' inside='' command='' status=0
output=$scratch/output

run() {
    [[ -n $command ]] || return 0
    # In this shell, so that variables and the alias stay.
    eval "$command" >"$output" 2>&1
    status=$?
    ran=$((ran + 1))
    told=$command command='' claimed=''
    [[ $peek == '# fails: '* || $status == 0 ]] || fail "failed: $told: $(<"$output")"
}

check() { # text
    grep -qF -- "$1" "$output" || fail "does not say '$1': $told: $(<"$output")"
    checked=$((checked + 1))
}

while IFS= read -r line; do
    if [[ $line == '```sh' ]]; then inside=1; continue; fi
    if [[ $line == '```' ]]; then peek='' run; inside=''; continue; fi
    [[ -n $inside ]] || continue
    case $line in
        '# says: '*) peek=$line run; check "${line#\# says: }" ;;
        '# fails: '*) peek=$line run; ((status != 0)) || fail "did not fail: $told"; check "${line#\# fails: }" ;;
        *)
            # A command that is whole, and after it the next one.
            if [[ -n $command ]] && bash -n <<<"$command" 2>/dev/null && [[ $command != *\\ ]]; then peek='' run; fi
            command+=${command:+$'\n'}$line
            ;;
    esac
done <"$here/README.md"

# Every RPC of every service is among them.
services=$(grpcurl -plaintext "$ADDRESS" list | grep '^tidemill\.') || fail "no services"
for service in $services; do
    for rpc in $(grpcurl -plaintext "$ADDRESS" list "$service"); do
        grep -q "${rpc%.*}/${rpc##*.}" "$here/README.md" || fail "README.md has no ${rpc%.*}/${rpc##*.}"
    done
done
((ran > 30 && checked > 30)) || fail "only $ran commands and $checked checks were found"
echo "grpcurl: $ran commands, $checked checks"
