#!/usr/bin/env bash
# Makes the stubs of proto/ anew: into src/gen/java, or into OUT_DIR for the check that they are not stale.
# The versions of the generators are those of pom.xml, so that stubs and libraries always fit.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
out="$(mkdir -p "${1:-$here/src/gen/java}" && cd "${1:-$here/src/gen/java}" && pwd)"
source "$here/toolchain.sh"

version() { sed -n "s|.*<$1.version>\(.*\)</$1.version>.*|\1|p" "$here/pom.xml"; }
protobuf="$(version protobuf)"
grpc="$(version grpc.generator)"

case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) platform=linux-x86_64 ;;
    Linux-aarch64) platform=linux-aarch_64 ;;
    Darwin-arm64) platform=osx-aarch_64 ;;
    *) echo "generate.sh: no generators for $(uname -s) on $(uname -m)" >&2; exit 69 ;;
esac

tools="$here/.tools/generators-$protobuf-$grpc"
if [[ ! -e $tools/ready ]]; then
    rm -rf "$tools"
    for artifact in "com.google.protobuf:protoc:$protobuf:exe:$platform" "io.grpc:protoc-gen-grpc-java:$grpc:exe:$platform" \
        "com.google.protobuf:protobuf-java:$protobuf:jar"; do
        run_mvn -q dependency:copy "-Dartifact=$artifact" "-DoutputDirectory=$tools" -Dmdep.stripVersion=true
    done
    chmod +x "$tools"/*.exe
    (cd "$tools" && jar xf protobuf-java.jar google/protobuf)
    touch "$tools/ready"
fi

mapfile -t protos < <(cd "$root/proto" && find tidemill/v1 -name '*.proto' | LC_ALL=C sort)
rm -rf "$out/dev"
"$tools/protoc-$platform.exe" \
    --plugin=protoc-gen-grpc-java="$tools/protoc-gen-grpc-java-$platform.exe" \
    -I "$root/proto" -I "$root/third_party" -I "$tools" \
    --java_out="$out" --grpc-java_out=@generated=omit:"$out" \
    "${protos[@]}"
