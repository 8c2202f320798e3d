#!/usr/bin/env bash
# Makes the generated stubs anew: clients/python/generate.sh [OUT_DIR]. Into src/tidemill/_gen by default; into OUT_DIR for a comparison.
#
# The generator is an old one on purpose: code of protobuf 4.25 runs with every later runtime, while newer generators write code that
# refuses each runtime that is older than they are.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:-$here/src/tidemill/_gen}
readonly generator="grpcio-tools==1.62.3 grpcio==1.62.3 protobuf==4.25.9 setuptools==80.9.0"
readonly tools=$here/.tools/generate

# shellcheck source=tools/python.sh
source "$here/tools/python.sh"
# The generator has no wheels for newer ones.
python=$(find_python 3.12 3.11 3.10) || missing "Python 3.10, 3.11 or 3.12 with venv"
private_environment "$python" "$tools" $generator

staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT
# Found from within the folder, so that the generated code names no path of this machine.
cd "$root/proto"
"$tools/bin/python" -m grpc_tools.protoc -I . -I ../third_party \
    --python_out="$staged" --pyi_out="$staged" --grpc_python_out="$staged" tidemill/v1/*.proto

rm -rf "$out/v1"
mkdir -p "$out/v1"
for file in "$staged"/tidemill/v1/*; do
    # The modules live inside this package; the names in their descriptors stay those of the contract.
    sed -e 's/^from tidemill\.v1 import /from tidemill._gen.v1 import /' "$file" >"$out/v1/$(basename "$file")"
done
printf '"""Made by generate.sh from proto/; do not edit."""\n' | tee "$out/__init__.py" >"$out/v1/__init__.py"
