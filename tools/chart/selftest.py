"""Breaks a copy of the chart in one place at a time and insists that the check in charge notices: a check that cannot fail is none."""

import json
import shutil
import tempfile
from pathlib import Path

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
import torn
import yaml
from suite import CHART, Suite

POD, VALKEY, SCHEMA = "templates/_pod.tpl", "templates/valkey.yaml", "values.schema.json"
EXAMPLE = "examples/handler-scaledobject.yaml"

# check, file, what stands there, what is put in its place.
BREAKS = [
    (lint.check, "Chart.yaml", "version: 0.1.0\n", "version: one\n"),
    (lint.check, "values.yaml", "mode: roles", "mode: everything"),
    (lint.generated, "values.yaml", "# -- Annotations.", "# -- Notes."),
    (golden.check, POD, "periodSeconds: 10", "periodSeconds: 11"),
    (schemas.check, POD, "serviceAccountName:", "serviceAcountName:"),
    (schemas.check, POD, "terminationGracePeriodSeconds: {{", "terminationGracePeriodSeconds: x{{"),
    (schemas.check, POD, 'semverCompare ">=1.30.0-0"', 'semverCompare ">=1.20.0-0"'),
    (schemas.check, "templates/routes.yaml", "parentRefs:", "parentRef:"),
    (schemas.check, "templates/monitoring.yaml", "endpoints:", "endpoint:"),
    (refusals.check, SCHEMA, '"additionalProperties": false', '"additionalProperties": true'),
    (refusals.check, SCHEMA, '"minLength": 1', '"minLength": 0'),
    (refusals.check, POD, "{{- if hasKey $seen .name -}}", "{{- if false -}}"),
    (objects.check, "templates/deployments.yaml", "if not $values.autoscaling.enabled", "if true"),
    (objects.check, "templates/poddisruptionbudgets.yaml", '(include "tidemill.isMany" $values)', "true"),
    (objects.check, POD, "{{- toYaml $env |", "{{- toYaml (append $env (first $env)) |"),
    (objects.check, POD, "{{- toYaml $env |", '{{- toYaml (append $env (dict "name" "REDIS_PASSWORD" "value" "x")) |'),
    (objects.check, POD, "automountServiceAccountToken: false", "automountServiceAccountToken: false\n  hostNetwork: 1\n  hostNetwork: 2"),
    (objects.check, POD, "enableServiceLinks: false", "enableServiceLinks: true"),
    (objects.check, POD, "livenessProbe:", "someProbe:"),
    (objects.check, POD, "grpc: {port: {{ .component.admin }}}", "grpc: {port: 7440}"),
    (objects.check, "templates/_helpers.tpl", "runAsNonRoot: true", "runAsNonRoot: false"),
    (objects.check, "templates/_helpers.tpl", "drop: [ALL]", "drop: []"),
    (objects.check, "templates/_helpers.tpl", "(default (index . 1) $image.tag)", '"latest"'),
    (objects.check, "templates/services.yaml", "targetPort: {{ $role }}", "targetPort: grpc"),
    (objects.check, "templates/services.yaml", "(list $ $name)", '(list $ "nobody")'),
    (objects.check, "templates/monitoring.yaml", "app.kubernetes.io/name: tidemill\n", "app.kubernetes.io/name: other\n"),
    (objects.check, "templates/routes.yaml", "{{ $fullname }}-{{ $role }}", "{{ $fullname }}"),
    (objects.check, VALKEY, "default (randAlphaNum 40) $old", "randAlphaNum 40"),
    (objects.check, VALKEY, "resource-policy: keep", "resource-policy: none"),
    (objects.check, POD, "{key: tls.key, path: tls.key}", "{key: tls.key, path: key}"),
    (objects.check, POD, "(int $root.Values.shutdownGraceSeconds) 15", "15"),
    (objects.check, POD, '{{ include "tidemill.toml" $root | sha256sum }}', "x"),
    (objects.check, POD, "(list $root $name) | nindent 8", '(list $root "nobody") | nindent 8'),
    (objects.check, POD, '{{ include "tidemill.serviceAccount" (list $root .name) }}', "default"),
    (rules.check, "files/alerts.yaml", "[5m])) > 0", "[5m]) > 0"),
    (rules.check, "files/dashboard.json", "sum by (outcome) (rate(", "sum by (outcome) (rate[("),
    (rules.check, "templates/monitoring.yaml", 'replace "tidemill-metrics" $job', 'replace "tidemill-metrics" "other"'),
    (program.check, "templates/_config.tpl", '"shutdown" (dict "grace"', '"shutdown" (dict "grase"'),
    (program.check, POD, 'append .component.args "--config', 'append .component.args "--confg'),
    (program.check, VALKEY, "appendfsync always", "appendfsync everysec"),
    (helm3.check, "templates/_helpers.tpl", "{{ $root.Release.Service }}", "{{ $root.Capabilities.HelmVersion.Version }}"),
    (program.check, "files/alerts.yaml", "tidemill_reconciled_total", "tidemill_mended_total"),
    (program.check, "templates/tests/enqueue.yaml", "--ca=/secrets/test-tls/ca.crt", "--ca=/secrets/tls/tls.key"),
    (program.check, EXAMPLE, "--kind=email.send", "--kind=email.sent"),
    (alerts.check, "files/alerts.yaml", "_seconds{job=\"tidemill-metrics\"}) > 900", "_seconds{job=\"tidemill-metrics\"}) > 90000"),
    (alerts.check, "files/alerts.yaml", "offset 15m) > 0", "offset 15m) > 1"),
    (alerts.check, "files/alerts.yaml", "0) > 0.7", ") > 0.7"),
    (alerts.check, "files/alerts.yaml", "for: 15m", "for: 5m"),
    (examples.check, EXAMPLE, "maxReplicaCount: 20", "maxReplicas: 20"),
    (examples.check, EXAMPLE, "tasksPerReplica", "tasksPerReplicas"),
    (examples.check, EXAMPLE, "gateway.queues:7440", "gateway.queues:7441"),
    (examples.check, EXAMPLE, "terminationGracePeriodSeconds: 75", "terminationGracePeriodSeconds: 30"),
    (examples.check, EXAMPLE, "cooldownPeriod: 120", "cooldownPeriod: 60"),
    (torn.check, "files/start-valkey.sh", '"Expected to read "', '"Expected to write "'),
    (torn.check, "files/start-valkey.sh", "got: 0d00", "got: 0000"),
    (torn.check, "files/start-valkey.sh", '*) echo "$report"', '*) echo y | valkey-check-aof --fix "$newest"'),
    (objects.check, "templates/networkpolicies.yaml", '(has "gateway" $component.serves)', "true"),
]

