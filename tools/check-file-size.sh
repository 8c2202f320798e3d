#!/usr/bin/env bash
# Fails if a tracked Rust or Lua file is longer than 500 lines, and lists those that are. The aim is 300: a file is one topic.
set -euo pipefail

limit=500
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# New files count before they are added, so that the finding comes before the commit.
too_long=$(git ls-files -z --cached --others --exclude-standard -- '*.rs' '*.lua' ':!third_party' |
    while IFS= read -r -d '' file; do
        [[ -f $file ]] || continue
        lines=$(wc -l <"$file")
        ((lines <= limit)) || printf '%6d  %s\n' "$lines" "$file"
    done | sort -rn)
if [[ -n $too_long ]]; then
    printf 'check-file-size: longer than %d lines; split by topic:\n%s\n' "$limit" "$too_long" >&2
    exit 1
fi
