"""Nexus in Kubernetes as a drill sees it: the database nodes are pods, the door is a service."""

import base64
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from drills.kubernetes.faults import KubernetesFaults
from drills.kubernetes.kubectl import Conversation, Kubectl, found
from local.failure import Failure

POSTGRES: Final = "app.kubernetes.io/part-of=nexus-data,app.kubernetes.io/component=postgres"
EVERYTHING: Final = "app.kubernetes.io/part-of in (nexus,nexus-data)"
POLL_S: Final = 0.5
ANSWER_S: Final = 5.0
# Asked inside of a pod, so that no policy of the network is in the way.
_ASK: Final = """
import json, os, psycopg2, sys
statement, parameters = json.load(sys.stdin)
connection = psycopg2.connect(host="localhost", user="postgres", password=os.environ["PATRONI_SUPERUSER_PASSWORD"],
    dbname=os.environ["DATABASE"], sslmode="require", connect_timeout=3, options="-c statement_timeout=15s")
connection.autocommit = True
with connection.cursor() as cursor:
    cursor.execute(statement, parameters or None)
    print(json.dumps(cursor.fetchall() if cursor.description else [], default=str))
"""
_MEMBERS: Final = """
import urllib.request
print(urllib.request.urlopen("http://localhost:8008/cluster", timeout=2).read().decode())
"""
_IS_WRITABLE: Final = """
while read -r _; do PGCONNECT_TIMEOUT=3 psql -h /tmp -U postgres -d "$DATABASE" -XAtc "$0" 2>&1 | head -n 1; done
"""
_WRITABLE: Final = """
SELECT NOT pg_is_in_recovery() AND (
  current_setting('synchronous_standby_names') = ''
  OR EXISTS (SELECT 1 FROM pg_stat_replication
             WHERE sync_state IN ('sync', 'quorum') AND reply_time > clock_timestamp() - interval '3 seconds'))
"""


