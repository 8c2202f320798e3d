#!/usr/bin/env bash
# The conformance runner of this client: builds if something changed, then speaks JSON lines on stdin and stdout.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/install.sh
source "$here/tools/install.sh"
# shellcheck source=tools/build.sh
source "$here/tools/build.sh"

exec node --enable-source-maps "$here/.build/runner/runner.js"
