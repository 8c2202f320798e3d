"""deploy/compose.yaml: who waits for whom, and a store that keeps what was acknowledged. A real Compose reads it, too, if one is there."""

import os
import shlex
import subprocess

import yaml
from suite import ROOT

FILE = ROOT / "deploy" / "compose.yaml"
STRICT = {
    "--appendonly": "yes",
    "--appendfsync": "always",
    "--no-appendfsync-on-rewrite": "no",
    "--maxmemory-policy": "noeviction",
}


def check(_suite, text=None):
    services = yaml.safe_load(text or FILE.read_text())["services"]
    if services.keys() != {"valkey", "gateway", "worker", "results"}:
        yield f"services: {sorted(services)}"
    for name, service in services.items():
        if "healthcheck" not in service:
            yield f"{name} has no health check"
        waits = service.get("depends_on", {})
        if name != "valkey" and "valkey" not in waits:
            yield f"{name} does not wait for the store"
        for other, how in waits.items():
            if how.get("condition") != "service_healthy":
                yield f"{name} does not wait until {other} is healthy"
        for port in service.get("ports", []):
            if not port.startswith("127.0.0.1:"):
                yield f"{name}: {port} is open to the network, and nobody has to log in"
    flags = services["valkey"]["command"]
    for flag, value in STRICT.items():
        if flag not in flags or flags[flags.index(flag) + 1] != value:
            yield f"the store is not strict: {flag} must be {value}"
    if services["worker"].get("deploy", {}).get("replicas") != 2:
        yield "there must be two workers"
    if command := os.environ.get("TIDEMILL_COMPOSE"):
        done = subprocess.run([*shlex.split(command), FILE], capture_output=True, text=True)
        if done.returncode:
            yield (done.stdout + done.stderr).strip()
