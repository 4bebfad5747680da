"""Every cell of the network matrix, tried from inside of the pods: what is allowed passes, all else does not."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from drills.kubernetes.kubectl import Kubectl
from helm import matrix
from helm.tests.charts import render

_TRY: Final = """
import json, socket, sys
found = {}
for name, host, port in json.load(sys.stdin):
    try:
        socket.create_connection((host, port), timeout=3).close()
        found[name] = True
    except OSError:
        found[name] = False
print(json.dumps(found))
"""
# Which image has a Python, and where.
PYTHON: Final = {"postgres": ("postgres", "python3"), "proxy": ("certificate", "python")}
API: Final = {"network": {"api": [{"ipBlock": {"cidr": "10.77.0.1/32"}}]}}


def probe(kubectl: Kubectl) -> list[str]:
    """A sentence for each cell that is not as the policies say it should be."""
    pods = _pods(kubectl)
    allowed = set(matrix.table([*render("nexus", {"trial": True}), *render("nexus-data", API)]))
    ports = matrix.listening([*render("nexus"), *render("nexus-data")])
    targets = [(role, pods[role]["status"]["podIP"], port) for role in pods for port in sorted(ports.get(role, ()))]
    targets += [("kubernetes api", "10.77.0.1", 6443)]
    senders = [role for role in pods if role != "redis"]  # its image has no program that connects to anything else
    with ThreadPoolExecutor(len(senders)) as threads:
        answers = threads.map(lambda role: _tried(kubectl, pods[role], role, targets), senders)
        seen = dict(zip(senders, answers, strict=True))
    wrong = []
    for sender in senders:
        for receiver, _, port in targets:
            if sender == receiver != "postgres":
                continue  # a pod reaches itself whatever the policies say
            wanted = (sender, receiver, port) in allowed
            if seen[sender][f"{receiver}:{port}"] != wanted:
                wrong.append(f"{sender} {'cannot reach' if wanted else 'reaches'} {receiver}:{port}")
    return wrong


def _pods(kubectl: Kubectl) -> dict[str, dict[str, Any]]:
    """One running pod of each role; of the database's the last, so that peers are others."""
    found: dict[str, dict[str, Any]] = {}
    for pod in kubectl.get("pods", "--selector", "app.kubernetes.io/part-of in (nexus,nexus-data)"):
        if pod["status"]["phase"] == "Running":
            found[pod["metadata"]["labels"]["app.kubernetes.io/component"]] = pod
    return found


def _tried(kubectl: Kubectl, pod: dict[str, Any], role: str, targets: list[tuple[str, str, int]]) -> dict[str, bool]:
    container, python = PYTHON.get(role, (role, "python"))
    asked = json.dumps([(f"{name}:{port}", host, port) for name, host, port in targets])
    words = ("exec", "--stdin", pod["metadata"]["name"], "--container", container, "--", python, "-c", _TRY)
    found: dict[str, bool] = json.loads(kubectl(*words, text=asked, seconds=120))
    return found
