"""The same chart through the command of Helm 3, if HELM3 names one: the objects must be those of Helm 4."""

import os
import subprocess

from suite import NAMESPACE, RELEASE, case_files, label, parse, without_passwords


def command():
    return os.environ.get("HELM3")


def check(suite):
    for name, file in case_files().items() if command() else ():
        common = ["--values", file, "--namespace", NAMESPACE, "--kube-version", "1.37.0"]
        lint = subprocess.run([command(), "lint", "--strict", suite.path, *common], capture_output=True, text=True)
        if lint.returncode:
            yield f"{name}: {lint.stdout}{lint.stderr}"
        done = subprocess.run([command(), "template", RELEASE, suite.path, *common], capture_output=True, text=True)
        if done.returncode:
            yield f"{name}: {done.stderr}"
            continue
        theirs = {label(item): item for item in parse(without_passwords(done.stdout))}
        ours = {label(item): item for item in suite.case(name)}
        for key in theirs.keys() ^ ours.keys():
            yield f"{name}: {key} is made by one Helm only"
        for key in theirs.keys() & ours.keys():
            if theirs[key] != ours[key]:
                yield f"{name}: {key} differs between Helm 3 and 4"
