"""`helm lint --strict` and the generated parts."""

import subprocess
import sys

import helm_python
from suite import HERE, NAMESPACE


def check(suite):
    for name, values in suite.cases.items():
        report = helm_python.lint(suite.path, values, strict=True, namespace=NAMESPACE, kube_version="v1.37.0")
        for message in report["messages"]:
            if message["severity"] >= 2:
                yield f"{name}: {message['path']}: {message['error']}"
        for error in report["errors"]:
            yield f"{name}: {error}"


def generated(suite):
    """README.md and values.schema.json follow from values.yaml and the program's defaults."""
    command = [sys.executable, HERE / "generate.py", "--check", suite.path]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        yield done.stderr.strip()
