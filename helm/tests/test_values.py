"""What values do, and what is said about those that cannot be."""

import itertools
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from helm.charts import Manifest
from helm.tests.charts import LEAST, defaults, merged, refusal, render

S3 = {"bucket": "a", "endpoint": "s3.example", "secretName": "keys"}
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("nexus", {"publicUrl": ""}, "publicUrl is missing: the address that users see"),
    ("nexus", {"publicUrl": "http://social.example"}, "publicUrl"),
    ("nexus", {"publicUrl": "https://social.example/path"}, "publicUrl"),
    ("nexus", {"secret": {"name": ""}}, "secret.name is missing"),
    ("nexus", {"proxy": {"certificate": {"secretName": ""}}}, "proxy.certificate is missing"),
    ("nexus", {"proxy": {"certificate": {"certManager": {"enabled": True}}}}, "issuerRef"),
    (
        "nexus",
        {"proxy": {"certificate": {"certManager": {"enabled": True, "issuerRef": {"name": "a"}}}}},
        "proxy.certificate has two sources",
    ),
    ("nexus", {"web": {"autoscaling": {"min": 5, "max": 4}}}, "web.autoscaling.min is 5 and max is 4"),
    ("nexus", {"web": {"autoscaling": {"max": 40}}}, "raise proxy.serversMax"),
    ("nexus", {"web": {"workers": 1, "threads": 3}}, "web.workers x web.threads must be 4 or more"),
    ("nexus", {"ingress": {"enabled": True}}, "set proxy.trustedProxiesInFront"),
    (
        "nexus",
        {"ingress": {"enabled": True}, "httpRoute": {"enabled": True}, "proxy": {"trustedProxiesInFront": 1}},
        "choose one",
    ),
    (
        "nexus",
        {"httpRoute": {"enabled": True}, "proxy": {"trustedProxiesInFront": 1}},
        "httpRoute.parentRefs is missing",
    ),
    ("nexus", {"redis": {"enabled": False}}, "set redis.keys.brokerUrl"),
    ("nexus", {"image": {"tag": "latest"}}, "image"),
    ("nexus", {"replicas": 3}, "replicas"),
    ("nexus", {"web": {"replica": 3}}, "replica"),
    ("nexus", {"config": {"logLevel": "loud"}}, "logLevel"),
    ("nexus", {"config": {"rateLimit": "300"}}, "rateLimit"),
    ("nexus", {"drainSeconds": "5s"}, "drainSeconds"),
    ("nexus", {"traces": {"endpoint": "http://collector:4318"}}, "traces.peers is missing"),
    ("nexus", {"traces": {"endpoint": "collector:4318"}}, "endpoint"),
    ("nexus", {"traces": {"share": 2}}, "share"),
    ("nexus", {"database": {"secretName": ""}}, "secretName"),
    ("nexus-data", {"postgres": {"replicas": 2}}, "replicas"),
    ("nexus-data", {"postgres": {"storage": {"size": "ten"}}}, "size"),
    ("nexus-data", {"redis": {"maxMemory": "much"}}, "maxMemory"),
    ("nexus-data", {"backup": {"enabled": True}}, "backup.s3 needs bucket, endpoint and secretName"),
    (
        "nexus-data",
        {"backup": {"enabled": True, "store": "volume"}, "postgres": {"enabled": False}},
        "backup.enabled needs postgres.enabled",
    ),
    ("nexus-data", {"restore": {"time": "2026-11-21 14:03:00Z"}}, "restore.time needs backup.enabled"),
    ("nexus-data", {"restore": {"time": "yesterday"}}, "time"),
    ("nexus-data", {"postgres": {"parameters": {"synchronous_commit": "off"}}}, "synchronous_commit"),
]


