"""A small Prometheus in the cluster: what ServiceMonitors name is scraped through the policies, and from there only.

The release must have been installed with SCRAPED. Debian's Prometheus cannot discover pods by itself, so it is told of
them with the same labels as if it had; what the ServiceMonitors make of those is its own work.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from drills.kubernetes.kubectl import Kubectl
from helm.e2e.images import PROMETHEUS
from helm.e2e.platform import Platform
from local.failure import Failure
from local.state import ROOT
from monitoring.questions import empty, queries

Object = dict[str, Any]
WATCHER, STRANGER = "monitoring", "not-monitoring"
_PEER: Final = r"network.monitoring[0].namespaceSelector.matchLabels.kubernetes\.io/metadata\.name"
SCRAPED: Final = (
    "--set=monitoring.serviceMonitor.enabled=true",
    "--set=monitoring.prometheusRule.enabled=true",
    f"--set={_PEER}={WATCHER}",
)
SEEN_S, USED_S = 120.0, 240.0
NAME, FOLDER = "prometheus", "/etc/watching"
# What every pod is given to talk to the API server with.
TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
# Of kube-state-metrics, which no chart of ours brings.
_SOMEBODY_ELSES: Final = re.compile(r"\bkube_")
# All but the heartbeat and what judges speed, which a machine that carries three nodes cannot promise.
_ALERTS: Final = 'ALERTS{alertname!="NexusWatchdog", kind!~"latency|freshness"}'
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


def panels(platform: Platform) -> tuple[int, list[str]]:
    """How many queries of panels were asked while people did everything, and a sentence for each without an answer.

    And one for each alert that begins: nothing is wrong here, and nobody waits until it would be told.
    """
    ours = [each for each in queries("cluster") if not _SOMEBODY_ELSES.search(each[1])]
    cluster, left = platform.cluster(), ours
    words = (*cluster.client, sys.executable, "-m", "monitoring.used", cluster.url, str(cluster.ca), str(USED_S))
    path = os.pathsep.join(str(folder) for folder in (ROOT, ROOT / "app"))
    with watching(platform.kubectl, WATCHER) as watcher:
        with subprocess.Popen(words, env={**os.environ, "PYTHONPATH": path}) as people:
            while left and people.poll() is None:
                time.sleep(5)
                left = empty(lambda expression: [value for _, value in asked(watcher, expression)], left)
            if people.poll():
                raise Failure(f"Nobody could use it: monitoring.used ended with status {people.returncode}.")
            people.terminate()
        alerts = [labels for labels, _ in asked(watcher, _ALERTS)]
    found = [f"{title} has no data: {expression}" for title, expression in left]
    return len(ours), found + [f"{labels['alertname']} begins, and nothing is wrong: {labels}" for labels in alerts]


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
        account = f"--serviceaccount={namespace}:default"
        own("create", "clusterrolebinding", namespace, "--clusterrole=system:kubelet-api-admin", account)
        objects = {kind: kubectl.get(kind) for kind in ("servicemonitors", "endpoints", "pods")}
        settings = configuration(**objects)
        settings["scrape_configs"] += [_kubelet(each["metadata"]["name"]) for each in kubectl.get("nodes")]
        settings |= {"rule_files": [f"{FOLDER}/rules"], "global": {"evaluation_interval": "5s"}}
        groups = [group for each in kubectl.get("prometheusrules") for group in each["spec"]["groups"]]
        data = {NAME: json.dumps(settings), "rules": json.dumps({"groups": groups})}
        _create(own, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "data": data})
        _create(own, _pod(kubectl.is_rig))
        own("wait", f"pod/{NAME}", "--for=condition=Ready", "--timeout=90s")
        yield own
    finally:
        own("delete", "clusterrolebinding", namespace, check=False)
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


def _kubelet(node: str) -> dict[str, Any]:
    """By way of the API server."""
    return {
        "job_name": f"kubelet-{node}",
        "scrape_interval": "10s",
        "scheme": "https",
        "metrics_path": f"/api/v1/nodes/{node}/proxy/metrics",
        "authorization": {"credentials_file": f"{TOKEN}/token"},
        "tls_config": {"ca_file": f"{TOKEN}/ca.crt"},
        "static_configs": [{"targets": ["kubernetes.default.svc"]}],
    }


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
        "args": [f"--config.file={FOLDER}/{NAME}", "--storage.tsdb.path=/tmp/data"],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": 9090}, "periodSeconds": 1},
        "volumeMounts": [{"name": "settings", "mountPath": FOLDER}],
    }
    volume = {"name": "settings", "configMap": {"name": NAME}}
    spec = {"containers": [container], "volumes": [volume]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME, "labels": {"app": NAME}}, "spec": spec}


def _create(kubectl: Kubectl, manifest: dict[str, Any]) -> None:
    kubectl("create", "--filename", "-", text=json.dumps(manifest))
