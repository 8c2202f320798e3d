#!/usr/bin/env bash
# Makes the stubs that worker.py imports: generate.sh FOLDER (default: gen). Any machine with Python 3.10 or newer.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
out=${1:-$here/gen}
python=${PYTHON:-python3}
mkdir -p "$out"
"$python" -m grpc_tools.protoc -I "$root/proto" --python_out="$out" --grpc_python_out="$out" \
    tidemill/v1/task.proto tidemill/v1/error.proto tidemill/v1/worker_service.proto
