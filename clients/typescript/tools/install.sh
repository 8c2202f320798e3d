# Sourced by the scripts beside this folder: sees that the pinned packages are installed, privately in node_modules.

# shellcheck source=tools/node.sh
source "$here/tools/node.sh"

# npm writes this file last, so it is older than the lock file whenever something is missing.
if [[ ! $here/node_modules/.package-lock.json -nt $here/package-lock.json ]]; then
    (
        cd "$here"
        # One at a time: several scripts may begin at once.
        exec 9>"$here/.install.lock"
        flock 9 2>/dev/null || true
        if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
            npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
            touch node_modules/.package-lock.json
        fi
    )
fi
