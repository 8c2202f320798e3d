"""Alerts and dashboard: promtool reads every expression."""

import json
import os
import re
import subprocess
import tempfile

import yaml
from suite import of_kind


def dashboard_expressions(suite):
    dashboard = json.loads((suite.path / "files" / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def alerts(suite):
    return yaml.safe_load((suite.path / "files" / "alerts.yaml").read_text())


def metric_names(suite):
    """The metrics that alerts and dashboard look at, as a scrape shows them."""
    expressions = [rule["expr"] for group in alerts(suite)["groups"] for rule in group["rules"]]
    expressions += [expression for _, expression in dashboard_expressions(suite)]
    return set(re.findall(r"\btidemill_[a-z_]+", " ".join(expressions)))


def promtool(*arguments, text=None):
    command = [os.environ.get("PROMTOOL", "promtool"), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        yield (done.stdout + done.stderr).strip()


def readable(text):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        yield from promtool("check", "rules", file.name)


def metrics(text):
    """An answer of /metrics. promtool knows the older text format only, so the names are put as Prometheus stores them."""
    lines = []
    for line in text.splitlines():
        if match := re.match(r"# (HELP|TYPE) (\S+) (.*)", line):
            what, family, rest = match.groups()
            kind = re.search(rf"^# TYPE {family} (.*)$", text, re.M)[1]
            family += {"counter": "_total", "info": "_info"}.get(kind, "")
            line = f"# {what} {family} {rest.replace('info', 'gauge') if what == 'TYPE' else rest}"
        if not line.startswith(("# EOF", "# UNIT")):
            lines.append(line)
    yield from promtool("check", "metrics", text="\n".join(lines) + "\n")


def check(suite):
    yield from readable((suite.path / "files" / "alerts.yaml").read_text())
    records = []
    for index, (_, expression) in enumerate(dashboard_expressions(suite)):
        # Grafana fills in its variables before Prometheus sees them.
        filled = expression.replace("$__rate_interval", "5m").replace("$job", ".*")
        records.append({"record": f"panel_{index}", "expr": filled})
    yield from readable(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": records}]}))

    for name, _, objects in suite.each_case():
        for rule in of_kind(objects, "PrometheusRule"):
            text = yaml.safe_dump(rule["spec"])
            yield from (f"{name}: {problem}" for problem in readable(text))
            # The operator names the job after the Service.
            jobs = {s["metadata"]["name"] for s in of_kind(objects, "Service") if s["metadata"]["name"].endswith("-metrics")}
            if set(re.findall(r'job="([^"]+)"', text)) != jobs:
                yield f"{name}: the alerts look at another job than that of the ServiceMonitor"
        for item in of_kind(objects, "ConfigMap"):
            for key, text in item["data"].items():
                if key.endswith(".json") and not json.loads(text)["panels"]:
                    yield f"{name}: the dashboard has no panels"
