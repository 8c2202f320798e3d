"""deploy/sbom.sh: its output against the schema of CycloneDX, against Cargo.lock, and against the crates that left their paths in the
program."""

import json
import re
import subprocess
import tomllib
from importlib.util import find_spec
from pathlib import Path

from jsonschema import Draft7Validator, RefResolver
from program import program
from suite import ROOT


def validator():
    [package] = find_spec("cyclonedx").submodule_search_locations
    schemas = {}
    for file in (Path(package) / "schema" / "_res").glob("*.schema.json"):
        schema = json.loads(file.read_text())
        schemas[schema["$id"]] = schema
    whole = schemas["http://cyclonedx.org/schema/bom-1.6.schema.json"]
    return Draft7Validator(whole, resolver=RefResolver.from_schema(whole, store=schemas))


def dependencies(packages, start):
    """Names of all packages of Cargo.lock that can be reached from one: build-dependencies and other platforms included."""
    uses = {}
    for package in packages:
        uses.setdefault(package["name"], []).extend(name.split()[0] for name in package.get("dependencies", []))
    found, todo = set(), [start]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += uses[name]
    return found


def wrong(bill, packages, linked):
    """What is missing and what is too much. `linked`: (name, version) of crates that are in the program for certain."""
    for error in validator().iter_errors(bill):
        yield f"{'.'.join(str(part) for part in error.path)}: {error.message[:200]}"
    listed = {(item["name"], item["version"]) for item in bill["components"]}
    for name, version in sorted(linked - listed):
        yield f"{name} {version} is in the program and not listed"
    locked = {(package["name"], package["version"]) for package in packages}
    reachable = dependencies(packages, "tidemill")
    for name, version in sorted(listed):
        if (name, version) not in locked or name not in reachable:
            yield f"{name} {version} is listed, but not among the dependencies of the program in Cargo.lock"
    # Whoever is used is listed, by the graph that the bill itself shows.
    refs = {item["bom-ref"] for item in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    for item in bill["dependencies"]:
        for ref in {item["ref"], *item["dependsOn"]} - refs:
            yield f"{ref} is used and not listed"
    for item in bill["components"]:
        if "licenses" not in item or ("purl" in item and "hashes" not in item):
            yield f"{item['bom-ref']} has no licence or no checksum"


def in_program(binary):
    """Crates whose source paths are in the program, for its panics' sake: not all, but found another way."""
    paths = re.findall(rb"/registry/src/[^/]+/([\w-]+?)-(\d+\.\d+\.\d+[\w.+-]*)/", binary.read_bytes())
    return {(name.decode(), version.decode()) for name, version in paths}


def locked():
    return tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]


def written():
    done = subprocess.run([ROOT / "deploy" / "sbom.sh"], capture_output=True, text=True)
    return done.stdout, done.stderr.strip()


def check(_suite):
    text, error = written()
    if not text:
        yield error
        return
    binary = program()
    linked = in_program(binary) if binary else set()
    if binary and len(linked) < 50:
        yield f"only {len(linked)} crates were found in {binary.name}: is it built in another way?"
    yield from wrong(json.loads(text), locked(), linked)
    if written()[0] != text:
        yield "a second run writes something else"
