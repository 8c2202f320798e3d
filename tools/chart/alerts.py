"""Unit tests of the alerts, run by promtool; what they are is in alerts.yaml."""

import tempfile
from pathlib import Path

import rules
import yaml
from suite import HERE

FILE = HERE / "alerts.yaml"


def tests(rule, case):
    """The tests of one alert, as promtool reads them."""
    name, labels = rule["alert"], {**case["labels"], **rule["labels"]}
    annotations = {"summary": case["summary"], "runbook_url": rule["annotations"]["runbook_url"]}

    def test(series, times):
        given = [{"series": key.replace("JOB", 'job="tidemill-metrics"'), "values": value} for key, value in series.items()]
        alert = {"exp_labels": labels, "exp_annotations": annotations}
        expected = [{"eval_time": f"{time}m", "alertname": name, "exp_alerts": [alert] * fires} for time, fires in times]
        return {"interval": "1m", "input_series": given, "alert_rule_test": expected}

    first = int(case["fires"].removesuffix("m"))
    yield test(case["bad"], [(first - 1, 0), (first, 1)])
    yield test(case["good"], [(time, 0) for time in range(0, 61, 2)])


def check(suite):
    cases = yaml.load(FILE.read_text(), yaml.BaseLoader)  # 0x60 is no number here
    alerts = {rule["alert"]: rule for group in rules.alerts(suite)["groups"] for rule in group["rules"]}
    for name in alerts.keys() ^ cases.keys():
        yield f"{name} is in one of files/alerts.yaml and tools/chart/alerts.yaml only"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tests.yaml"
        whole = {"rule_files": [str(suite.path / "files" / "alerts.yaml")], "evaluation_interval": "1m"}
        whole["tests"] = [test for name in alerts.keys() & cases.keys() for test in tests(alerts[name], cases[name])]
        file.write_text(yaml.safe_dump(whole))
        yield from rules.promtool("test", "rules", str(file))
