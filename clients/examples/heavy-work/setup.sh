# Sourced by run.sh and test.sh: builds the worker, and names the programs `worker`, `caller` and `proxy`. Exits 69 if a toolchain is missing.
# shellcheck shell=bash

heavy=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
clients=$(cd "$heavy/../.." && pwd)

# The client of this checkout goes to the folder where Maven keeps what it downloads for it; then the worker is built as any project that names it.
build_worker() {
    local here=$clients/java stamp=$heavy/.build/worker
    # shellcheck source=../../java/toolchain.sh
    source "$here/toolchain.sh"
    [[ ! -e $stamp || -n $(find "$here"/{pom.xml,src/main,src/gen} "$heavy/worker"/{pom.xml,src} -newer "$stamp" -print -quit) ]] || return 0
    rm -f "$stamp"
    run_mvn -q install -Dmaven.test.skip=true -Dtidemill.build="$heavy/.build/client"
    run_mvn -q -f "$heavy/worker/pom.xml" compile dependency:build-classpath -Dmdep.outputFile="$heavy/.build/classpath"
    touch "$stamp"
}

# As `pip install tidemill` would be, but always that of this checkout.
build_caller() {
    # shellcheck source=../../python/tools/python.sh
    source "$clients/python/tools/python.sh"
    local python
    python=$(find_python 3.13 3.12 3.11 3.10) || missing "Python 3.10 or newer with venv"
    install_requirements "$python" "$heavy/.build/python" "$clients/python/tools/requirements-run.txt"
}

mkdir -p "$heavy/.build"
# In shells of their own: each brings helpers with names of their own. `set -e` of the script ends it where one fails; an `||` would hide that.
(build_worker)
(build_caller)
export PYTHONPATH=$clients/python/src PYTHONDONTWRITEBYTECODE=1

# Each becomes its program: for the background, so that `$!` is the program's own.
worker() { exec java -XX:+UseSerialGC -cp "$heavy/worker/target/classes:$(<"$heavy/.build/classpath")" PrimesWorker; }
caller() { exec "$heavy/.build/python/bin/python" "$heavy/caller.py" "$@"; }
proxy() { exec "$heavy/.build/python/bin/python" "$heavy/proxy.py" "$@"; }
