"""Every rendered object against the strict schemas of Kubernetes, and of the custom resources that are in crds/."""

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from jsonschema import Draft7Validator
from suite import HERE, label

VERSIONS = [f"1.{minor}" for minor in range(27, 38)]


@cache
def definitions(version):
    # Only its data: the package itself needs more than we do.
    [package] = find_spec("kubernetes_validate").submodule_search_locations
    folder = Path(package) / "kubernetes-json-schema" / f"v{version}.0-local-strict"
    text = (folder / "_definitions.json").read_text().replace("/api/_definitions.json#/$defs/", "#/$defs/")
    return folder, json.loads(text)["$defs"]


@cache
def validator(kind, api_version, version):
    """None if no schema is there."""
    group, _, api = api_version.rpartition("/")
    own = HERE / "crds" / f"{kind.lower()}-{group}-{api}.json"
    if own.exists():
        return Draft7Validator(json.loads(own.read_text()))
    folder, defs = definitions(version)
    name = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    file = folder / f"{kind.lower()}-{name}.json"
    if not file.is_file():
        return None
    schema = json.loads(file.read_text().replace("/api/_definitions.json#/$defs/", "#/$defs/"))
    return Draft7Validator(schema | {"$defs": defs})


def check(suite):
    for name, values in suite.cases.items():
        for version in VERSIONS:
            for item in suite.objects(values, version):
                rules = validator(item["kind"], item["apiVersion"], version)
                if rules is None:
                    yield f"{name}: no schema for {label(item)}, {item['apiVersion']}, in Kubernetes {version}"
                    continue
                for error in rules.iter_errors(item):
                    where = ".".join(str(part) for part in error.path)
                    yield f"{name}, Kubernetes {version}: {label(item)}: {where}: {error.message[:200]}"
