"""A small Prometheus in the cluster: what ServiceMonitors name is scraped through the policies, and from there only.

The release must have been installed with SCRAPED. Debian's Prometheus cannot discover pods by itself, so it is told of
them with the same labels as if it had; what the ServiceMonitors make of those is its own work.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from drills.kubernetes.kubectl import Kubectl
from helm.e2e.images import PROMETHEUS
from helm.e2e.platform import Platform
from local.failure import Failure
from monitoring.questions import empty, queries

Object = dict[str, Any]
WATCHER, STRANGER = "monitoring", "not-monitoring"
_PEER: Final = r"network.monitoring[0].namespaceSelector.matchLabels.kubernetes\.io/metadata\.name"
SCRAPED: Final = ("--set=monitoring.serviceMonitor.enabled=true", f"--set={_PEER}={WATCHER}")
SEEN_S: Final = 120.0
NAME: Final = "prometheus"
# What the operator makes of a ServiceMonitor's words.
_WORDS: Final = {"sourceLabels": "source_labels", "targetLabel": "target_label"}


def wrong(platform: Platform) -> list[str]:
    """A sentence for each endpoint that its own namespace cannot scrape, and for each that another one can."""
    kubectl, found = platform.kubectl, list[str]()
    with watching(kubectl, WATCHER) as watcher:
        seen = _until_scraped(watcher)
        found += [f"{WATCHER} cannot scrape {replica}" for replica, is_up in seen.items() if not is_up]
    with watching(kubectl, STRANGER) as stranger:
        others = _until_scraped(stranger)
        found += [f"{STRANGER} scrapes {replica}" for replica, is_up in others.items() if is_up]
    if not seen or seen.keys() != others.keys():
        found.append(f"{len(seen)} endpoints were found from {WATCHER}, {len(others)} from {STRANGER}")
    return found


def empty_panels(watcher: Kubectl) -> list[tuple[str, str]]:
    """The panel queries of a cluster that return nothing, of a Prometheus of `watching`."""
    return empty(lambda expression: [value for _, value in asked(watcher, expression)], queries("cluster"))


def asked(watcher: Kubectl, expression: str) -> list[tuple[dict[str, str], str]]:
    """Labels and value of each series."""
    words = ("promtool", "query", "instant", "--format=json", "http://localhost:9090", expression)
    found = json.loads(watcher("exec", NAME, "--", *words))
    return [(each["metric"], each["value"][1]) for each in found or ()]


@contextmanager
def watching(kubectl: Kubectl, namespace: str) -> Iterator[Kubectl]:
    """A Prometheus in a namespace of its own; that namespace."""
    own = Kubectl(namespace, kubectl.prefix)
    kubectl.run("kubectl", "create", "namespace", namespace)
    try:
        objects = {kind: kubectl.get(kind) for kind in ("servicemonitors", "endpoints", "pods")}
        text = json.dumps(configuration(**objects))
        _apply(own, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "data": {NAME: text}})
        _apply(own, _pod(kubectl.is_rig))
        own("wait", f"pod/{NAME}", "--for=condition=Ready", "--timeout=90s")
        yield own
    finally:
        kubectl.run("kubectl", "delete", "namespace", namespace, seconds=180, check=False)


def configuration(servicemonitors: list[Object], endpoints: list[Object], pods: list[Object]) -> dict[str, Any]:
    """What the operator would make of the ServiceMonitors."""
    labels = {pod["metadata"]["name"]: _meta(pod) for pod in pods}
    jobs = []
    for monitor in servicemonitors:
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        found = [each for each in endpoints if wanted <= each["metadata"].get("labels", {}).items()]
        for endpoint in monitor["spec"]["endpoints"]:
            jobs.append(
                {
                    "job_name": f"{monitor['metadata']['name']}-{endpoint['port']}",
                    "scrape_interval": "5s",
                    "scrape_timeout": "4s",
                    "static_configs": [
                        {"targets": [address], "labels": labels[pod]}
                        for each in found
                        for address, pod in _addresses(each, endpoint["port"])
                    ],
                    "relabel_configs": [
                        {_WORDS.get(word, word): said for word, said in each.items()}
                        for each in endpoint["relabelings"]
                    ],
                }
            )
    return {"scrape_configs": jobs}


def _meta(pod: Object) -> dict[str, str]:
    given = pod["metadata"].get("labels", {}).items()
    written = {re.sub(r"\W", "_", label): value for label, value in given}
    return {
        "__meta_kubernetes_pod_name": pod["metadata"]["name"],
        **{f"__meta_kubernetes_pod_label_{label}": value for label, value in written.items()},
    }


def _addresses(endpoints: Object, port: str) -> Iterator[tuple[str, str]]:
    for subset in endpoints.get("subsets", ()):
        numbers = [each["port"] for each in subset.get("ports", ()) if each.get("name") == port]
        for address in (*subset.get("addresses", ()), *subset.get("notReadyAddresses", ())):
            for number in numbers:
                yield f"{address['ip']}:{number}", address["targetRef"]["name"]


def _until_scraped(watcher: Kubectl) -> dict[str, bool]:
    """Whether each endpoint is up, when as many were looked at twice in a row and no more come."""
    deadline, before = time.monotonic() + SEEN_S, dict[str, bool]()
    while time.monotonic() < deadline:
        time.sleep(12)  # two looks and more: a new pod gets nothing through the policies at first
        rows = asked(watcher, 'up{job="nexus"}')
        seen = {f"{labels['role']} of {labels['replica']}": value == "1" for labels, value in rows}
        if seen and seen == before:
            return seen
        before = seen
    raise Failure(f"The endpoints seen from {watcher.namespace} did not settle within {SEEN_S:.0f} s: {before}.")


def _pod(is_rig: bool) -> dict[str, Any]:
    container = {
        "name": NAME,
        "image": PROMETHEUS if is_rig else "prom/prometheus:v2.53.5",
        "imagePullPolicy": "IfNotPresent",
        "command": ["prometheus"],
        "args": [f"--config.file=/etc/watching/{NAME}", "--storage.tsdb.path=/tmp/data"],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": 9090}, "periodSeconds": 1},
        "volumeMounts": [{"name": "settings", "mountPath": "/etc/watching"}],
    }
    volume = {"name": "settings", "configMap": {"name": NAME}}
    spec = {"containers": [container], "volumes": [volume]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME, "labels": {"app": NAME}}, "spec": spec}


def _apply(kubectl: Kubectl, manifest: dict[str, Any]) -> None:
    kubectl("apply", "--filename", "-", text=json.dumps(manifest))
