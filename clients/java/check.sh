#!/usr/bin/env bash
# Checks the Java client: format, compiler warnings as errors, unit tests, API docs without warnings. Then builds the conformance
# runner, so that the suite need not wait for it. Everything that is downloaded stays under .tools.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$here/toolchain.sh"
run_mvn -q spotless:check package javadoc:javadoc
"$here/runner.sh" </dev/null
echo "java client: format, compiler, tests and API docs are fine"
