#!/usr/bin/env bash
# Checks the TypeScript client: format, lint, types, tests, API docs, and what would be published. Needs Node 20 or newer and npm.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/install.sh
source "$here/tools/install.sh"
cd "$here"
bin=$here/node_modules/.bin

echo "typescript: format"
"$bin/prettier" --check --log-level warn .
echo "typescript: lint"
"$bin/eslint" .
echo "typescript: types, build"
# shellcheck source=tools/build.sh
source "$here/tools/build.sh"
rm -rf dist
"$bin/tsc" -p tsconfig.build.json
echo "typescript: tests"
node --test --enable-source-maps --test-reporter=spec .build/test/*.test.js
echo "typescript: docs"
"$bin/typedoc"
echo "typescript: package"
npm pack --dry-run --ignore-scripts --loglevel=error >/dev/null
node tools/try-package.js
