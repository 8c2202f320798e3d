#!/usr/bin/env python3
"""The life of a release at a real API server, by Helm's own command: install, upgrade, rollback, uninstall, install again; for every case. Then
the same with planted mistakes, each of which the server must refuse. tools/chart/apiserver.sh provides what it needs.

    apiserver.py ETCD KUBE_APISERVER HELM GO_MODULE_CACHE
"""

import base64
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import crds
from cluster import Cluster, Refused
from suite import CHART, RELEASE, case_files, label, of_kind, parse, pods

CHANGED = ["config.rules.crash_limit=7", "shutdownGraceSeconds=45"]
COLUMNS = ["objects", "install", "as rendered", "pods", "upgrade", "password", "replicas", "rollback", "uninstall", "again"]

# What is planted, the file, what stands there, what is put in its place, the case, what the server must say.
PLANTED = [
    ("an unknown field", "templates/_pod.tpl", "serviceAccountName:", "serviceAcountName:", "defaults", "field not declared in schema"),
    (
        "a variable twice",
        "templates/_pod.tpl",
        "{{- toYaml $env |",
        "{{- toYaml (append $env (first $env)) |",
        "defaults",
        "duplicate entries for key",
    ),
    ("a port that does not exist", "templates/_helpers.tpl", "worker: 7441", "worker: 74410", "defaults", "65535"),
    ("a wrong type", "templates/_pod.tpl", "terminationGracePeriodSeconds: {{", "terminationGracePeriodSeconds: x{{", "defaults", "expected numeric"),
    ("an unknown field of a custom resource", "templates/monitoring.yaml", "endpoints:", "endpoint:", "production", "field not declared in schema"),
    ("a rule of a custom resource", "templates/routes.yaml", "service: {{ $service }}", "service: /{{ $service }}", "everything", "is invalid: [spec.rules"),
    ("a pod that may be root", "templates/_helpers.tpl", "runAsNonRoot: true", "runAsNonRoot: false", "defaults", 'violates PodSecurity "restricted'),
    (
        "replicas under an autoscaler",
        "templates/deployments.yaml",
        "if not $values.autoscaling.enabled",
        "if true",
        "production",
        "conflict",
    ),
]


class Failed(Exception):
    """A step did not do what it must."""


def expect(problems, limit=5):
    problems = list(problems)
    if problems:
        raise Failed("; ".join(problems[:limit]))


