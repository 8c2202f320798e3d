#!/usr/bin/env python3
"""The bill of materials of the program, as CycloneDX JSON, from `cargo metadata` on stdin and Cargo.lock; see sbom.sh. The same input makes the
same file.

    cargo metadata … | deploy/sbom.py Cargo.lock

Cargo decides features for the whole workspace, so an optional crate that only the tests switch on may be listed, too; none is missing.
"""

import json
import re
import sys
import tomllib
import uuid
from pathlib import Path

PROGRAM = "tidemill"


def is_macro(package):
    """It runs in the compiler; nothing of it is in the program."""
    return any("proc-macro" in target["kind"] for target in package["targets"])


def edges(metadata):
    """Package -> the packages that it uses when it runs, by id. No dev- and no build-dependencies."""
    return {
        node["id"]: sorted(d["pkg"] for d in node["deps"] if any(kind["kind"] is None for kind in d["dep_kinds"]))
        for node in metadata["resolve"]["nodes"]
    }


def closure(start, uses, passes=lambda _: True):
    """All that can be reached, through those that `passes` lets through."""
    found, todo = set(), [start]
    while todo:
        one = todo.pop()
        if one not in found and passes(one):
            found.add(one)
            todo += uses[one]
    return found


def component(package, checksums, linked):
    own = package["source"] is None
    name, version = package["name"], package["version"]
    made = {"type": "library", "bom-ref": f"{name}@{version}", "name": name, "version": version}
    # Crates of this repository are in no registry.
    if not own:
        made["purl"] = f"pkg:cargo/{name}@{version}"
    made["scope"] = "required" if linked else "excluded"
    if package["license"]:
        made["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", package["license"])}]
    if checksum := checksums.get((name, version)):
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return made


def bill(metadata, lock):
    packages = {package["id"]: package for package in metadata["packages"]}
    [root] = [key for key in metadata["workspace_members"] if packages[key]["name"] == PROGRAM]
    uses = edges(metadata)
    listed = closure(root, uses)
    linked = closure(root, uses, lambda key: not is_macro(packages[key]))
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in tomllib.loads(lock)["package"]}

    made = {key: component(packages[key], checksums, key in linked) for key in listed}
    program = made.pop(root) | {"type": "application", "description": packages[root]["description"]}
    refs = {key: f"{packages[key]['name']}@{packages[key]['version']}" for key in listed}
    body = {
        "metadata": {"component": program},
        "components": sorted(made.values(), key=lambda one: one["bom-ref"]),
        "dependencies": sorted(
            ({"ref": refs[key], "dependsOn": sorted({refs[used] for used in uses[key]})} for key in listed),
            key=lambda one: one["ref"],
        ),
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    head = {"$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.6"}
    return head | {"serialNumber": f"urn:uuid:{serial}", "version": 1} | body


if __name__ == "__main__":
    print(json.dumps(bill(json.load(sys.stdin), Path(sys.argv[1]).read_text()), indent=1))
