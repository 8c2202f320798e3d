"""kill_busy.py PID JOURNAL: `kill -9` of a worker at a moment when it surely handles two orders or more, noted in the journal."""

import json
import os
import signal
import sys
import time

pid, journal = int(sys.argv[1]), sys.argv[2]
for _ in range(300):
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.02)
    running: set[str] = set()
    with open(journal, encoding="utf-8") as lines:
        for note in map(json.loads, lines):
            if note["pid"] == pid:
                (running.add if note["what"] == "start" else running.discard)(note["order"])
    if len(running) > 1:
        at = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        with open(journal, "a", encoding="utf-8") as file:
            file.write(json.dumps({"at": at, "pid": pid, "what": "killed"}) + "\n")
        print(f"orders: killed worker {pid} with {len(running)} orders in its hands")
        sys.exit()
    os.kill(pid, signal.SIGCONT)
    time.sleep(0.05)
sys.exit(f"worker {pid} never had two orders at a time")
