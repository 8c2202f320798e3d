"""The chart under test: loading it, rendering its cases, and what all checks share. A check is a function that takes a Suite and yields
one line for each thing that is wrong."""

import json
import re
from functools import cached_property
from pathlib import Path

import helm_python
import yaml
from helm_python import _native

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHART = ROOT / "helm" / "tidemill"
RELEASE, NAMESPACE = "demo", "queues"


class UniqueKeys(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML that refuses a key that stands twice in one mapping: the API server would take the last one and say nothing."""


def _mapping(loader, node):
    pairs = loader.construct_pairs(node, deep=True)
    keys = [key for key, _ in pairs]
    twice = [key for key in keys if keys.count(key) > 1]
    if twice:
        raise yaml.YAMLError(f"key {twice[0]!r} stands twice, line {node.start_mark.line + 1}")
    return dict(pairs)


UniqueKeys.add_constructor("tag:yaml.org,2002:map", _mapping)


def case_files():
    """The cases: two of the checks' own, and the values files that are shown to users."""
    files = [*(HERE / "cases").glob("*.yaml"), *(CHART / "examples").glob("values-*.yaml")]
    return {file.stem.removeprefix("values-"): file for file in sorted(files, key=lambda file: file.name)}


def cases():
    return {name: yaml.load(file.read_text(), UniqueKeys) for name, file in case_files().items()}


def without_passwords(text):
    """A generated password differs from one rendering to the next."""
    return re.sub(r"(password: |requirepass )[A-Za-z0-9]{40}$", r"\1GENERATED", text, flags=re.M)


def parse(text):
    return [document for document in yaml.load_all(text, UniqueKeys) if document]


class Suite:
    def __init__(self, chart=CHART):
        self.path = chart
        self.cases = cases()
        self.rendered = {}

    @cached_property
    def chart(self):
        return helm_python.Chart.load(self.path)

    def render(self, values, kube):
        """Name of a template -> what it made. Raises HelmError if the values are refused."""
        # The library takes the version of Kubernetes, its Python signature does not.
        options = {"name": RELEASE, "namespace": NAMESPACE, "kube_version": f"v{kube}.0", "is_install": True}
        call = ("helm_render", self.chart._raw(), json.dumps(values), json.dumps(options))
        return json.loads(_native.call_string(*call))

    def text(self, values, kube="1.37"):
        """All objects as `helm template` prints them."""
        parts = []
        for name, text in sorted(self.render(values, kube).items()):
            if name.endswith(".yaml") and text.strip():
                parts += [f"---\n# Source: {name}\n{text.strip().removeprefix('---').strip()}\n"]
        return without_passwords("".join(parts))

    def notes(self, values):
        """What an operator reads after the installation."""
        return self.render(values, "1.37")[f"{self.chart.name}/templates/NOTES.txt"].strip() + "\n"

    def objects(self, values, kube="1.37"):
        return parse(self.text(values, kube))

    def case(self, name):
        """The objects of a case."""
        if name not in self.rendered:
            self.rendered[name] = self.objects(self.cases[name])
        return self.rendered[name]

    def each_case(self):
        """(name, values over the defaults, objects) of every case."""
        for name, values in self.cases.items():
            yield name, self.chart.merge_values(values), self.case(name)


def of_kind(objects, *kinds):
    return [item for item in objects if item["kind"] in kinds]


def label(item):
    return f"{item['kind']} {item['metadata']['name']}"


def pods(objects):
    """(label, pod metadata, pod spec) of everything that makes a pod."""
    for item in objects:
        if item["kind"] == "Pod":
            yield label(item), item["metadata"], item["spec"]
        elif item["kind"] in ("Deployment", "StatefulSet"):
            template = item["spec"]["template"]
            yield label(item), template["metadata"], template["spec"]


def config_of(objects):
    """The text of tidemill.toml."""
    [text] = [item["data"]["tidemill.toml"] for item in of_kind(objects, "ConfigMap") if "tidemill.toml" in item["data"]]
    return text
