# Sourced by the scripts beside it: insists on the toolchain, and keeps what Maven downloads under .tools.
missing=()
command -v java >/dev/null && command -v javac >/dev/null || missing+=("a JDK, 17 or newer (Debian: openjdk-17-jdk-headless)")
command -v mvn >/dev/null || missing+=("Maven, 3.8 or newer (Debian: maven)")
if ((${#missing[@]})); then
    printf 'java client: missing: %s\n' "${missing[@]}" >&2
    exit 69
fi
release="$(javac -version 2>&1 | sed 's/[^0-9]*\([0-9]*\).*/\1/')"
if ((release < 17)); then
    echo "java client: javac is of release $release; a JDK, 17 or newer, is needed (Debian: openjdk-17-jdk-headless)" >&2
    exit 69
fi

# Maven reads .mvn/jvm.config of the folder it is started in.
run_mvn() {
    (cd "$here" && nice mvn -B --no-transfer-progress -Dstyle.color=never -Dmaven.repo.local="$here/.tools/m2" "$@")
}
