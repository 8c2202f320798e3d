#!/bin/sh
# Starts Valkey with these arguments on the data in the working directory. A server that was killed in the middle of a write may leave half a
# transaction at the end of its append-only file, and would apply it at the start after next (docs/durability.md): it is cut off first. Nobody
# was told of it. Damage anywhere else is left for the server to refuse and for a person to decide.
set -u
manifest=appendonlydir/appendonly.aof.manifest
# The file that the server appends to, by itself: the checker of Valkey 9 takes every base file that Valkey 9 writes for damaged.
newest=
[ -e "$manifest" ] && newest=appendonlydir/$(sed -n 's/^file \(.*\) seq .* type i *$/\1/p' "$manifest" | tail -n 1)
if [ -f "$newest" ] && [ -s "$newest" ] && ! report=$(valkey-check-aof "$newest" 2>&1); then
    case $report in
    # The ways in which it says that the file ends too early; 00 stands for nothing where a line should end.
    *"Reached EOF before reading EXEC"* | *"Expected to read "* | *"Expected \r\n, got: 00"* | *"Expected \r\n, got: 0d00"*)
        echo "the last write was torn; cutting it off"
        echo y | valkey-check-aof --fix "$newest"
        ;;
    *) echo "$report" ;;
    esac
fi
exec valkey-server "$@"
