"""The chart against the real program: it must take the configuration and the arguments, serve the task of `helm test`, pass Compose's
health checks, and export the metrics that alerts and dashboard look at, in a form that promtool likes. Nothing here runs without a program:
TIDEMILL_TEST_BINARY, or target/debug/tidemill."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import compose
import rules
import yaml
from suite import ROOT, config_of, of_kind, parse

USAGE = 2  # what the program exits with if it does not know an argument


def program():
    """The path of the program; None if there is none."""
    named = os.environ.get("TIDEMILL_TEST_BINARY")
    found = Path(named) if named else ROOT / "target" / "debug" / "tidemill"
    if named and not found.exists():
        sys.exit(f"chart: TIDEMILL_TEST_BINARY names {named}, which does not exist")
    return found if found.exists() else None


def certificate(folder, name, *options):
    """Writes NAME.crt and NAME.key of a new key."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt", *options]
    subprocess.run(command, check=True, capture_output=True)


def secrets(folder, suite):
    """Stands in for the Secrets that the pods mount. The server's certificate is for the name of the case that uses TLS, no other."""
    for name in ("redis", "redis-ca", "tls", "test-tls"):
        (folder / name).mkdir(parents=True)
    (folder / "redis" / "password").write_text("secret")
    certificate(folder, "ca")
    issued = ["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
    domain = suite.cases["everything"]["tests"]["tls"]["domain"]
    certificate(folder, "server", *issued, "-addext", f"subjectAltName=DNS:{domain}", "-addext", "extendedKeyUsage=serverAuth")
    certificate(folder, "client", *issued, "-addext", "extendedKeyUsage=clientAuth")
    for owner, place in (("server", "tls"), ("client", "test-tls")):
        for ending in ("crt", "key"):
            (folder / place / f"tls.{ending}").write_bytes((folder / f"{owner}.{ending}").read_bytes())
    for place in ("tls", "test-tls", "redis-ca"):
        (folder / place / "ca.crt").write_bytes((folder / "ca.crt").read_bytes())


def environment(container, **more):
    """That of the container and nothing else of ours."""
    own = {entry["name"]: entry.get("value", "") for entry in container.get("env", [])}
    return {"PATH": os.environ["PATH"], **own, **more}


def container_of(item):
    return item["spec"]["template"]["spec"]["containers"][0]


def run(binary, arguments, env):
    done = subprocess.run([binary, *arguments], env=env, capture_output=True, text=True, timeout=60)
    return done.returncode, (done.stdout + done.stderr).strip()


def accepted(suite, binary, folder):
    """`tidemill config check` on every ConfigMap, in the environment of every pod; and every list of arguments."""
    file = folder / "tidemill.toml"
    for name, _, objects in suite.each_case():
        file.write_text(config_of(objects).replace("/secrets/", f"{folder}/secrets/"))
        for item in of_kind(objects, "Deployment"):
            container = container_of(item)
            env = environment(container)
            code, text = run(binary, ["config", "check", "--config", file], env)
            if code:
                yield f"{name}: {item['metadata']['name']}: {text}"
            # Its own configuration is not there, so it stops right after it has understood its arguments.
            code, text = run(binary, container["args"], env)
            if code == USAGE:
                yield f"{name}: {item['metadata']['name']}: {text}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(stack, arguments, log, env=None):
    process = subprocess.Popen(arguments, env=env, stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


def healthy(binary, ports):
    """The health checks of deploy/compose.yaml, asked of the processes that run here: number of an admin port -> the one it has here."""
    for name, service in yaml.safe_load(compose.FILE.read_text())["services"].items():
        _, command, *arguments = service["healthcheck"]["test"]
        admin = re.search(r"94\d\d$", arguments[-1])
        # In mode single one admin port serves all roles.
        if command.endswith("/tidemill") and int(admin[0]) in ports:
            arguments[-1] = f"http://127.0.0.1:{ports[int(admin[0])]}"
            code, text = run(binary, arguments, environment({}))
            if code:
                yield f"the health check of {name} in deploy/compose.yaml ended with {code}: {text}"
            # Nobody listens there: a check that says yes to anything is none.
            arguments[-1] = f"http://127.0.0.1:{free_port()}"
            if not run(binary, [*arguments, "--timeout=1s"], environment({}))[0]:
                yield f"the health check of {name} in deploy/compose.yaml is content with nobody"


def rehearsal(suite, name, binary, folder):
    """Runs what a release would run, as processes: the store with its rendered configuration, each Deployment with its arguments, its
    configuration and its environment, and then the pod of `helm test`."""
    objects = suite.case(name)
    ports = {number: free_port() for number in (6379, 7440, 7441, 7442, 9440, 9441, 9442)}

    def moved(text, host):
        """Ports that are free here, in the place of those of the pods."""
        return re.sub(rf"{host}:(\d{{4}})\b", lambda match: f"127.0.0.1:{ports[int(match[1])]}", text)

    store = folder / name
    store.mkdir()
    [valkey] = [item["data"]["valkey.conf"] for item in of_kind(objects, "ConfigMap") if "valkey.conf" in item["data"]]
    valkey = valkey.replace("port 6379", f"port {ports[6379]}").replace("dir /data", f"dir {store}")
    (store / "auth.conf").write_text("requirepass secret\n")
    (store / "valkey.conf").write_text(valkey.replace("/secrets/valkey", str(store)))
    config = config_of(objects).replace("/secrets/", f"{folder}/secrets/")
    (store / "tidemill.toml").write_text(moved(config, r"[a-z-]+-valkey"))

    server = subprocess.run([ROOT / "tools" / "get-server.sh"], capture_output=True, text=True, check=True).stdout.strip()
    with ExitStack() as stack:
        log = stack.enter_context(open(store / "log", "w+"))
        start(stack, [server, store / "valkey.conf"], log)
        for item in of_kind(objects, "Deployment"):
            container = container_of(item)
            env = environment(container)
            env = {key: moved(value, r"(?:[0-9.]+|\[::\])") for key, value in env.items()}
            arguments = [argument.replace("/etc/tidemill", str(store)) for argument in container["args"]]
            start(stack, [binary, *arguments], log, env)
        [test] = [item for item in of_kind(objects, "Pod") if item["metadata"]["name"].endswith("-test")]
        arguments = [moved(argument, r"[a-z-]+-(?:gateway|results)") for argument in test["spec"]["containers"][0]["args"]]
        arguments = [argument.replace("/secrets/", f"{folder}/secrets/") for argument in arguments]
        code, text = run(binary, arguments, environment({}))
        if code or "hello from helm test" not in text:
            log.seek(0)
            yield f"{name}: the pod of helm test ended with {code}: {text}\n{log.read()[-2000:]}"
            return
        # One task that nobody takes, so that there is an age to export.
        waiting = [argument for argument in arguments if argument != "--watch"]
        waiting[waiting.index("echo")] = "nobody"
        code, text = run(binary, waiting, environment({}))
        if code:
            yield f"{name}: enqueue ended with {code}: {text}"
        containers = [container_of(item) for item in of_kind(objects, "Deployment")]
        admins = {port["containerPort"]: ports[port["containerPort"]] for c in containers for port in c["ports"] if port["name"] == "admin"}
        yield from healthy(binary, admins)
        yield from exported(suite, name, admins)
        # The example talks to a release without TLS.
        if not any(argument.startswith("--ca=") for argument in arguments):
            yield from scaled_in(suite, binary, store, ports)


def scaled_in(suite, binary, folder, ports):
    """The handler of examples/handler-scaledobject.yaml, stopped as Kubernetes does it while a task runs: the task ends well."""
    [deployment] = of_kind(parse((suite.path / "examples" / "handler-scaledobject.yaml").read_text()), "Deployment")
    container = container_of(deployment)
    program = folder / "send-mail"
    program.write_text(f"#!/bin/sh\necho started >>{folder}/runs\nsleep 1\ncat\n")
    program.chmod(0o755)
    arguments = [re.sub(r"http://[a-z.-]+:7441", f"http://127.0.0.1:{ports[7441]}", argument) for argument in container["args"]]
    arguments = [str(program) if argument.startswith("/app/") else argument for argument in arguments]
    urls = [f"--url=http://127.0.0.1:{ports[7440]}", f"--results-url=http://127.0.0.1:{ports[7442]}"]
    sent = [binary, "enqueue", "email.send", "--queue=mail", "--text=a letter", "--watch", "--quiet", "--timeout=30s", *urls]
    env = environment({})
    with subprocess.Popen([binary, *container["command"][1:], *arguments], env=env, stderr=subprocess.PIPE, text=True) as handler:
        with subprocess.Popen(sent, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as client:
            try:
                for _ in range(50):
                    if (folder / "runs").exists():
                        break
                    time.sleep(0.1)
                else:
                    client.kill()
                handler.terminate()
                said, answer = handler.communicate(timeout=60)[1], client.communicate(timeout=60)[0]
            except subprocess.TimeoutExpired as error:
                said, answer = "", str(error)
            finally:
                handler.kill()
                client.kill()
    runs = (folder / "runs").read_text().split() if (folder / "runs").exists() else []
    if (handler.returncode, client.returncode, answer.strip(), len(runs)) != (0, 0, "a letter", 1):
        yield f"the example's handler, told to stop: ended with {handler.returncode}, {len(runs)} runs, the task's output is {answer}\n{said}"


def exported(suite, name, admins):
    """What the admin ports export: what promtool says to it, and whether alerts and dashboard find all that they look at."""
    for _ in range(20):
        answers = {number: get(f"http://127.0.0.1:{port}/metrics") for number, port in admins.items()}
        # Info and counters carry an ending that their family does not.
        known = set(re.findall(r"^# TYPE (\S+)", "".join(answers.values()), re.M))
        wanted = {metric: re.sub(r"_(total|bucket|sum|count|info)$", "", metric) for metric in rules.metric_names(suite)}
        missing = [metric for metric, family in wanted.items() if not known & {metric, family}]
        if not missing:
            break
        # The depths are read after a scrape and shown in the next one.
        time.sleep(0.2)
    for metric in sorted(missing):
        yield f"alerts or dashboard look at {metric}, which nobody exports"
    for number, text in answers.items():
        yield from (f"{name}: /metrics of {number}: {problem}" for problem in rules.metrics(text))


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def check(suite):
    binary = program()
    if binary is None:
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        secrets(folder / "secrets", suite)
        yield from accepted(suite, binary, folder)
        for name in ("defaults", "small", "everything"):
            yield from rehearsal(suite, name, binary, folder)
