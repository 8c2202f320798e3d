#!/bin/sh
# Writes the bill of materials of the program to stdout, as CycloneDX JSON: each crate of its dependency tree for this platform, with licence and
# checksum. Needs cargo, with the crates already fetched, and Python 3.11.
#
#   deploy/sbom.sh >tidemill.cdx.json
set -eu
cd "$(dirname "$0")/.."
platform=$(rustc -vV | sed -n 's/^host: //p')
cargo metadata --locked --offline --format-version 1 --filter-platform "$platform" | python3 deploy/sbom.py Cargo.lock