@pytest.mark.parametrize(("chart", "values", "sentence"), WRONG)
def test_a_wrong_value_is_refused_with_a_sentence(chart: str, values: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(chart, values)


# What must be set for a value to matter, and another value where none follows from its kind.
ASSUMED: dict[str, dict[str, Any]] = {
    "ingress.": {"ingress": {"enabled": True}, "proxy": {"trustedProxiesInFront": 1}},
    "httpRoute.": {
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}]},
        "proxy": {"trustedProxiesInFront": 1},
    },
    "monitoring.": {
        "monitoring": {each: {"enabled": True} for each in ("serviceMonitor", "prometheusRule", "dashboards")}
    },
    "traces.": {"traces": {"endpoint": "http://collector:4318", "peers": [{"podSelector": {}}]}},
    "proxy.autoscaling.": {"proxy": {"autoscaling": {"enabled": True}}},
    "live.autoscaling.": {"live": {"autoscaling": {"enabled": True}}},
    "worker.autoscaling.": {"worker": {"autoscaling": {"enabled": True}}},
    "web.replicas": {"web": {"autoscaling": {"enabled": False}}},
    "proxy.service.nodePort": {"proxy": {"service": {"type": "NodePort"}}},
    "proxy.service.externalTrafficPolicy": {"proxy": {"service": {"type": "LoadBalancer"}}},
    "backup.": {"backup": {"enabled": True, "s3": S3}},
    "backup.volume": {"backup": {"store": "volume"}},
    "restore.": {"backup": {"enabled": True, "s3": S3}},
    "proxy.certificate.certManager": {
        "proxy": {"certificate": {"secretName": "", "certManager": {"enabled": True, "issuerRef": {"name": "a"}}}}
    },
}
OTHERS: dict[str, Any] = {
    "publicUrl": "https://other.example",
    "image.digest": f"sha256:{'0' * 64}",
    "proxy.image.digest": f"sha256:{'0' * 64}",
    "redis.image.digest": f"sha256:{'0' * 64}",
    "image.pullPolicy": "Always",
    "proxy.image.pullPolicy": "Always",
    "redis.image.pullPolicy": "Always",
    "config.logLevel": "debug",
    "config.rateLimit": "1/1",
    "config.rateLimitCredentials": "1/1",
    "config.corsOrigins": ["https://app.example"],
    "proxy.service.type": "LoadBalancer",
    "proxy.service.nodePort": 30443,
    "proxy.service.externalTrafficPolicy": "Cluster",
    "proxy.service.loadBalancerSourceRanges": ["192.0.2.0/24"],
    "proxy.certificate.certManager.enabled": None,
    "proxy.certificate.certManager.issuerRef": {"name": "other"},
    "ingress.enabled": None,
    "httpRoute.enabled": None,
    "httpRoute.parentRefs": [{"name": "other"}],
    "monitoring.serviceMonitor.interval": "1m",
    "traces.endpoint": "http://other:4318",
    "traces.share": 0.5,
    "redis.enabled": None,
    "trial": None,
    "network.egress": [{"ports": [{"port": 587}]}],
    "postgres.replicas": 5,
    "redis.replicas": 5,
    "redis.maxMemory": "1gb",
    "backup.enabled": None,
    "backup.store": "volume",
    "backup.volume.size": "1Ti",
    "backup.s3.path": "/other",
    "backup.s3.uriStyle": "path",
    "backup.fullSchedule": "0 0 * * *",
    "backup.differentialSchedule": "0 0 * * *",
    "restore.time": "2026-11-21 14:03:00Z",
    "postgres.storage.size": "1Ti",
    "redis.storage.size": "1Ti",
}
FREE = {"nodeSelector": {"a": "b"}, "tolerations": [{"key": "a"}], "labels": {"a": "b"}, "podAnnotations": {"a": "b"}}
FREE |= {"annotations": {"a": "b"}, "metrics": [{"type": "Resource"}], "requests": {"cpu": "1"}, "limits": {"cpu": "1"}}
PEERS = ("peers", "clients", "monitoring", "dns", "api")


def leaves(values: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        here = f"{path}{key}"
        if isinstance(value, dict) and value and key not in FREE:
            yield from leaves(value, f"{here}.")
        else:
            yield here, value


def other(path: str, value: Any) -> Any:
    key = path.rpartition(".")[2]
    if path in OTHERS:
        return OTHERS[path]
    if key in FREE:
        return FREE[key]
    if key in PEERS:
        return [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return [4321] if "orts" in key else ["other"]
    return "other"


def nested(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    return value if isinstance(value, dict) else {}


EVERY = [(chart, path) for chart in LEAST for path, _ in leaves(defaults(chart))]


@pytest.mark.parametrize(("chart", "path"), EVERY, ids=[f"{chart}:{path}" for chart, path in EVERY])
def test_every_value_changes_something(chart: str, path: str) -> None:
    assumed: dict[str, Any] = {}
    for prefix, values in ASSUMED.items():
        if path.startswith(prefix):
            assumed = merged(assumed, values)
    changed = other(path, dict(leaves(merged(defaults(chart), assumed))).get(path))
    if changed is None:
        pytest.skip("has a test of its own")
    assert render(chart, merged(assumed, nested(path, changed))) != before(chart, json.dumps(assumed))


@cache
def before(chart: str, assumed: str) -> list[Manifest]:
    return render(chart, json.loads(assumed))


def test_a_trial_needs_nothing_but_an_address() -> None:
    values = {"trial": True, "secret": {"name": ""}, "proxy": {"certificate": {"secretName": ""}}}
    made = {each["metadata"]["name"] for each in render("nexus", values)}
    assert made - {each["metadata"]["name"] for each in render("nexus")} == {"nexus-trial"}


def test_each_half_of_the_data_can_be_switched_off() -> None:
    for half, rest in itertools.permutations(("postgres", "redis")):
        kinds = {
            each["metadata"]["labels"]["app.kubernetes.io/component"]
            for each in render("nexus-data", {half: {"enabled": False}})
        }
        assert kinds == {rest, "secret"}
