#!/bin/sh
# Makes the Go stubs from proto/ and third_party/: into place, or into OUT_DIR (then with the path they have here, tidemill/v1/*.go).
# Usage: clients/go/generate.sh [OUT_DIR]
# The generators and their versions are pinned in clients/go/tools/go.mod. No protoc is needed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:-$here}
command -v go >/dev/null || { echo "generate.sh: go is missing: install Go 1.26 or later" >&2; exit 69; }
mkdir -p "$out"
out=$(cd "$out" && pwd)

bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
cd "$here/tools"
export GOFLAGS="-mod=readonly -buildvcs=false" GOWORK=off LC_ALL=C
go build -o "$bin/" ./stubgen google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc

# What the contract no longer has must not stay behind.
rm -rf "$out/tidemill/v1"
cd "$root/proto"
"$bin/stubgen" -out "$out" -parameter module=github.com/tidemill/tidemill/clients/go \
    -plugin "$bin/protoc-gen-go" -plugin "$bin/protoc-gen-go-grpc" \
    -import "$root/proto" -import "$root/third_party" tidemill/v1/*.proto

cat >"$out/tidemill/v1/doc.go" <<'END'
// Package tidemillv1 has the generated messages and stubs of Tidemill's contract (proto/tidemill/v1). Most programs use the package tidemill
// instead, which makes safe retries, watches that resume, and workers out of them.
package tidemillv1
END
