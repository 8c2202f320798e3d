#!/usr/bin/env bash
# Runs the image's root file system without a container engine: assembled by the same script as in the Dockerfile, mounted read-only,
# with the Dockerfile's environment, as uid 65532 without capabilities, in a network of its own. It serves a task from a Redis or
# Valkey server. Needs root.
#
#   deploy/test-rootfs.sh [PROGRAM]        [default: target/debug/tidemill]
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$(readlink -f "${1:-$repository/target/debug/tidemill}")
die() { echo "test-rootfs: $*" >&2; exit 1; }
((EUID == 0)) || die "needs root: chroot and mounts"

# Mounts and ports live in namespaces of their own and vanish with them.
if [[ -z ${TIDEMILL_TEST_IN_NAMESPACE:-} ]]; then
    server=$("$repository/tools/get-server.sh")
    exec env TIDEMILL_TEST_IN_NAMESPACE=1 TIDEMILL_TEST_SERVER="$server" unshare --mount --net -- "$0" "$program"
fi
# The loopback of a new network is down; 0x8914 sets the flags of an interface, 0x41 is up and running.
python3 -c 'import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 0x41))'

work=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    umount "$work/root" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

strip -o "$work/tidemill" "$program"
"$repository/deploy/rootfs.sh" "$work/tidemill" "$work/tree"
# As a container runtime does it. The name shows that names are looked up without more files.
echo "127.0.0.1 store" >"$work/tree/etc/hosts"
mkdir "$work/root"
mount --bind "$work/tree" "$work/root"
mount -o remount,bind,ro,nosuid,nodev "$work/root"

echo "$(du -sh "$work/tree" | cut -f 1) in all:"
(cd "$work/tree" && find . -type f -printf '  %P\n' | sort)
[[ $(find "$work/tree" -type f | wc -l) -le 10 ]] || die "more files than the program, its libraries and four of /etc"
[[ -z $(find "$work/tree" -name '*sh' -o -name busybox -o -perm /6000) ]] || die "a shell, or a program that gains rights"
if touch "$work/root/tmp/x" 2>/dev/null; then die "the root is writable"; fi

mapfile -t environment < <(sed -n '/^ENV /,/[^\\]$/s/^\(ENV\)\? *\([A-Z_]*=[^ \\]*\).*/\2/p' "$repository/Dockerfile")
((${#environment[@]} >= 8)) || die "the Dockerfile's environment was not understood"
chroot=$(command -v chroot) setpriv=$(command -v setpriv)
# What chroot and the change of user need is the most that is there; both are over before the program starts.
inside() {
    exec env -i "${environment[@]}" "$setpriv" --bounding-set=-all,+sys_chroot,+setuid,+setgid --inh-caps=-all --no-new-privs \
        "$chroot" --userspec=65532:65532 --groups= "$work/root" /usr/bin/tidemill "$@"
}

(inside --version)
"$TIDEMILL_TEST_SERVER" --port 6379 --dir "$work" --appendonly yes --appendfsync always --save '' \
    --maxmemory 64mb --maxmemory-policy noeviction >"$work/redis.log" &
pids+=($!)
(environment+=(TIDEMILL_WORKER_BUILTIN_KINDS=echo TIDEMILL_REDIS_URL=redis://store:6379) && inside run --roles gateway,worker,results 2>"$work/tidemill.log") &
served=$!
pids+=("$served")

for _ in {1..50}; do
    answer=$(inside enqueue echo --text "from the image" --watch --quiet --timeout 2s --results-url http://127.0.0.1:7442 2>&1) && break
    sleep 0.2
done
[[ $answer == *"from the image"* ]] || die "no task came through: $answer, $(cat "$work/tidemill.log")"
for line in "Uid:	65532	65532" "CapPrm:	0000000000000000" "CapEff:	0000000000000000" "NoNewPrivs:	1"; do
    grep -q "^$line" "/proc/$served/status" || die "expected $line in $(cat "/proc/$served/status")"
done
kill "$served" && wait "$served" || die "did not stop cleanly: $(cat "$work/tidemill.log")"
echo "test-rootfs: served a task read-only, as uid 65532, without capabilities, and stopped cleanly"
