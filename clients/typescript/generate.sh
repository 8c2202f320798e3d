#!/usr/bin/env bash
# Writes the stubs anew from proto/ and third_party/ of the repository and from proto/ here.
#
#   clients/typescript/generate.sh [OUT_DIR]     (without OUT_DIR: src/_gen)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tools/node.sh
source "$here/tools/node.sh"

out=${1:-$here/src/_gen}
mkdir -p "$out"
out=$(cd "$out" && pwd)

# The generator and the compiler are pinned in tools/generator/package.json. There is no lock file: buf has a package for each platform, and both
# name what they need exactly.
generator=$here/.tools/generator
if ! cmp -s "$here/tools/generator/package.json" "$generator/package.json"; then
    rm -rf "$generator"
    mkdir -p "$generator"
    cp "$here/tools/generator/package.json" "$generator/package.json"
    cp "$here/.npmrc" "$generator/.npmrc"
    (cd "$generator" && npm install --no-package-lock --ignore-scripts --loglevel=error >&2) ||
        { rm -rf "$generator"; exit 1; }
fi

# Generated for `.js` imports, so that Node loads what tsc makes of it.
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
cd "$here"
template=$(printf '{"version":"v2","plugins":[{"local":"%s","out":"%s","opt":["target=ts","import_extension=js"]}]}' \
    "$generator/node_modules/.bin/protoc-gen-es" "$fresh")
# Three trees of their own, of which the first imports the second.
cat >"$fresh/buf.yaml" <<YAML
version: v2
modules:
  - path: proto
  - path: third_party
  - path: health
YAML
cp -R "$root/proto" "$fresh/proto"
cp -R "$root/third_party" "$fresh/third_party"
# What the gateway serves for others is no part of a client.
rm -rf "$fresh/third_party/externalscaler"
cp -R "$here/proto" "$fresh/health"
buf=$generator/node_modules/.bin/buf
# Of the foreign ones only what errors are made of.
(cd "$fresh" && "$buf" generate --template "$template" --path proto/tidemill --path third_party/google/rpc --path health/grpc)
rm -rf "$fresh/proto" "$fresh/third_party" "$fresh/health" "$fresh/buf.yaml"

rm -rf "${out:?}"/*
cp -R "$fresh"/. "$out"/