COMPOSE_BREAKS = [
    ("appendfsync, always", "appendfsync, everysec"),
    ("condition: service_healthy", "condition: service_started"),
    ('"127.0.0.1:7440:7440"', '"7440:7440"'),
    ("replicas: 2", "replicas: 1"),
]


def noticed(check, file, old, new):
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tidemill"
        shutil.copytree(CHART, copy)
        text = (copy / file).read_text()
        if old not in text:
            return f"{file} no longer holds {old!r}: write another break for {check.__module__}"
        (copy / file).write_text(text.replace(old, new))
        try:
            # The first problem will do.
            problem = next(check(Suite(copy)), None)
        except yaml.YAMLError as error:  # a key that stands twice
            problem = error
    return None if problem else f"{check.__module__} does not notice {new!r} in {file}"


def check(_suite):
    tools = {program.check: program.program, helm3.check: helm3.command, torn.check: torn.checker}
    missing = [check for check, tool in tools.items() if not tool()]
    for one in BREAKS:
        if one[0] in missing:
            continue
        if problem := noticed(*one):
            yield problem
    for old, new in COMPOSE_BREAKS:
        text = compose.FILE.read_text()
        if old not in text or not list(compose.check(None, text.replace(old, new))):
            yield f"compose does not notice {new!r}"
    if program.program():
        yield from health()
        yield from bill()
    # The ending of a histogram, and another spelling.
    for name, kind in (("tidemill_tasks_count", "gauge"), ("TidemillTasks", "gauge")):
        if not list(rules.metrics(f"# HELP {name} Tasks.\n# TYPE {name} {kind}\n{name} 1\n# EOF\n")):
            yield f"promtool does not mind the name {name}"


def health():
    """A health check in deploy/compose.yaml that fails, or that asks nobody."""
    file = compose.FILE
    for old, new in (("tidemill, health,", "tidemill, healthy,"), ("tidemill, health,", "tidemill, --version,")):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as broken:
            broken.write(file.read_text().replace(old, new))
            broken.flush()
            compose.FILE = Path(broken.name)
            try:
                if not any("health check" in problem for problem in program.check(Suite())):
                    yield f"program does not notice {new!r} in deploy/compose.yaml"
            finally:
                compose.FILE = file


def bill():
    """A bill of materials that lacks a crate, and one that has a crate too many."""
    if not shutil.which("cargo"):
        return
    whole = json.loads(sbom.written()[0])
    packages, linked = sbom.locked(), sbom.in_program(program.program())
    for name in ("tokio", "cfg-if"):
        less = whole | {"components": [item for item in whole["components"] if item["name"] != name]}
        if not list(sbom.wrong(less, packages, linked)):
            yield f"sbom does not notice that {name} is missing"
    more = whole | {"components": whole["components"] + [whole["components"][0] | {"name": "proptest"}]}
    if not list(sbom.wrong(more, packages, linked)):
        yield "sbom does not notice a crate of the tests"
