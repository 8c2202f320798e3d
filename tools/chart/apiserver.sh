#!/usr/bin/env bash
# The chart at a real API server: etcd from the Debian package, kube-apiserver and Helm 4 built from their Go modules, all of them kept in .tools
# and started privately, as processes that end with this one. No kubelet and no controller: what is checked is what the server says to every
# object. The first run builds for a quarter of an hour or more; the later ones take about two minutes.
#
#   tools/chart/apiserver.sh
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=$(cd "$here/../.." && pwd)/.tools
bin=$tools/apiserver
helm_version=v4.2.3
say() { echo "chart-apiserver: $*" >&2; }
die() { say "$*"; exit 1; }

command -v go >/dev/null || die "Go is missing: it builds kube-apiserver and Helm (golang.org/dl, 1.26 or later)"
mkdir -p "$bin"
if command -v flock >/dev/null; then
    exec 9>"$bin/lock"
    flock 9
fi
work=$(mktemp -d "$bin/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

# One package at a time and with the lowest priority: whoever works on this machine must not notice.
export GOFLAGS="${GOFLAGS:+$GOFLAGS }-p=1"
version=$(cd "$here/apiserver" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
apiserver=$bin/kube-apiserver-$version helm=$bin/helm-$helm_version

if [[ ! -x $apiserver ]]; then
    say "building kube-apiserver $version (once, a quarter of an hour or more)"
    IFS=. read -r major minor _ <<<"${version#v}"
    package=k8s.io/component-base/version
    (cd "$here/apiserver" && nice -n 19 go build -mod=readonly -buildvcs=false -o "$work/kube-apiserver" \
        -ldflags "-s -w -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor" \
        k8s.io/kubernetes/cmd/kube-apiserver)
    mv "$work/kube-apiserver" "$apiserver"
fi
if [[ ! -x $helm ]]; then
    say "building Helm $helm_version (once)"
    GOBIN=$work nice -n 19 go install -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$helm_version" \
        "helm.sh/helm/v4/cmd/helm@$helm_version"
    mv "$work/helm" "$helm"
fi
if command -v etcd >/dev/null; then
    etcd=$(command -v etcd)
else
    etcd=$bin/etcd
    if [[ ! -x $etcd ]]; then
        command -v apt-get >/dev/null || die "etcd is missing, and there is no apt to fetch it"
        say "unpacking etcd from the Debian package etcd-server (nothing is installed)"
        options=(-qq -o APT::Sandbox::User=root)
        if ! (cd "$work" && apt-get "${options[@]}" download etcd-server >&2); then
            mkdir -p "$work/lists/partial" "$work/archives/partial"
            options+=(-o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/archives")
            apt-get "${options[@]}" update >&2
            (cd "$work" && apt-get "${options[@]}" download etcd-server >&2)
        fi
        dpkg-deb -x "$work"/etcd-server_*.deb "$work/etcd"
        mv "$work/etcd/usr/bin/etcd" "$etcd"
    fi
fi

# The wheels of the other checks, too.
"$here/test.sh" lint >&2
export PYTHONPATH="$tools/chart/lib:$here" PYTHONDONTWRITEBYTECODE=1
read -ra modules <<<"$(python3 "$here/crds.py" --modules)"
say "fetching the custom resources: ${modules[*]}"
(cd "$work" && go mod download "${modules[@]}")
python3 "$here/apiserver.py" "$etcd" "$apiserver" "$helm" "$(go env GOMODCACHE)"
