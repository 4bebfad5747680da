"""The faults of a Kubernetes cluster: pods killed or frozen, nodes without power, a frozen control plane."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from drills.lab.options import NotPossible

if TYPE_CHECKING:
    from drills.kubernetes.cluster import KubernetesCluster

# The hosts of the laboratory's scenarios, as the first and second replica of each role.
HOSTS: Final = {"app1": 0, "app2": 1, "lb1": 0, "lb2": 1}
SWITCHOVER: Final = """
import json, sys, urllib.request
body, kind = json.dumps({"leader": sys.argv[1]}).encode(), {"Content-Type": "application/json"}
asked = urllib.request.Request("http://localhost:8008/switchover", body, kind)
print(urllib.request.urlopen(asked, timeout=60).read().decode())
"""
KILL_POSTMASTER: Final = ("sh", "-c", "kill -9 $(head -n 1 /var/lib/postgresql/data/postmaster.pid)")
KILL_WORKER: Final = """
import os, signal
def parent(pid): return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1]
os.kill(max(int(each) for each in os.listdir("/proc") if each.isdigit() and parent(each) == "1"), signal.SIGKILL)
"""
# The node's end of the cable that leads to a process's network.
INTERFACE: Final = r"""
number=$(nsenter --net --target "$0" ip -oneline link show eth0 | sed "s/.*@if\([0-9]*\):.*/\1/")
ip -oneline link | sed -n "s/^$number: \([^@:]*\).*/\1/p"
"""
READY_S: Final = 180.0


class KubernetesFaults:
    """What is not here cannot be broken in a cluster that is not our own; it says so."""

    def __init__(self, cluster: "KubernetesCluster") -> None:
        self._cluster = cluster
        self._frozen: dict[str, tuple[str, str]] = {}  # what: node, container
        self._silent: dict[str, tuple[str, str]] = {}  # pod: node, its interface there
        self._lost: set[str] = set()
        self._cut: set[tuple[str, str]] = set()
        self._paused_control_plane = False

    def kill(self, name: str) -> None:
        """kill -9 of the container: web@app1, redis@POD; of postgres@POD only the postmaster, and Patroni lives."""
        if name.startswith("postgres@"):
            self._cluster.kubectl("exec", name.partition("@")[2], "--container", "postgres", "--", *KILL_POSTMASTER)
            return
        node, container = self._container(name)
        self._cluster.kubectl.on_node(node, "crictl", "stop", "--timeout", "0", container)

    def stop(self, name: str) -> None:
        """The container is frozen: it neither answers nor says that it does not."""
        node, container = self._container(name)
        self._frozen[name] = (node, container)
        self._cluster.kubectl.on_node(node, "ctr", "--namespace", "k8s.io", "tasks", "pause", container)

    def cont(self, name: str) -> None:
        """It goes on after `stop`."""
        if name in self._frozen:
            node, container = self._frozen.pop(name)
            self._cluster.kubectl.on_node(
                node, "ctr", "--namespace", "k8s.io", "tasks", "resume", container, check=False
            )

    def lose_node(self, node: str) -> None:
        """A pod's network goes silent, then its Postgres is killed: nobody is told, no RST is sent."""
        host, container = self._container(f"postgres@{node}")
        words = ("crictl", "inspect", "--output", "go-template", "--template", "{{.info.pid}}", container)
        pid = self._cluster.kubectl.on_node(host, *words).strip()
        interface = self._cluster.kubectl.on_node(host, "sh", "-c", INTERFACE, pid).strip()
        self._cluster.kubectl.on_node(host, "ip", "link", "set", "dev", interface, "down")
        self._silent[node] = host, interface
        self._cluster.kubectl.on_node(host, "crictl", "stop", "--timeout", "0", container)

    def restore_node(self, node: str) -> None:
        """Its network is there again."""
        if node in self._silent:
            host, interface = self._silent.pop(node)
            self._cluster.kubectl.on_node(host, "ip", "link", "set", "dev", interface, "up")

    def lose_machine(self, name: str) -> None:
        """Power loss of the node that runs a pod, or web@app1 and the like, with all else that runs there."""
        pod = name if "@" not in name else self._replica(name)["metadata"]["name"]
        host = self._host(pod)
        self._lost.add(host)
        self._cluster.kubectl.fault("kill", host)

    def restore_machines(self) -> None:
        """Every one that was lost boots again, from its disk."""
        for host in sorted(self._lost):
            self._cluster.kubectl.fault("start", host)
        self._lost.clear()

    def cut(self, node: str, others: Sequence[str], *, incoming_only: bool = False) -> None:
        """Packets between the nodes of these pods vanish, and so those of whoever else is there."""
        if incoming_only:
            raise NotPossible("A network that is cut in one direction only cannot be had in a Kubernetes cluster.")
        host = self._host(node)
        for other in sorted({self._host(each) for each in others} - {host}):
            self._cut.add((host, other))
            self._cluster.kubectl.fault("cut", host, other)

    def heal(self) -> None:
        """Mends everything that is broken."""
        self.start_consensus()
        for pair in sorted(self._cut):
            self._cluster.kubectl.fault("heal", *pair)
        self._cut.clear()
        for name in list(self._frozen):
            self.cont(name)
        for pod in list(self._silent):
            self.restore_node(pod)
        self.restore_machines()

    def kill_role(self, name: str) -> None:
        """kill -9 of a whole replica; the kubelet starts it again."""
        self.kill(name)

    def kill_web_worker(self, host: str) -> None:
        """kill -9 of one of the worker processes of a web replica."""
        pod = self._replica(f"web@{host}")["metadata"]["name"]
        self._cluster.kubectl("exec", pod, "--", "python", "-c", KILL_WORKER)

    def silence_role(self, name: str) -> None:
        """A whole replica is frozen; `restart_role` ends it."""
        self.stop(name)

    def drain_role(self, name: str) -> None:
        """Ends a replica as a deploy does."""
        self._cluster.kubectl("delete", "pod", self._replica(name)["metadata"]["name"], "--wait=false")

    def restart_role(self, name: str) -> None:
        """Waits until every replica of the role serves again."""
        if name in self._frozen:
            node, container = self._frozen.pop(name)
            self._cluster.kubectl.on_node(node, "ctr", "--namespace", "k8s.io", "tasks", "resume", container)
        role = name.partition("@")[0]
        self._cluster.kubectl(
            "rollout", "status", f"deployment/nexus-{role}", f"--timeout={READY_S:.0f}s", seconds=READY_S + 10
        )

    def reload_proxy(self) -> None:
        """Every proxy is replaced, one after the other."""
        self._cluster.kubectl("rollout", "restart", "deployment/nexus-proxy")
        self.restart_role("proxy@lb1")

    def kill_proxy(self) -> None:
        """kill -9 of one proxy."""
        self.kill("proxy@lb1")

    def switchover(self) -> None:
        """A planned switchover to a standby."""
        primary = self._cluster.primary()
        self._cluster.kubectl(
            "exec", primary, "--container", "postgres", "--", "python3", "-c", SWITCHOVER, primary, seconds=90
        )

    def stop_consensus(self) -> None:
        """The control plane is frozen, etcd included: the Kubernetes API hangs."""
        self._cluster.kubectl.fault("pause", "ctl")
        self._paused_control_plane = True

    def start_consensus(self) -> None:
        """It goes on."""
        if self._paused_control_plane:
            self._cluster.kubectl.fault("resume", "ctl")
            self._paused_control_plane = False

    def redis_kill_master(self) -> None:
        """kill -9 of the master's Redis."""
        self.kill(f"redis@{self._redis_master()}")

    def redis_kill_all(self) -> None:
        """kill -9 of every Redis; the kubelet starts them again."""
        for pod in self._cluster.pods("app.kubernetes.io/component=redis"):
            self.kill(f"redis@{pod['metadata']['name']}")

    def redis_flush(self) -> None:
        """Every key is gone."""
        self._in_redis(self._redis_master(), "6379", "flushall")

    def __getattr__(self, name: str) -> Any:
        def not_here(*_: object, **__: object) -> None:
            raise NotPossible(f"{name.replace('_', ' ')} cannot be done in a Kubernetes cluster.")

        if name.startswith("_"):
            raise AttributeError(name)
        return not_here

    def _redis_master(self) -> str:
        pods = self._cluster.pods("app.kubernetes.io/component=redis")
        first = str(pods[0]["metadata"]["name"])
        said = self._in_redis(first, "26379", "sentinel", "get-master-addr-by-name", "nexus")
        return said.split(".", 1)[0].strip()

    def _in_redis(self, pod: str, port: str, *words: str) -> str:
        return self._cluster.kubectl("exec", pod, "--container", "redis", "--", "redis-cli", "-p", port, *words)

    def _replica(self, name: str) -> dict[str, Any]:
        role, _, host = name.partition("@")
        pods = self._cluster.pods(f"app.kubernetes.io/part-of=nexus,app.kubernetes.io/component={role}")
        return pods[HOSTS[host] % len(pods)]

    def _host(self, pod: str) -> str:
        """The node that a pod runs on."""
        return str(self._pod(pod)["spec"]["nodeName"])

    def _pod(self, name: str) -> dict[str, Any]:
        (pod,) = self._cluster.kubectl.get("pod", name)
        return pod

    def _container(self, name: str) -> tuple[str, str]:
        """Node and id of what runs as container@place."""
        container, _, place = name.partition("@")
        pod = self._replica(name) if place in HOSTS else self._pod(place)
        for each in pod["status"]["containerStatuses"]:
            if each["name"] == container:
                return str(pod["spec"]["nodeName"]), str(each["containerID"]).partition("://")[2]
        raise NotPossible(f"{pod['metadata']['name']} has no container {container}.")
