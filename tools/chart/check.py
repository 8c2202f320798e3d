#!/usr/bin/env python3
"""Runs all checks of the chart; tools/chart/test.sh provides what they need. With names, runs just those."""

import shutil
import sys
import time

import alerts
import compose
import examples
import golden
import helm3
import lint
import objects
import program
import refusals
import rules
import sbom
import schemas
import selftest
import torn
from suite import Suite

CHECKS = {
    "lint": lint.check,
    "generated": lint.generated,
    "golden": golden.check,
    "schemas": schemas.check,
    "examples": examples.check,
    "refusals": refusals.check,
    "objects": objects.check,
    "rules": rules.check,
    "alerts": alerts.check,
    "compose": compose.check,
    "program": program.check,
    "torn": torn.check,
    "sbom": sbom.check,
    "helm3": helm3.check,
    "selftest": selftest.check,
}


def skipped(name):
    """Why a check cannot do what it is for; None if it can."""
    if name == "helm3" and not helm3.command():
        return "no Helm 3: tools/chart/test.sh --with-go builds one"
    if name == "sbom" and not shutil.which("cargo"):
        return "no cargo"
    if name == "torn" and not torn.checker():
        return "no valkey-check-aof or redis-check-aof: apt install redis-tools"
    if name == "program" and program.program() is None:
        return "no program: cargo build -p tidemill, or set TIDEMILL_TEST_BINARY"
    return None


def main():
    suite, failed = Suite(), 0
    for name in sys.argv[1:] or CHECKS:
        started = time.monotonic()
        if reason := skipped(name):
            print(f"chart: {name:10} skipped: {reason}")
            continue
        problems = list(CHECKS[name](suite))
        failed += len(problems)
        state = f"{len(problems)} problems" if problems else "ok"
        print(f"chart: {name:10} {state} ({time.monotonic() - started:.1f} s)", flush=True)
        for problem in problems[:50]:
            print(f"  {problem}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
