#!/usr/bin/env python3
"""Writes crds/*.json: the schemas of the custom resources that the chart and its examples use, without descriptions, unknown fields
refused.

    go mod download $(tools/chart/crds.py --modules)
    tools/chart/crds.py $(go env GOMODCACHE)

All three projects are under Apache-2.0. To move to another version: change it here.
"""

import json
import sys
from pathlib import Path

import yaml

# Go module -> the files in it.
SOURCES = {
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": [
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ],
    "sigs.k8s.io/gateway-api@v1.4.0": ["config/crd/standard/gateway.networking.k8s.io_grpcroutes.yaml"],
    "github.com/kedacore/keda/v2@v2.21.0": [
        "config/crd/bases/keda.sh_scaledobjects.yaml",
        "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ],
}


def definitions(cache):
    """The CustomResourceDefinitions as their projects ship them."""
    for module, files in SOURCES.items():
        for file in files:
            yield yaml.safe_load((cache / module / file).read_text())


def strict(schema):
    """What the API server does with it: fields that it does not know are refused, unless they are to be kept."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key == "properties":
            kept[key] = {name: strict(field) for name, field in value.items()}
        elif key == "x-kubernetes-int-or-string":
            kept["anyOf"] = [{"type": "integer"}, {"type": "string"}]
        elif key not in ("description", "default") and not key.startswith("x-kubernetes-"):
            kept[key] = strict(value)
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if "properties" in schema and schema.get("type") == "object" and not open_ended:
        kept["additionalProperties"] = False
    return kept


def main():
    if sys.argv[1] == "--modules":
        print(*SOURCES)
        return
    for definition in definitions(Path(sys.argv[1])):
        spec = definition["spec"]
        for version in spec["versions"]:
            if not version["served"]:
                continue
            schema = strict(version["schema"]["openAPIV3Schema"])
            # Common to all objects, and checked with the others.
            schema["properties"]["metadata"] = {"type": "object"}
            name = f"{spec['names']['kind'].lower()}-{spec['group']}-{version['name']}.json"
            text = json.dumps(schema, separators=(",", ":"), sort_keys=True) + "\n"
            (Path(__file__).parent / "crds" / name).write_text(text)


if __name__ == "__main__":
    main()