def differences(wanted, stored, path=""):
    """Where the server holds something else than was rendered. What it adds, its defaults, is its own business."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            if isinstance(stored, dict) and key in stored:
                yield from differences(value, stored[key], f"{path}.{key}")
            elif value not in (None, {}, [], ""):
                yield f"{path}.{key} is missing"
    elif isinstance(wanted, list):
        if not isinstance(stored, list) or len(wanted) != len(stored):
            yield f"{path} has another length"
        else:
            for index, (one, other) in enumerate(zip(wanted, stored, strict=True)):
                yield from differences(one, other, f"{path}[{index}]")
    elif wanted != stored:
        yield f"{path} is {stored!r}, not {wanted!r}"


class Release:
    """The release of one case in a namespace of its own."""

    def __init__(self, cluster, helm, namespace, values, chart=CHART):
        self.cluster, self.command, self.namespace, self.values, self.chart = cluster, helm, namespace, values, chart
        self.resources = cluster.resources()
        # Pods must meet the restricted profile, or the server refuses them.
        enforce = {"pod-security.kubernetes.io/enforce": "restricted"}
        cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace, "labels": enforce}})

    def helm(self, *arguments):
        home = self.cluster.folder / "helm"
        places = {f"HELM_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        env = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(self.cluster.kubeconfig), **places}
        command = [self.command, "--namespace", self.namespace, *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise Failed(f"helm {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def path(self, item):
        group, name, namespaced = self.resources[item["apiVersion"], item["kind"]]
        return f"{group}/namespaces/{self.namespace}/{name}" if namespaced else f"{group}/{name}"

    def get(self, item):
        return self.cluster.call("GET", f"{self.path(item)}/{item['metadata']['name']}")

    def manifest(self):
        return parse(self.helm("get", "manifest", RELEASE))

    def install(self):
        self.helm("install", RELEASE, self.chart, "--values", self.values, "--server-side=true")

    def upgrade(self, *changes):
        settings = [part for change in changes for part in ("--set", change)]
        self.helm("upgrade", RELEASE, self.chart, "--values", self.values, *settings)

    def stored_as_rendered(self):
        for item in self.manifest():
            stored = self.get(item)
            if not any(m["manager"] == "helm" and m["operation"] == "Apply" for m in stored["metadata"]["managedFields"]):
                yield f"{label(item)} was not applied by the server"
            wanted = {key: value for key, value in item.items() if key != "stringData"}
            for key, value in item.get("stringData", {}).items():
                wanted.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()
            yield from (f"{label(item)}: {problem}" for problem in differences(wanted, stored))

    def admitted(self):
        """Would every pod of the release, and that of `helm test`, be let in? No controller is there to make them."""
        objects = self.manifest() + parse(self.helm("get", "hooks", RELEASE))
        claims = {label(item): item["spec"]["volumeClaimTemplates"] for item in of_kind(objects, "StatefulSet")}
        for owner, meta, spec in pods(objects):
            for claim in claims.get(owner, []):
                name = claim["metadata"]["name"]
                spec["volumes"].append({"name": name, "persistentVolumeClaim": {"claimName": name}})
            pod = {"metadata": {"generateName": "probe-", "labels": meta["labels"]}, "spec": spec}
            try:
                self.cluster.call("POST", f"/api/v1/namespaces/{self.namespace}/pods?dryRun=All&fieldValidation=Strict", pod)
            except Refused as error:
                yield f"{owner}: {error}"

    def password(self):
        kept = [item for item in of_kind(self.manifest(), "Secret")]
        return self.get(kept[0])["data"]["password"] if kept else None

    def scale(self):
        """What a HorizontalPodAutoscaler does: sets the number of each Deployment that it owns. Name -> that number."""
        numbers = {}
        for item in of_kind(self.manifest(), "HorizontalPodAutoscaler"):
            name, number = item["spec"]["scaleTargetRef"]["name"], item["spec"]["minReplicas"] + 3
            path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{name}/scale?fieldManager=autoscaler"
            self.cluster.call("PATCH", path, {"spec": {"replicas": number}}, "application/merge-patch+json")
            numbers[name] = number
        return numbers

    def replicas(self):
        deployments = of_kind(self.manifest(), "Deployment")
        return {item["metadata"]["name"]: self.get(item)["spec"]["replicas"] for item in deployments}

    def left(self):
        """All that is in the namespace, and in no other."""
        for (_, kind), (group, name, namespaced) in self.resources.items():
            if namespaced and kind != "Event":
                for item in self.cluster.call("GET", f"{group}/namespaces/{self.namespace}/{name}")["items"]:
                    yield f"{kind} {item['metadata']['name']}"


def life(release, row):
    """All steps of a release; puts what it has seen into the row of the table."""
    release.install()
    row["install"] = "ok"
    first = release.manifest()
    row["objects"] = len(first)
    expect(release.stored_as_rendered())
    row["as rendered"] = "ok"
    expect(release.admitted())
    row["pods"] = "ok"

    password, scaled = release.password(), release.scale()
    release.upgrade(*CHANGED)
    expect(release.stored_as_rendered())
    before = {item["metadata"]["name"]: item["spec"]["template"] for item in of_kind(first, "Deployment")}
    for item in of_kind(release.manifest(), "Deployment"):
        expect([f"{label(item)} did not roll"] if item["spec"]["template"] == before[item["metadata"]["name"]] else [])
    row["upgrade"] = "ok"
    expect(["the password changed with the upgrade"] if release.password() != password else [])
    kept = {name: number for name, number in release.replicas().items() if name in scaled}
    expect([f"replicas are {kept}, the autoscaler had set {scaled}"] if kept != scaled else [])

    release.helm("rollback", RELEASE, "1")
    expect(release.stored_as_rendered())
    expect(["the objects are not those of revision 1"] if release.manifest() != first else [])
    kept = {name: number for name, number in release.replicas().items() if name in scaled}
    expect([f"after the rollback replicas are {kept}, not {scaled}"] if kept != scaled else [])
    row["rollback"] = "ok"
    row["replicas"] = "kept" if scaled else "-"
    expect(["the password changed with the rollback"] if release.password() != password else [])

    stays = {label(item) for item in first if item["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"}
    release.helm("uninstall", RELEASE)
    left = set(release.left())
    expect([f"left behind: {left}, to be kept: {stays}"] if left != stays else [])
    row["uninstall"] = f"leaves {len(left)}" if left else "clean"
    release.install()
    expect(release.stored_as_rendered())
    expect(["the password is another one after an uninstall"] if release.password() != password else [])
    row["password"] = "kept" if password else "-"
    release.helm("uninstall", RELEASE)
    row["again"] = "ok"


def custom_resources(cluster, cache):
    found = list(crds.definitions(Path(cache)))
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for item in found:
        cluster.call("POST", path, item)
    for item in found:
        for _ in range(100):
            conditions = cluster.call("GET", f"{path}/{item['metadata']['name']}").get("status", {}).get("conditions", [])
            if any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
                break
            time.sleep(0.1)
    return [item["spec"]["names"]["kind"] for item in found]


def examples(cluster):
    """The handlers that are shown to users, as they are; and with a field that nobody knows, which must be refused."""
    namespace = "examples"
    cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    known = cluster.resources()
    for file in sorted((CHART / "examples").glob("handler-*.yaml")):
        for item in parse(file.read_text()):
            group, name, _ = known[item["apiVersion"], item["kind"]]
            path = f"{group}/namespaces/{namespace}/{name}?fieldValidation=Strict"
            wrong = item | {"metadata": {"name": "wrong"}, "spec": item["spec"] | {"unknownField": 1}}
            try:
                cluster.call("POST", path, wrong)
                raise Failed(f"{label(item)} with an unknown field was taken")
            except Refused as error:
                expect([] if "unknownField" in str(error) else [f"{label(item)}: refused for another reason: {error}"])
            expect(differences(item, cluster.call("POST", path, item)))
            yield f"{file.name}: {label(item)}"


def planted(cluster, helm, number, what, file, old, new, case, said):
    """Breaks a copy of the chart; the life of its release must fail with the server's message. Returns it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tidemill"
        shutil.copytree(CHART, copy)
        text = (copy / file).read_text()
        expect([] if old in text else [f"{file} no longer holds {old!r}: plant something else"])
        (copy / file).write_text(text.replace(old, new))
        try:
            life(Release(cluster, helm, f"planted-{number}", case_files()[case], copy), {})
        except Failed as error:
            expect([] if said in str(error) else [f"{what}: failed for another reason: {error}"])
            return str(error)
    raise Failed(f"{what} was not noticed")


