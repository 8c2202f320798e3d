"""The examples that are shown to users: the objects beside the values files, and those of docs/autoscaling.md. (The values files are cases.)"""

import re

import schemas
from suite import NAMESPACE, ROOT, label, of_kind, parse

DOC = ROOT / "docs" / "autoscaling.md"
# What KEDA reads itself, and what services/gateway/src/scaler.rs reads; a key that nobody knows would be ignored in silence.
KNOWN = {"scalerAddress", "enableTLS", "unsafeSsl", "queue", "kind", "tasksPerReplica"}
VERSION = schemas.VERSIONS[-1]


def documents(suite):
    """Where they stand -> the objects there."""
    for file in sorted((suite.path / "examples").glob("handler-*.yaml")):
        yield file.name, parse(file.read_text())
    for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```", DOC.read_text(), re.M | re.S), 1):
        yield f"{DOC.name}, block {number}", parse(block)


def fields(node):
    """The names of all fields of an object that hold a value."""
    for key, value in node.items():
        inner = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]
        for item in inner:
            yield from fields(item)
        if not inner:
            yield key


def scaled(objects, services):
    """A ScaledObject, the Deployment that it scales, and the release that both talk to."""
    [item] = of_kind(objects, "ScaledObject")
    found = [d for d in of_kind(objects, "Deployment") if d["metadata"]["name"] == item["spec"]["scaleTargetRef"]["name"]]
    if len(found) != 1:
        yield f"{label(item)} scales nothing"
        return
    if "replicas" in found[0]["spec"]:
        yield f"{label(found[0])}: replicas must not be there, KEDA owns them"
    pod = found[0]["spec"]["template"]["spec"]
    arguments = dict(argument.split("=", 1) for argument in pod["containers"][0]["args"] if "=" in argument)
    if pod["terminationGracePeriodSeconds"] < int(arguments["--grace"].removesuffix("s")) + 10:
        yield f"{label(found[0])}: killed before it can have drained"
    for trigger in item["spec"]["triggers"]:
        metadata = trigger["metadata"]
        if unknown := metadata.keys() - KNOWN:
            yield f"{label(item)}: nobody reads {unknown}"
        if (metadata["queue"], metadata["kind"]) != (arguments["--queue"], arguments["--kind"]):
            yield f"{label(item)} looks at other tasks than its Deployment runs"
        for address in (metadata["scalerAddress"], arguments["--worker-url"].removeprefix("http://")):
            if address not in services:
                yield f"{address} is no Service of the production example"


def check(suite):
    services = {
        f"{item['metadata']['name']}.{NAMESPACE}:{port['port']}"
        for item in of_kind(suite.case("production"), "Service")
        for port in item["spec"]["ports"]
    }
    shown = []
    for where, objects in documents(suite):
        for item in objects:
            rules = schemas.validator(item["kind"], item["apiVersion"], VERSION)
            for error in rules.iter_errors(item):
                yield f"{where}: {label(item)}: {'.'.join(str(part) for part in error.path)}: {error.message[:200]}"
            if item["kind"] == "ScaledObject":
                shown.append(item)
        if where.endswith("-scaledobject.yaml"):
            yield from (f"{where}: {problem}" for problem in scaled(objects, services))
    if len(shown) != 2 or shown[0] != shown[1]:
        yield f"{DOC.name} shows another ScaledObject than the example"
    explained = set(re.findall(r"^\| `(?:\w+\.)*(\w+)`", DOC.read_text(), re.M))
    for field in {*fields(shown[0]["spec"])} - {"value", "periodSeconds"} - explained:
        yield f"{DOC.name} does not explain {field}"
