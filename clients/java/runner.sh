#!/usr/bin/env bash
# The conformance runner (clients/conformance/README.md): builds what is not up to date, and becomes the runner.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$here/toolchain.sh"

out="$here/.tools/runner"
stamp="$out/built"
mkdir -p "$out"
exec 9>"$out/lock"
if command -v flock >/dev/null; then flock 9; fi
if [[ ! -e $stamp || -n $(find "$here/pom.xml" "$here/src" -newer "$stamp" -print -quit) ]]; then
    # A build of its own, which no other build of this folder can clean away. stdout belongs to the protocol.
    rm -f "$stamp"
    run_mvn -q test-compile dependency:build-classpath -Dtidemill.build="$out/build" -Dmdep.outputFile="$out/classpath" >&2
    touch "$stamp"
fi
exec 9>&-
exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$out/build/classes:$out/build/test-classes:$(cat "$out/classpath")" \
    dev.tidemill.conformance.Runner
