"""What takes longer than the core: nodes drained, web that grows and shrinks, databases of somebody else, a restore."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from drills.kubernetes.cluster import KubernetesCluster
from drills.kubernetes.kubectl import Kubectl
from drills.run import Run
from drills.scenario import Load, Promise, Scenario

GROWN_S: Final = 180.0
# cpuPercent of the small request: a few readers are enough.
SCALING: Final = (
    "--set=web.autoscaling.enabled=true",
    "--set=web.autoscaling.min=2",
    "--set=web.autoscaling.max=4",
    "--set=web.autoscaling.cpuPercent=60",
)
_READ: Final = """
import http.client, ssl, sys, threading, time
host, port, ca, until = sys.argv[1], int(sys.argv[2]), sys.argv[3], time.monotonic() + float(sys.argv[4])
def read():
    while time.monotonic() < until:
        connection = http.client.HTTPSConnection(host, port, context=ssl.create_default_context(cafile=ca), timeout=20)
        for _ in range(50):
            connection.request("GET", "/api/v1/timelines/public")
            connection.getresponse().read()
            if time.monotonic() > until: break
        connection.close()
threads = [threading.Thread(target=read) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
"""


def drained(kubectl: Kubectl) -> Scenario:
    """Every node in turn, as before maintenance."""

    def act(run: Run) -> None:
        for node in sorted(each["metadata"]["name"] for each in kubectl.get("nodes")):
            with run.when(f"kubectl drain {node}"):
                kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s", seconds=260)
            run.until_writes_flow()
            with run.mended(f"{node} takes pods again"):
                kubectl("uncordon", node)
                run.cluster.wait_until_healthy(240)
        run.goes_on(3)

    sentences = (
        "Given a release on three nodes, and steady load by clients that never send a call again",
        "When each node in turn is drained as before maintenance, and comes back",
        "Then no read and no keyed write fails",
    )
    return Scenario("nodes-drained", 3, sentences, act, Promise(), load=Load(retries=False))


def autoscaled(cluster: KubernetesCluster) -> Scenario:
    """Web grows under load and shrinks after it."""
    kubectl = cluster.kubectl

    def replicas() -> int:
        (web,) = kubectl.get("deployment", "nexus-web")
        return int(web["status"].get("readyReplicas", 0))

    def act(run: Run) -> None:
        least = replicas()
        with run.when("many readers come"), _readers(cluster, GROWN_S):
            grew = run.until(lambda: replicas() > least, GROWN_S)
            run.notes["replicas"] = f"{least}, under load {replicas()}"
        run.then(grew, f"web did not grow within {GROWN_S:.0f} s")
        with run.when("they go"):
            shrank = run.until(lambda: replicas() == least, 2 * GROWN_S)
        run.then(shrank, f"web did not shrink to {least} again")

    sentences = (
        "Given a release with an autoscaler, and steady load by clients that never send a call again",
        "When many readers come, and go",
        "Then web grows and shrinks, and no read and no keyed write fails",
    )
    return Scenario("web-autoscaled", 3, sentences, act, Promise(), load=Load(retries=False))


@contextmanager
def _readers(cluster: KubernetesCluster, seconds: float) -> Iterator[None]:
    host, _, port = cluster.url.removeprefix("https://").partition(":")
    words = (*cluster.client, sys.executable, "-c", _READ, host, port, str(cluster.ca), str(seconds))
    process = subprocess.Popen(words)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def cost(kubectl: Kubectl) -> str:
    """What the platform takes when nothing happens: pods, requests, and what metrics-server saw."""
    pods = kubectl.get("pods")
    asked = [each["resources"].get("requests", {}) for pod in pods for each in pod["spec"]["containers"]]
    cpu = sum(_milli(each.get("cpu", "0")) for each in asked)
    memory = sum(_mebi(each.get("memory", "0")) for each in asked)
    text = kubectl("get", "--raw", f"/apis/metrics.k8s.io/v1beta1/namespaces/{kubectl.namespace}/pods", check=False)
    used = [each["usage"] for pod in json.loads(text or '{"items": []}')["items"] for each in pod["containers"]]
    used_cpu = sum(_milli(each["cpu"]) for each in used)
    used_memory = sum(_mebi(each["memory"]) for each in used)
    return (
        f"{len(pods)} pods; requested {cpu:.0f} m CPU and {memory:.0f} Mi;"
        f" used when idle {used_cpu:.0f} m and {used_memory:.0f} Mi"
    )


def _milli(text: str) -> float:
    for suffix, factor in (("n", 1e-6), ("u", 1e-3), ("m", 1.0)):
        if text.endswith(suffix):
            return float(text[:-1]) * factor
    return float(text) * 1000


def _mebi(text: str) -> float:
    for suffix, factor in (("Ki", 1 / 1024), ("Mi", 1.0), ("Gi", 1024.0)):
        if text.endswith(suffix):
            return float(text[:-2]) * factor
    return float(text) / 1024**2
