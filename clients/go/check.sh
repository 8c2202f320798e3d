#!/bin/sh
# Checks the Go client: format, vet, staticcheck, tests with the race detector (which also check that all of the documentation is there).
# Tools are pinned in clients/go/tools/go.mod; what is downloaded goes to Go's module cache.
set -eu

cd "$(dirname "$0")"
missing() { echo "check.sh: $1 is missing: $2" >&2; exit 69; }
command -v go >/dev/null || missing go "install Go 1.26 or later"
command -v "$(go env CC)" >/dev/null || missing "a C compiler" "the race detector of go test needs one, e.g. gcc"
export GOFLAGS="-mod=readonly -buildvcs=false" GOWORK=off CGO_ENABLED=1

step() { echo "== $*" >&2; }

step gofmt
unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "not formatted: $unformatted" >&2; exit 1; }
step go mod tidy
go mod tidy -diff
(cd tools && go mod tidy -diff)
step go vet
go vet ./...
(cd tools && go vet ./...)
step staticcheck
mkdir -p .tools
(cd tools && go build -o ../.tools/ honnef.co/go/tools/cmd/staticcheck)
.tools/staticcheck ./...
(cd tools && ../.tools/staticcheck ./...)
step go test
go test -race ./...
step documentation
go doc -all . >.tools/documentation.txt
