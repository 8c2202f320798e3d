"""Wrong values. Each must be refused before anything is installed, with a message that names the key."""

import helm_python

# What somebody sets, what the message must say.
WRONG = {
    "an unknown key": ({"gatway": {"replicas": 3}}, "gatway"),
    "an unknown key further down": ({"gateway": {"replica": 3}}, "replica"),
    "a word where a number belongs": ({"gateway": {"replicas": "three"}}, "gateway/replicas"),
    "a number below the least": ({"worker": {"autoscaling": {"minReplicas": 0}}}, "worker/autoscaling/minReplicas"),
    "a mode that does not exist": ({"mode": "all"}, "mode"),
    "no Redis URL": ({"redis": {"url": "redis.example:6379"}}, "redis/url"),
    "a password in the URL": ({"redis": {"url": "redis://user:secret@redis.example:6379"}}, "redis/url"),
    "an unknown option": ({"config": {"limits": {"max_payloads": "1MiB"}}}, "max_payloads"),
    "an option of the wrong type": ({"config": {"rules": {"crash_limit": "3"}}}, "config/rules/crash_limit"),
    "a duration without a unit": ({"config": {"rules": {"lease_ttl": "30"}}}, "config/rules/lease_ttl"),
    "an option that the chart sets": ({"config": {"redis": {"url": "redis://a"}}}, "config/redis"),
    "an Ingress without a host": ({"ingress": {"enabled": True}}, "ingress/host"),
    "a route without a Gateway": ({"grpcRoute": {"enabled": True}}, "grpcRoute/parentRefs"),
    "client certificates without TLS": ({"tls": {"requireClientCertificate": True}}, "tls/existingSecret"),
    "a label that selectors depend on": ({"commonLabels": {"app.kubernetes.io/name": "x"}}, "app.kubernetes.io/name"),
    "a digest that is none": ({"image": {"digest": "latest"}}, "image/digest"),
    "memory in a unit that Valkey does not know": ({"valkey": {"maxmemory": "512Mi"}}, "valkey/maxmemory"),
    "resources of an unknown kind": ({"gateway": {"resources": {"limit": {}}}}, "limit"),
    "a headless Service with a load balancer": (
        {"worker": {"service": {"headless": True, "type": "LoadBalancer"}}},
        "worker/service/type",
    ),
    "more pods at least than at most": (
        {"gateway": {"autoscaling": {"enabled": True, "minReplicas": 20}}},
        "gateway.autoscaling.minReplicas",
    ),
    "an autoscaler without a metric": (
        {"results": {"autoscaling": {"enabled": True, "targetCPU": 0}}},
        "results.autoscaling needs targetCPU or metrics",
    ),
    "a variable twice": (
        {"gateway": {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}},
        "gateway.env: A",
    ),
    "a variable that the chart sets": (
        {"worker": {"env": [{"name": "TIDEMILL_WORKER_LISTEN", "value": "x"}]}},
        "worker.env: TIDEMILL_WORKER_LISTEN",
    ),
    "built-in kinds beside the chart's own": (
        {"config": {"worker": {"builtin_kinds": ["sleep"]}}},
        "config.worker.builtin_kinds",
    ),
}


def check(suite):
    for what, (values, named) in WRONG.items():
        try:
            suite.text(values)
        except helm_python.HelmError as error:
            # Helm writes a path as /a/b or as a.b, by its version.
            if named not in str(error) and named.replace("/", ".") not in str(error):
                yield f"{what}: the message does not name {named}: {error}"
        else:
            yield f"{what}: {values} was taken"
