"""files/start-valkey.sh against a real server's append-only file, torn at every byte after the MULTI of its last transaction, damaged in its
middle, and empty."""

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from suite import ROOT

MULTI = b"*1\r\n$5\r\nMULTI\r\n"
TRANSACTION = b'EVAL "redis.call(\'SET\', \'b\', \'1\') redis.call(\'SET\', \'c\', \'2\')" 0\r\n'


def server():
    return Path(subprocess.run([ROOT / "tools" / "get-server.sh"], capture_output=True, text=True, check=True).stdout.strip())


def checker():
    """The checker of append-only files beside the server, or on the search path; None if there is none."""
    beside = [server().with_name(name) for name in ("valkey-check-aof", "redis-check-aof")]
    found = [path for path in beside if path.exists()]
    return found[0] if found else shutil.which("valkey-check-aof") or shutil.which("redis-check-aof")


def written(folder):
    """What a real server appends for SET and a script that writes twice, and where the transaction of that script begins."""
    options = ["--port", "0", "--unixsocket", "s", "--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    with subprocess.Popen([server(), *options], cwd=folder, stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(500):
                if (folder / "s").exists():
                    break
                time.sleep(0.01)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(folder / "s"))
                client.sendall(b"SET a 1\r\n" + TRANSACTION)
                # +OK, and nil from the script: both are on disk.
                answer = b""
                while b"$-1" not in answer and b"-ERR" not in answer:
                    answer += client.recv(100)
        finally:
            process.kill()
    [file] = (folder / "appendonlydir").glob("*.incr.aof")
    whole = file.read_bytes()
    return file, whole, whole.index(MULTI)


def check(suite):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bin").mkdir()
        (folder / "data").mkdir()
        file, whole, begin = written(folder / "data")
        for program, command in (("valkey-check-aof", f'exec {checker()} "$@"'), ("valkey-server", 'echo "serves: $*"')):
            (folder / "bin" / program).write_text(f"#!/bin/sh\n{command}\n")
            (folder / "bin" / program).chmod(0o755)

        def left_of(text):
            file.write_bytes(text)
            script = ["sh", suite.path / "files" / "start-valkey.sh", "one", "two"]
            env = {"PATH": f"{folder}/bin:/usr/bin:/bin"}
            done = subprocess.run(script, cwd=folder / "data", env=env, capture_output=True, text=True)
            served = done.stdout.endswith("serves: one two\n") and done.returncode == 0
            return file.read_bytes() if served else done.stdout + done.stderr

        # Before MULTI is whole the server makes no mistake, and the checker overlooks some of it.
        for end in range(begin + len(MULTI), len(whole)):
            if (left := left_of(whole[:end])) != whole[:begin]:
                yield f"torn at {end} of {len(whole)}, the transaction began at {begin}; left: {left!r}"
        damaged = whole[:12] + b"XXXX" + whole[16:]
        for untouched in (whole, damaged, b""):
            if (left := left_of(untouched)) != untouched:
                yield f"not to be cut: {untouched!r}, left: {left!r}"
