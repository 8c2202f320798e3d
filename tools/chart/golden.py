"""The rendered cases against golden/, so that a review sees what a change of the chart does. UPDATE_GOLDEN=1 writes them anew."""

import difflib
import os

from suite import HERE

GOLDEN = HERE / "golden"


def shortened(suite, text):
    """The dashboard is a file of the chart already."""
    dashboard = (suite.path / "files" / "dashboard.json").read_text().strip()
    return text.replace("\n".join(f"    {line}" for line in dashboard.splitlines()), "    (files/dashboard.json)")


def check(suite):
    update = bool(os.environ.get("UPDATE_GOLDEN"))
    if update:
        for file in GOLDEN.iterdir():
            file.unlink()
    rendered = {f"{name}.yaml": shortened(suite, suite.text(values)) for name, values in suite.cases.items()}
    rendered |= {f"{name}.notes": suite.notes(values) for name, values in suite.cases.items()}
    for name, text in rendered.items():
        file = GOLDEN / name
        if update:
            file.write_text(text)
            continue
        golden = file.read_text() if file.exists() else ""
        lines = list(difflib.unified_diff(golden.splitlines(), text.splitlines(), f"golden/{name}", "rendered", n=1, lineterm=""))
        if lines:
            yield "\n".join(lines[:40] + ["(UPDATE_GOLDEN=1 takes it over)"])
