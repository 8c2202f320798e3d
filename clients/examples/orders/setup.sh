# Sourced by run.sh and test.sh: builds the three programs and names them `producer`, `worker` and `watcher`. Exits 69 if a toolchain is missing.
# shellcheck shell=bash

orders=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
clients=$(cd "$orders/../.." && pwd)

build_producer() {
    command -v go >/dev/null || { echo "orders: go is missing: install Go 1.26 or later" >&2; exit 69; }
    (cd "$orders/producer" && GOWORK=off GOFLAGS="-mod=readonly -buildvcs=false" go build -o "$orders/.build/producer" .)
}

# As `pip install tidemill` would be, but always that of this checkout.
build_worker() {
    # shellcheck source=../../python/tools/python.sh
    source "$clients/python/tools/python.sh"
    local python
    python=$(find_python 3.13 3.12 3.11 3.10) || missing "Python 3.10 or newer with venv"
    install_requirements "$python" "$orders/.build/python" "$clients/python/tools/requirements-run.txt"
}

# As `npm install && npx tsc` would be, but with the client of this checkout, and with the compiler and the packages that its lock file pins.
build_watcher() {
    local here=$clients/typescript stamp=$orders/.build/watcher modules=$orders/watcher/node_modules
    # shellcheck source=../../typescript/tools/install.sh
    source "$here/tools/install.sh"
    if [[ ! -e $stamp || -n $(find "$here"/{src,package-lock.json,tsconfig*.json} "$orders"/watcher/*.{ts,json} -newer "$stamp" -print -quit) ]]; then
        rm -rf "$modules" "$stamp"
        mkdir -p "$modules/@tidemill/client"
        ln -s "$here"/node_modules/{@bufbuild,@connectrpc,@types,undici-types} "$modules/"
        cp "$here/package.json" "$modules/@tidemill/client/"
        "$here/node_modules/.bin/tsc" -p "$here/tsconfig.build.json" --outDir "$modules/@tidemill/client/dist"
        "$here/node_modules/.bin/tsc" -p "$orders/watcher"
        touch "$stamp"
    fi
}

mkdir -p "$orders/.build"
# In shells of their own: each brings helpers with names of their own. `set -e` of the script ends it where one fails; an `||` would hide that.
(build_producer)
(build_worker)
(build_watcher)
export PYTHONPATH=$clients/python/src PYTHONDONTWRITEBYTECODE=1

# Each becomes its program: for the background and for pipelines, so that `$!` is the program's own.
producer() { exec "$orders/.build/producer" "$@"; }
worker() { exec "$orders/.build/python/bin/python" "$orders/worker/worker.py" "$@"; }
watcher() { exec node "$orders/watcher/dist/watcher.js"; }
