"""A Kubernetes API server of one's own: etcd and kube-apiserver on free ports in a private folder, and a client for it. There are no
controllers and no kubelet, so what is stored stays as it was sent: no pod starts, nothing is scaled or collected."""

import json
import secrets
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import ExitStack

SECONDS_TO_START = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Refused(Exception):
    """The server's answer was no."""


class Cluster:
    """Use it as a context: it stops what it has started."""

    def __init__(self, etcd, apiserver, folder):
        self.folder, self.token, self.stack = folder, secrets.token_hex(16), ExitStack()
        self.programs = etcd, apiserver
        self.store, self.port = f"http://127.0.0.1:{free_port()}", free_port()
        self.kubeconfig = folder / "kubeconfig"

    def __enter__(self):
        with ExitStack() as stack:
            stack.enter_context(self.stack)
            self.start()
            stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def run(self, name, command):
        log = self.stack.enter_context(open(self.folder / f"{name}.log", "w"))
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)

        def stop():
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

        self.stack.callback(stop)
        return process

    def start(self):
        etcd, apiserver = self.programs
        peer = f"http://127.0.0.1:{free_port()}"
        self.run(
            "etcd",
            [etcd, "--data-dir", self.folder / "etcd", "--listen-client-urls", self.store, "--advertise-client-urls", self.store]
            + ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"],
        )
        key = self.folder / "accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        (self.folder / "tokens.csv").write_text(f"{self.token},operator,operator,system:masters\n")
        server = self.run(
            "apiserver",
            [apiserver, "--etcd-servers", self.store, "--bind-address=127.0.0.1", f"--secure-port={self.port}"]
            + ["--cert-dir", self.folder / "certs", "--token-auth-file", self.folder / "tokens.csv", "--authorization-mode=RBAC"]
            + ["--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file", key]
            + ["--service-account-signing-key-file", key, "--service-cluster-ip-range=10.0.0.0/24"]
            # Accounts are made by a controller that is not there.
            + ["--disable-admission-plugins=ServiceAccount"],
        )
        user = {"name": "operator", "user": {"token": self.token}}
        place = {"server": self.url(""), "insecure-skip-tls-verify": True}
        context = {"name": "private", "context": {"cluster": "private", "user": "operator"}}
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "private", "users": [user], "contexts": [context]}
        self.kubeconfig.write_text(json.dumps(config | {"clusters": [{"name": "private", "cluster": place}]}))
        self.kubeconfig.chmod(0o600)
        for _ in range(SECONDS_TO_START * 5):
            if server.poll() is not None:
                break
            try:
                self.call("GET", "/readyz")
                return
            except (OSError, Refused):
                time.sleep(0.2)
        text = (self.folder / "apiserver.log").read_text()
        raise RuntimeError(f"the API server did not start:\n{text[-3000:]}")

    def url(self, path):
        return f"https://127.0.0.1:{self.port}{path}"

    def call(self, method, path, body=None, kind="application/json"):
        """The answer as JSON (or text). Raises Refused with the server's message."""
        # The certificate is the server's own, made a moment ago; the token goes nowhere but to this machine.
        trust = ssl._create_unverified_context()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind, "Accept": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url(path), data, headers, method=method)
        try:
            with urllib.request.urlopen(request, context=trust, timeout=60) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            try:
                text = json.loads(text)["message"]
            except (ValueError, KeyError):
                pass
            raise Refused(f"{error.code}: {text}") from error
        try:
            return json.loads(text)
        except ValueError:
            return text

    def resources(self):
        """(api version, kind) -> its path and whether it has a namespace, of all that can be listed."""
        found = {}
        groups = ["/api/v1"] + [f"/apis/{g['preferredVersion']['groupVersion']}" for g in self.call("GET", "/apis")["groups"]]
        # A group may serve more versions than its preferred one.
        groups += [f"/apis/{v['groupVersion']}" for g in self.call("GET", "/apis")["groups"] for v in g["versions"]]
        for group in dict.fromkeys(groups):
            answer = self.call("GET", group)
            for one in answer["resources"]:
                if "list" in one["verbs"]:
                    found[answer["groupVersion"], one["kind"]] = group, one["name"], one["namespaced"]
        return found
