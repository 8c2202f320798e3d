# Sourced by the scripts beside this folder: sees that Node is there. What it says goes to stderr.

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "typescript: skipped: needs node (20 or newer) and npm on the path" >&2
    exit 69
fi
if ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)'; then
    echo "typescript: skipped: needs node 20 or newer, this is $(node --version)" >&2
    exit 69
fi
