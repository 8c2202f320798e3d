#!/bin/sh
# The conformance runner of the Go client (clients/conformance/README.md): builds it if needed and becomes it.
set -eu

cd "$(dirname "$0")"
command -v go >/dev/null || { echo "runner.sh: go is missing: install Go 1.26 or later" >&2; exit 69; }
mkdir -p .tools
GOFLAGS="-mod=readonly -buildvcs=false" GOWORK=off go build -o .tools/conformance-runner ./cmd/conformance-runner >&2
exec .tools/conformance-runner
