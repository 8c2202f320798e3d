#!/usr/bin/env bash
# Checks the Python client: format, lint, types, tests with the lowest and the newest dependencies, API docs, package.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here"
# shellcheck source=tools/python.sh
source tools/python.sh

newest=$(find_python 3.13 3.12 3.11 3.10) || missing "Python 3.10 or newer with venv"
# The lowest dependencies have wheels for these only.
lowest=$(find_python 3.10 3.11 3.12) || missing "Python 3.10, 3.11 or 3.12 with venv, for the lowest supported dependencies"
install_requirements "$newest" .tools/check tools/requirements-check.txt
install_requirements "$lowest" .tools/lowest tools/requirements-lowest.txt
tools=$here/.tools/check/bin

"$tools/ruff" format --check --quiet . || { echo "clients/python: run .tools/check/bin/ruff format" >&2; exit 1; }
"$tools/ruff" check --quiet .
"$tools/mypy"
"$tools/mypy" bench_worker.py
export PYTHONPATH=$here/src:$here PYTHONDONTWRITEBYTECODE=1 GRPC_VERBOSITY=NONE
for environment in check lowest; do
    "$here/.tools/$environment/bin/python" -c '
import platform, google.protobuf, grpc
print(f"tests: Python {platform.python_version()}, grpcio {grpc.__version__}, protobuf {google.protobuf.__version__}")'
    "$here/.tools/$environment/bin/python" -m pytest -q -p no:cacheprovider
done
# What users import is complete without the sources beside it, and its README shows.
rm -rf .tools/dist
"$tools/python" -m build --no-isolation --outdir .tools/dist . >/dev/null
(cd .tools/dist && PYTHONPATH=$(ls ./*.whl) "$tools/python" -c 'import tidemill, tidemill.aio, tidemill.proto; assert ".whl" in tidemill.__file__')
"$tools/pdoc" --docformat markdown --output-directory .tools/docs tidemill tidemill.aio tidemill.errors tidemill.proto tidemill.worker_events
echo "clients/python: API docs in clients/python/.tools/docs"
