#!/bin/sh
# Assembles the root file system of the image: the one program, the C library that it was linked and tested with, and three lines
# of /etc. No shell, no package manager, nothing to write to. Used by the Dockerfile, and by test-rootfs.sh without one.
#
#   deploy/rootfs.sh PROGRAM FOLDER
set -eu

program=$1 root=$2
[ -x "$program" ] || { echo "rootfs: $program is not a program" >&2; exit 1; }
[ ! -e "$root" ] || { echo "rootfs: $root is there already" >&2; exit 1; }

mkdir -p "$root/usr/bin" "$root/etc" "$root/tmp"
install -m 755 "$program" "$root/usr/bin/tidemill"
# Each library at the path where the loader looks for it; the loader itself, too. DNS and the user database are inside of libc.
ldd "$program" | grep -o '/[^ )]*' | while read -r library; do
    install -D -m 755 "$(readlink -f "$library")" "$root$library"
done
echo 'tidemill:x:65532:65532::/nonexistent:/nonexistent' >"$root/etc/passwd"
echo 'tidemill:x:65532:' >"$root/etc/group"
# Without it the name server would be asked even for names of /etc/hosts.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
