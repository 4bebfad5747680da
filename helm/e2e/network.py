"""Every cell of the network matrix, tried from inside of the pods: what is allowed passes, all else does not."""

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, Final, Self

from drills.kubernetes.kubectl import Kubectl
from helm import matrix
from helm.tests.charts import render
from local.failure import Failure

API: Final = {"network": {"api": [{"ipBlock": {"cidr": "10.77.0.1/32"}}]}}
# On the rig: an address of the cluster's control network that no policy names.
INTERNET, INTERNET_PORTS = "203.0.113.8", (443, 587)
ELSEWHERE: Final = "elsewhere"
STRANGER_PORT: Final = 8000
# Every image has a bash, and some have nothing else that connects. Prints the numbers of those that could be reached.
_TRY: Final = """
while read -r number host port; do
  (timeout 4 bash -c ": < /dev/tcp/$host/$port" 2> /dev/null < /dev/null && echo "$number") &
done
wait
"""
_LISTEN: Final = """
import socket, sys, time
sockets = [socket.create_server((sys.argv[1], int(port)), backlog=64) for port in sys.argv[2:]]
print("ready", flush=True)
time.sleep(3600)
"""
_OPEN: Final = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "open-to-everything"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]},
}
Cell = tuple[str, str, int]


class Probe:
    """What the pods of both releases, and a stranger in another namespace, can reach."""

    def __init__(self, kubectl: Kubectl, image: str) -> None:
        self._kubectl, self._elsewhere, self._image = kubectl, Kubectl(ELSEWHERE, kubectl.prefix), image
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._stranger = stack.enter_context(self._a_stranger())
            if self._kubectl.is_rig:
                stack.enter_context(self._an_internet())
            self._opened = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def wrong(self) -> tuple[int, list[str]]:
        """How many cells were tried, and a sentence for each that is not as the policies say."""
        manifests = [*render("nexus", {"trial": True}), *render("nexus-data", API)]
        return self._compared(set(matrix.table(manifests)))

    def closed_without_policies(self) -> tuple[int, list[str]]:
        """The control: the same with everything allowed. What is refused now was not refused by a policy."""
        self._kubectl("apply", "--filename", "-", text=json.dumps(_OPEN))
        try:
            return self._compared(None)
        finally:
            self._kubectl("delete", "networkpolicy", "open-to-everything")

    def _compared(self, allowed: set[Cell] | None) -> tuple[int, list[str]]:
        pods = self._pods()
        ports = matrix.listening([*render("nexus"), *render("nexus-data")])
        targets = [(role, of[-1]["status"]["podIP"], port) for role, of in pods.items() for port in ports.get(role, ())]
        targets += [("another namespace", self._stranger, STRANGER_PORT)]
        if self._kubectl.is_rig:
            targets += [("kubernetes api", "10.77.0.1", 6443)]
            targets += [("internet", INTERNET, port) for port in INTERNET_PORTS]
        senders = [*pods, "another namespace"]
        with ThreadPoolExecutor(len(senders)) as threads:
            reached = list(threads.map(lambda sender: self._reached(sender, pods, targets), senders))
        tried, wrong = 0, []
        for sender, found in zip(senders, reached, strict=True):
            for receiver, _, port in targets:
                if sender == receiver and len(pods.get(sender, ())) < 2:
                    continue  # a pod reaches itself whatever the policies say
                if sender not in pods and receiver not in pods:
                    continue  # nobody of ours
                tried += 1
                wanted = allowed is None or (sender, receiver, port) in allowed
                if ((receiver, port) in found) != wanted:
                    wrong.append(f"{sender} {'cannot reach' if wanted else 'reaches'} {receiver}:{port}")
        return tried, wrong

    def _pods(self) -> dict[str, list[dict[str, Any]]]:
        """Those of each role that run: the first one tries, the last one is tried."""
        found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for pod in self._kubectl.get("pods", "--selector", "app.kubernetes.io/part-of in (nexus,nexus-data)"):
            if pod["status"]["phase"] == "Running":
                found[pod["metadata"]["labels"]["app.kubernetes.io/component"]].append(pod)
        return dict(found)

    def _reached(
        self, sender: str, pods: dict[str, list[dict[str, Any]]], targets: list[tuple[str, str, int]]
    ) -> set[tuple[str, int]]:
        kubectl, pod = self._elsewhere, "stranger"
        if sender in pods:
            kubectl, pod = self._kubectl, pods[sender][0]["metadata"]["name"]
        container = sender if sender in pods else pod
        lines = "".join(f"{number} {host} {port}\n" for number, (_, host, port) in enumerate(targets))
        words = ("exec", "--stdin", pod, "--container", container, "--", "bash", "-c", _TRY)
        numbers = map(int, kubectl(*words, text=lines, seconds=60).split())
        return {(targets[number][0], targets[number][2]) for number in numbers}

    @contextmanager
    def _a_stranger(self) -> Iterator[str]:
        """A pod of another namespace, which listens; its address."""
        container = {"name": "stranger", "image": self._image, "imagePullPolicy": "IfNotPresent"}
        spec = {"containers": [container | {"command": ["python", "-c", _LISTEN, "0.0.0.0", str(STRANGER_PORT)]}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stranger", "labels": {"app": "other"}}}
        self._kubectl.run("kubectl", "create", "namespace", ELSEWHERE)
        try:
            self._elsewhere("apply", "--filename", "-", text=json.dumps(pod | {"spec": spec}))
            self._elsewhere("wait", "pod/stranger", "--for=condition=Ready", "--timeout=90s")
            yield str(self._elsewhere.get("pod", "stranger")[0]["status"]["podIP"])
        finally:
            self._kubectl.run("kubectl", "delete", "namespace", ELSEWHERE, seconds=180)

    @contextmanager
    def _an_internet(self) -> Iterator[None]:
        """Somebody at an address that belongs to nobody here: every node's way out leads to the control network."""
        words = (sys.executable, "-c", _LISTEN, INTERNET, *map(str, INTERNET_PORTS))
        self._kubectl.run("ip", "address", "replace", f"{INTERNET}/32", "dev", "lo")
        words = (*self._kubectl.prefix, *words)
        listener = subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True)
        try:
            if listener.stdout is None or listener.stdout.readline() != b"ready\n":
                raise Failure(f"Nothing could listen on {INTERNET} in the control network.")
            yield
        finally:
            os.killpg(listener.pid, signal.SIGTERM)  # the command that brings it there, too
            listener.wait()
            self._kubectl.run("ip", "address", "delete", f"{INTERNET}/32", "dev", "lo", check=False)
