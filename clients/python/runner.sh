#!/usr/bin/env bash
# The conformance runner (clients/conformance/README.md): of the asyncio API, or with --sync of the synchronous one.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/python.sh
source "$here/tools/python.sh"
if ! has_requirements "$here/.tools/runner" "$here/tools/requirements-run.txt"; then
    python=$(find_python 3.13 3.12 3.11 3.10) || missing "Python 3.10 or newer with venv"
    # stdout belongs to the protocol.
    install_requirements "$python" "$here/.tools/runner" "$here/tools/requirements-run.txt" >&2
fi
export PYTHONPATH=$here/src:$here PYTHONUNBUFFERED=1
exec "$here/.tools/runner/bin/python" -m runner "$@"
