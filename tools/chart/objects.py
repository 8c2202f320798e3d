"""What must be true of the rendered objects and no schema knows."""

import shutil
import tempfile
import tomllib
from pathlib import Path

from suite import NAMESPACE, Suite, config_of, label, of_kind, pods

LABELS = ["name", "instance", "component", "part-of", "managed-by"]
GIVE_UP_SECONDS = 10  # after shutdown.grace the process ends by itself


def matches(selector, labels):
    return selector.items() <= labels.items()


def names(suite, case, values, objects):
    seen = set()
    for item in objects:
        kind, meta = item["kind"], item["metadata"]
        if (kind, meta["name"]) in seen:
            yield f"{label(item)} stands there twice"
        seen.add((kind, meta["name"]))
        if len(meta["name"]) > 63:
            yield f"{label(item)} has a name of more than 63 characters"
        if meta.get("namespace") != NAMESPACE and not meta["name"].endswith("-extra"):
            yield f"{label(item)} has no namespace"
        for name in LABELS if kind != "Pod" and not meta["name"].endswith("-extra") else []:
            if f"app.kubernetes.io/{name}" not in meta.get("labels", {}):
                yield f"{label(item)} lacks the label {name}"


def replicas(suite, case, values, objects):
    """An autoscaler and the chart must not both own the number of pods: server-side apply would fight over it."""
    scaled = {item["spec"]["scaleTargetRef"]["name"] for item in of_kind(objects, "HorizontalPodAutoscaler")}
    deployments = of_kind(objects, "Deployment")
    for item in deployments:
        if ("replicas" in item["spec"]) == (item["metadata"]["name"] in scaled):
            yield f"{label(item)}: replicas must be there exactly if no autoscaler owns them"
    if missing := scaled - {item["metadata"]["name"] for item in deployments}:
        yield f"autoscalers of what does not exist: {missing}"


def disruption(suite, case, values, objects):
    """A budget for a single pod blocks the drain of its node for ever."""
    budgets = {item["metadata"]["name"] for item in of_kind(objects, "PodDisruptionBudget")}
    least = {item["metadata"]["name"]: item["spec"].get("replicas") for item in of_kind(objects, "Deployment")}
    for item in of_kind(objects, "HorizontalPodAutoscaler"):
        least[item["spec"]["scaleTargetRef"]["name"]] = item["spec"]["minReplicas"]
    for name, pods_at_least in least.items():
        if (name in budgets) != (pods_at_least > 1):
            yield f"PodDisruptionBudget {name}: must be there exactly if more than one pod runs"


def environment(suite, case, values, objects):
    for owner, _, spec in pods(objects):
        for container in spec["containers"]:
            found = [entry["name"] for entry in container.get("env", [])]
            for name in {name for name in found if found.count(name) > 1}:
                yield f"{owner}: {name} is set twice"
            for entry in container.get("env", []):
                if "PASSWORD" in entry["name"] or "secretKeyRef" in entry.get("valueFrom", {}):
                    yield f"{owner}: {entry['name']} puts a secret into the environment"
        if spec.get("enableServiceLinks") is not False:
            yield f"{owner}: service links would set unknown TIDEMILL_ options"