def reached(folder: Path) -> "KubernetesCluster":
    """The platform in the cluster that runs; raises Failure when there is none. The folder gets whom clients trust."""
    kubectl = found()
    (proxy,) = kubectl.get("deployment", "nexus-proxy")
    volumes = {each["name"]: each for each in proxy["spec"]["template"]["spec"]["volumes"]}
    (secret,) = kubectl.get("secret", volumes["tls"]["secret"]["secretName"])
    trusted = secret["data"].get("ca.crt") or secret["data"]["tls.crt"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ca.pem").write_bytes(base64.b64decode(trusted))
    return KubernetesCluster(kubectl, door(kubectl), folder / "ca.pem")


def door(kubectl: Kubectl) -> str:
    """Where clients arrive: the load balancer's address, or a node's with its port."""
    (service,) = kubectl.get("service", "nexus-proxy")
    if balancers := service["status"].get("loadBalancer", {}).get("ingress"):
        return f"https://{balancers[0]['ip']}:{service['spec']['ports'][0]['port']}"
    if port := service["spec"]["ports"][0].get("nodePort"):
        addresses = kubectl.get("nodes")[0]["status"]["addresses"]
        return f"https://{next(each['address'] for each in addresses if each['type'] == 'InternalIP')}:{port}"
    raise Failure("The service nexus-proxy can be reached from inside of the cluster only: set proxy.service.type.")


class KubernetesCluster:
    """What drills.cluster.Cluster asks for."""

    is_reduced = False

    def __init__(self, kubectl: Kubectl, url: str, ca: Path) -> None:
        self.kubectl, self.url, self.ca = kubectl, url, ca
        self.faults = KubernetesFaults(self)
        self._conversations: dict[str, Conversation] = {}

    @property
    def client(self) -> Sequence[str]:
        """The prefix of a command that runs where the clients are."""
        return self.kubectl.prefix

    @cached_property
    def versions(self) -> dict[str, str]:
        """Of the cluster and of each image."""
        server = json.loads(self.kubectl("version", "--output", "json"))["serverVersion"]["gitVersion"]
        pods = self.kubectl.get("pods", "--selector", EVERYTHING)
        images = {each["image"] for pod in pods for each in pod["spec"]["containers"]}
        return {"kubernetes": server, "images": ", ".join(sorted(images))}

    def pods(self, selector: str) -> list[dict[str, Any]]:
        """Those that are not about to go, by name."""
        found = self.kubectl.get("pods", "--selector", selector)
        alive = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
        return sorted(alive, key=lambda pod: str(pod["metadata"]["name"]))

    def members(self) -> list[dict[str, Any]]:
        """What Patroni says of its cluster, from any pod that answers."""
        for pod in self.pods(POSTGRES):
            text = self._in_pod(pod["metadata"]["name"], "python3", "-c", _MEMBERS, check=False)
            if text.strip().startswith("{"):
                return list(json.loads(text)["members"])
        return []

    def primary(self) -> str:
        """The pod whose Postgres takes writes."""
        leaders = [each["name"] for each in self.members() if each["role"] == "leader"]
        if not leaders:
            raise Failure("There is no primary at this moment.")
        return str(leaders[0])

    def standbys(self) -> list[str]:
        """The others."""
        primary = self.primary()
        return [name for pod in self.pods(POSTGRES) if (name := str(pod["metadata"]["name"])) != primary]

    def sql(self, node: str, statement: str, *parameters: object, seconds: float = 20.0) -> list[tuple[Any, ...]]:
        """One statement on a pod's own Postgres. Values come back as JSON has them."""
        asked = json.dumps([statement, parameters], default=list)
        text = self._in_pod(node, "/opt/patroni/bin/python", "-c", _ASK, text=asked, seconds=seconds)
        return [tuple(row) for row in json.loads(text)]

    def writable_primaries(self) -> list[str]:
        """The pods whose Postgres takes writes that count; more than one is a split brain."""

        def is_writable(name: str) -> bool:
            if name not in self._conversations:
                words = ("--container", "postgres", "--", "sh", "-c", _IS_WRITABLE, _WRITABLE)
                self._conversations[name] = Conversation(self.kubectl, name, *words)
            answer = self._conversations[name].ask("?", ANSWER_S)
            if answer is None:  # who does not answer takes no writes from us
                self._conversations.pop(name).end()
            return answer == "t"

        # Those that are about to go too: they may take writes until they are gone.
        names = [str(pod["metadata"]["name"]) for pod in self.kubectl.get("pods", "--selector", POSTGRES)]
        with ThreadPoolExecutor(max(1, len(names))) as threads:
            return [name for name, yes in zip(names, threads.map(is_writable, names), strict=True) if yes]

    def wait_until_healthy(self, seconds: float = 180.0) -> float:
        """Until every pod is ready and Patroni has a leader and standbys in step; how long that took."""
        begun = time.monotonic()
        while missing := self._missing():
            if time.monotonic() - begun > seconds:
                raise Failure(f"Not so within {seconds:.0f} s: {missing}.")
            time.sleep(POLL_S)
        return time.monotonic() - begun

    def has_all_replicas(self) -> bool:
        """Whether as many replicas of each role are ready as there should be, wherever they are."""
        deployments = self.kubectl.get("deployments", "--selector", EVERYTHING)
        return all(each["status"].get("readyReplicas", 0) >= each["spec"].get("replicas", 1) for each in deployments)

    def log_lines(self, since: float) -> list[tuple[float, str, str]]:
        """Wall-clock time, pod, line: of PostgreSQL and of the proxies, which tell where a pause came from."""
        lines = []
        ago = f"{max(1, int(time.time() - since))}s"
        for pod in self.pods("app.kubernetes.io/component in (postgres, proxy, redis)"):
            name = str(pod["metadata"]["name"])
            words = ("logs", name, "--all-containers", "--timestamps", f"--since={ago}", "--tail=2000")
            for line in self.kubectl(*words, check=False).splitlines():
                stamp, _, text = line.partition(" ")
                if at := _seconds(stamp):
                    lines.append((at, name, text))
        return sorted(lines)

    def _missing(self) -> str:
        for pod in self.kubectl.get("pods", "--selector", EVERYTHING):
            if any(owner["kind"] == "Job" for owner in pod["metadata"].get("ownerReferences", ())):
                continue  # one that ends, well or not, is not what serves
            conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", ())}
            if conditions.get("Ready") != "True":
                return f"{pod['metadata']['name']} is ready"
        if not self.has_all_replicas():
            return "every deployment has all its replicas"
        members = self.members()
        standbys = [each for each in members if each["role"] == "quorum_standby" and each["state"] == "streaming"]
        if len(standbys) != len(self.pods(POSTGRES)) - 1:
            return "Patroni has a leader and all standbys in step"
        return ""

    def _in_pod(self, pod: str, *words: str, **options: Any) -> str:
        seconds = options.pop("seconds", 20.0)
        stdin = ("--stdin",) if "text" in options else ()
        return self.kubectl("exec", *stdin, pod, "--container", "postgres", "--", *words, seconds=seconds, **options)


def _seconds(stamp: str) -> float | None:
    try:
        return datetime.fromisoformat(stamp[:26].rstrip("Z") + "Z").timestamp()
    except ValueError:
        return None