def table(rows):
    widths = {column: max(len(column), *(len(str(row.get(column, "FAILED"))) for row in rows.values())) for column in COLUMNS}
    first = max(len(name) for name in [*rows, "case"])
    print(f"{'case':{first}}  " + "  ".join(f"{column:{widths[column]}}" for column in COLUMNS))
    for name, row in rows.items():
        print(f"{name:{first}}  " + "  ".join(f"{row.get(column, 'FAILED'):<{widths[column]}}" for column in COLUMNS))


def main():
    etcd, apiserver, helm, cache = sys.argv[1:]
    # So that an end from outside stops the servers, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    problems, rows = [], {}
    with tempfile.TemporaryDirectory() as folder, Cluster(etcd, apiserver, Path(folder)) as cluster:
        version = cluster.call("GET", "/version")["gitVersion"]
        tool = subprocess.run([helm, "version", "--short"], capture_output=True, text=True, check=True).stdout.strip()
        print(f"Kubernetes {version}, Helm {tool}; custom resources: {', '.join(custom_resources(cluster, cache))}")
        high = {"metadata": {"name": "high"}, "value": 1000}
        cluster.call("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", high)
        for name, values in case_files().items():
            rows[name] = {}
            try:
                life(Release(cluster, helm, f"case-{name}", values), rows[name])
            except (Failed, Refused) as error:
                problems.append(f"{name}: {error}")
        table(rows)
        try:
            for stored in examples(cluster):
                print(f"example stored as it stands: {stored}")
        except (Failed, Refused) as error:
            problems.append(f"examples: {error}")
        for number, plant in enumerate(PLANTED):
            try:
                answer = planted(cluster, helm, number, *plant)
                print(f"planted, and refused: {plant[0]}: …{answer[max(answer.find(plant[-1]) - 60, 0) :][:150].replace(chr(10), ' ')}…")
            except (Failed, Refused) as error:
                problems.append(f"planted: {error}")
    for problem in problems:
        print(f"PROBLEM {problem}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