def probes(suite, case, values, objects):
    for item in of_kind(objects, "Deployment"):
        for container in item["spec"]["template"]["spec"]["containers"]:
            [admin] = [port["containerPort"] for port in container["ports"] if port["name"] == "admin"]
            for kind, service in (("startup", "liveness"), ("liveness", "liveness"), ("readiness", None)):
                grpc = container.get(f"{kind}Probe", {}).get("grpc", {})
                if grpc.get("port") != admin or grpc.get("service") != service:
                    yield f"{label(item)}: the {kind} probe must ask {admin} for {service or 'readiness'}, not {grpc}"
    for item in of_kind(objects, "StatefulSet"):
        for container in item["spec"]["template"]["spec"]["containers"]:
            if not {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys():
                yield f"{label(item)}: a probe is missing"


def security(suite, case, values, objects):
    """The restricted profile of the Pod Security Standards, and a root file system that nobody writes to."""
    for owner, _, spec in pods(objects):
        who = spec.get("securityContext", {})
        if who.get("runAsNonRoot") is not True or not who.get("runAsUser"):
            yield f"{owner} may run as root"
        if who.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{owner} has no seccomp profile"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{owner} gets a token of the Kubernetes API"
        if any("hostPath" in volume for volume in spec.get("volumes", [])):
            yield f"{owner} mounts a path of its node"
        for container in spec["containers"]:
            may = container.get("securityContext", {})
            if may.get("allowPrivilegeEscalation") is not False or may.get("readOnlyRootFilesystem") is not True:
                yield f"{owner} may gain rights or write to its root file system"
            if may.get("capabilities", {}).get("drop") != ["ALL"]:
                yield f"{owner} keeps capabilities"
            if not container.get("resources", {}).get("requests"):
                yield f"{owner} requests no resources"


def images(suite, case, values, objects):
    wanted = values["image"]["digest"] or suite.chart.metadata["appVersion"]
    for owner, _, spec in pods(objects):
        for container in spec["containers"]:
            image = container["image"]
            if container["name"] != "valkey" and not image.endswith(wanted):
                yield f"{owner}: {image} is not of this release ({wanted})"
            if image.endswith((":", ":latest")) or ":" not in image.rsplit("/", 1)[-1]:
                yield f"{owner}: {image} names no version"


def selectors(suite, case, values, objects):
    """Who is selected exists, and has the ports that are asked for."""
    workloads = [(meta["labels"], spec) for owner, meta, spec in pods(objects) if not owner.startswith("Pod ")]
    for item in of_kind(objects, "Deployment", "StatefulSet"):
        template = item["spec"]["template"]["metadata"]["labels"]
        if not matches(item["spec"]["selector"]["matchLabels"], template):
            yield f"{label(item)} does not select its own pods"
    for item in of_kind(objects, "Service"):
        chosen = [spec for labels, spec in workloads if matches(item["spec"]["selector"], labels)]
        for port in item["spec"]["ports"]:
            for spec in chosen:
                if port["targetPort"] not in [p["name"] for c in spec["containers"] for p in c["ports"]]:
                    yield f"{label(item)}: its pods have no port {port['targetPort']}"
        if not chosen:
            yield f"{label(item)} selects nothing"
    for item in of_kind(objects, "PodDisruptionBudget", "NetworkPolicy"):
        spec = item["spec"]
        chosen = spec.get("selector", spec.get("podSelector"))["matchLabels"]
        if sum(matches(chosen, labels) for labels, _ in workloads) != 1:
            yield f"{label(item)} must select exactly one workload"
    for item in of_kind(objects, "ServiceMonitor"):
        found = [s for s in of_kind(objects, "Service") if matches(item["spec"]["selector"]["matchLabels"], s["metadata"]["labels"])]
        if len(found) != 1 or found[0]["spec"]["ports"][0]["name"] != item["spec"]["endpoints"][0]["port"]:
            yield f"{label(item)} must select exactly the Service of the admin ports"


def routes(suite, case, values, objects):
    """Each gRPC service goes to a Service and a port that exist."""
    ports = {
        (item["metadata"]["name"], port[key])
        for item in of_kind(objects, "Service")
        for port in item["spec"]["ports"]
        for key in ("name", "port")
    }
    for item in of_kind(objects, "Ingress"):
        paths = item["spec"]["rules"][0]["http"]["paths"]
        for path in paths:
            service = path["backend"]["service"]
            if (service["name"], service["port"]["name"]) not in ports:
                yield f"{label(item)}: {path['path']} goes to nobody"
        if len(paths) != 7:
            yield f"{label(item)}: {len(paths)} paths for 7 gRPC services"
    for item in of_kind(objects, "GRPCRoute"):
        for rule in item["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                if (backend["name"], backend["port"]) not in ports:
                    yield f"{label(item)}: {backend} does not exist"
        if sum(len(rule["matches"]) for rule in item["spec"]["rules"]) != 7:
            yield f"{label(item)}: not every gRPC service has a rule"


def files(suite, case, values, objects):
    """What is mounted has a volume, and the files that the configuration names are mounted."""
    for owner, _, spec in pods(objects):
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        volumes |= {claim: {} for claim in (["data"] if owner.startswith("StatefulSet") else [])}
        mounts = {mount["mountPath"]: mount["name"] for c in spec["containers"] for mount in c.get("volumeMounts", [])}
        for name in mounts.values():
            if name not in volumes:
                yield f"{owner} mounts {name}, which is no volume"
        if not owner.startswith("Deployment"):
            continue
        mounted = {
            f"{path}/{entry['path']}"
            for path, name in mounts.items()
            for entry in volumes.get(name, {}).get("secret", {}).get("items", [])
        }
        options = tomllib.loads(config_of(objects))
        for section in ("redis", "tls"):
            for key, value in options.get(section, {}).items():
                if str(value).startswith("/") and value not in mounted:
                    yield f"{owner}: {section}.{key} is {value}, which is not mounted"


def scaler(suite, case, values, objects):
    """KEDA reaches the port where the gateway answers it, and no other."""
    namespace = values["networkPolicy"]["kedaNamespace"]
    let_in = []
    for item in of_kind(objects, "NetworkPolicy"):
        for rule in item["spec"]["ingress"]:
            peers = [peer.get("namespaceSelector", {}).get("matchLabels", {}) for peer in rule.get("from", [])]
            if namespace in [labels.get("kubernetes.io/metadata.name") for labels in peers]:
                let_in += [(item["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"], p["port"]) for p in rule["ports"]]
    if values["networkPolicy"]["from"] and namespace and let_in != [("gateway", 7440)]:
        yield f"KEDA in {namespace} is let in to {let_in}"


def grace(suite, case, values, objects):
    """Kubernetes must wait for longer than the process itself does."""
    seconds = int(tomllib.loads(config_of(objects))["shutdown"]["grace"].removesuffix("s"))
    for item in of_kind(objects, "Deployment"):
        spec = item["spec"]["template"]["spec"]
        before = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if spec["terminationGracePeriodSeconds"] <= before + seconds + GIVE_UP_SECONDS:
            yield f"{label(item)}: killed before it can have ended"
        if before != values["preStopSeconds"]:
            yield f"{label(item)}: does not wait to be taken out of its Services"


def spread(suite, case, values, objects):
    for item in of_kind(objects, "Deployment"):
        rules = item["spec"]["template"]["spec"].get("topologySpreadConstraints", [])
        own = item["spec"]["selector"]["matchLabels"]
        if len(rules) != 2 or any(rule["labelSelector"]["matchLabels"] != own for rule in rules):
            yield f"{label(item)} does not spread over zones and nodes"


def accounts(suite, case, values, objects):
    made = {item["metadata"]["name"] for item in of_kind(objects, "ServiceAccount")}
    for item in of_kind(objects, "Deployment"):
        if item["spec"]["template"]["spec"].get("serviceAccountName") not in made:
            yield f"{label(item)} has no account of its own"


def rollout(suite):
    """A changed option must change the pods, or they go on with the old one."""
    changed = suite.objects({"config": {"rules": {"crash_limit": 7}}})
    before = {item["metadata"]["name"]: item for item in of_kind(suite.objects({}), "Deployment")}
    for item in of_kind(changed, "Deployment"):
        if item["spec"]["template"] == before[item["metadata"]["name"]]["spec"]["template"]:
            yield f"{label(item)} does not roll when the configuration changes"


def kept_password(suite):
    """An upgrade must find the password of the store again. `lookup` finds nothing without a cluster, so a copy of the chart is told."""
    asked = '(lookup "v1" "Secret" .Release.Namespace $name)'
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tidemill"
        shutil.copytree(suite.path, copy)
        file = copy / "templates" / "valkey.yaml"
        if asked not in file.read_text():
            yield "templates/valkey.yaml does not look for the Secret of the release before"
        file.write_text(file.read_text().replace(asked, '(dict "data" (dict "password" "b2xk"))'))
        [secret] = of_kind(Suite(copy).objects({}), "Secret")
        if secret["stringData"] != {"password": "old", "auth.conf": "requirepass old"}:
            yield "the password of the store changes with an upgrade"
    [secret] = of_kind(suite.objects({}), "Secret")
    if secret["metadata"]["annotations"].get("helm.sh/resource-policy") != "keep":
        yield "an uninstall would take the password away from the volume that stays"


RULES = [names, replicas, disruption, environment, probes, security, images, selectors, routes, files, scaler, grace, spread, accounts]


def check(suite):
    for case, values, objects in suite.each_case():
        for rule in RULES:
            for problem in rule(suite, case, values, objects):
                yield f"{case}: {problem}"
    yield from rollout(suite)
    yield from kept_password(suite)
