"""What "everything is as it should be" means in the laboratory, one question after the other."""

import contextlib
import json
import socket
import ssl
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg2
import redis

from drills.lab.inside import Inside, ask, rows
from drills.lab.network import DATABASES, FLOATING, PROXIES, Loopback, Network
from drills.lab.options import Options
from drills.lab.places import HTTPS, PATRONI, POSTGRES, PROXY_METRICS, REDIS, REPLICAS, SENTINEL
from drills.lab.process import Process
from drills.lab.template import APPLICATION
from local.sentinel import MASTER

LAG_MAX: Final = 1 << 20
IN_STEP: Final = ("streaming", "running")


class Health:
    """Asks the parts themselves, and the roads to them as the application takes them."""

    def __init__(
        self, network: Network, inside: Inside, processes: Mapping[str, Process], options: Options, ca: Path
    ) -> None:
        self._network = network
        self._inside = inside
        self._processes = processes
        self._standby = "quorum_standby" if options.synchronous == "quorum" else "replica"
        self._ca = ca

    def what_is_missing(self) -> tuple[str, str] | None:
        """The first thing that is not as it should be, and the process whose log may tell why; or None."""
        for what, name, is_so in self._questions():
            with contextlib.suppress(OSError, psycopg2.Error, redis.RedisError, ValueError, LookupError):
                if is_so():
                    continue
            return what, name
        return None

    def _questions(self) -> Iterator[tuple[str, str, Callable[[], bool]]]:
        for name, process in self._processes.items():
            yield f"{name} runs", name, partial(_runs, process)
        yield "Patroni has a leader and two standbys in step", "patroni@db1", self._is_cluster_whole
        yield "Redis has a master and two replicas, as all Sentinels see it", "sentinel@db1", self._is_redis_whole
        for name, process in self._processes.items():
            yield f"{name} is ready", name, partial(self._inside.run, process.program.host, process.program.is_ready)
        yield "one proxy has the floating address", "keepalived@lb1", lambda: len(self.holders()) == 1
        floating = self._network.address(FLOATING)
        for port, is_standby in ((POSTGRES, False), (REPLICAS, True)):
            question = partial(rows, floating, port, APPLICATION, "SELECT pg_is_in_recovery()")
            is_right = partial(self._answers, question, [(is_standby,)])
            yield f"{floating}:{port} leads to the right Postgres", "haproxy@lb1", is_right
        for proxy in PROXIES:
            yield f"{proxy} sees every server", f"haproxy@{proxy}", partial(self._sees_all, proxy)
        door = partial(answers_https, f"https://{floating}:{HTTPS}", self._ca)
        yield "the door answers", "haproxy@lb1", partial(self._answers, door, True)

    def _answers(self, question: Callable[[], Any], wanted: Any) -> bool:
        return bool(self._inside.run("client", question) == wanted)

    def members(self) -> list[dict[str, Any]]:
        """What Patroni says of the cluster, from any node that answers."""
        for node in DATABASES:
            with contextlib.suppress(OSError, ValueError):
                status, text = self._inside.run(
                    node, partial(ask, self._network.address(node), PATRONI, "GET", "/cluster")
                )
                if status == 200:
                    return list(json.loads(text)["members"])
        return []

    def _is_cluster_whole(self) -> bool:
        members = self.members()
        standbys = [each for each in members if each["role"] == self._standby]
        return (
            len(members) == len(DATABASES)
            and len({each.get("timeline") for each in members}) == 1
            and [each["state"] for each in members if each["role"] == "leader"] == ["running"]
            and [each["state"] for each in standbys] == ["streaming", "streaming"]
            and all(isinstance(each.get("lag"), int) and each["lag"] <= LAG_MAX for each in standbys)
        )

    def redis_master(self) -> str | None:
        """The node that most Sentinels name, if they do."""
        named = [self._inside.submit(node, partial(self._named_by, node)) for node in DATABASES]
        addresses = [each.result() for each in named]
        by_address = {self._network.address(node): node for node in DATABASES}
        for address in addresses:
            if address is not None and addresses.count(address) * 2 > len(DATABASES):
                return by_address.get(address)
        return None

    def _named_by(self, node: str) -> str | None:
        with contextlib.suppress(redis.RedisError), contextlib.closing(self._redis(node, SENTINEL)) as client:
            call: Callable[..., Any] = client.execute_command
            found = call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
            return str(found[0]) if found else None
        return None

    def _redis(self, node: str, port: int) -> "redis.Redis":
        return redis.Redis(
            self._network.address(node), port, socket_timeout=1, socket_connect_timeout=1, decode_responses=True
        )

    def _is_redis_whole(self) -> bool:
        master = self.redis_master()
        said = {node: self._inside.run(node, partial(self._replication, node)) for node in DATABASES}
        replicas = [said[node] for node in DATABASES if node != master]
        sentinels = [self._inside.run(node, partial(self._group, node)) for node in DATABASES]
        return (
            master is not None
            and said[master]["role"] == "master"
            and said[master]["connected_slaves"] == 2
            and all(each["role"] == "slave" and each["master_link_status"] == "up" for each in replicas)
            and all(each == ("master", "2", "2") for each in sentinels)
        )

    def _replication(self, node: str) -> dict[str, Any]:
        with contextlib.closing(self._redis(node, REDIS)) as client:
            return dict(client.info("replication"))

    def _group(self, node: str) -> tuple[str, str, str]:
        with contextlib.closing(self._redis(node, SENTINEL)) as client:
            # The client's own reading of it leaves out what we ask for, in one of the two protocols.
            call: Callable[..., Any] = client.execute_command
            words = call("SENTINEL", "MASTERS")[0]
        told = words if isinstance(words, dict) else dict(zip(words[::2], words[1::2], strict=True))
        return str(told["flags"]), str(told["num-slaves"]), str(told["num-other-sentinels"])

    def holders(self) -> list[str]:
        """The proxies that have the floating address."""
        if isinstance(self._network, Loopback):
            return [PROXIES[0]]
        return [proxy for proxy in PROXIES if self._inside.run(proxy, self._is_here)]

    def _is_here(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
            try:
                trial.bind((self._network.address(FLOATING), 0))
            except OSError:
                return False
            return True

    def _sees_all(self, proxy: str) -> bool:
        status, text = self._inside.run(
            proxy, partial(ask, self._network.address(proxy), PROXY_METRICS, "GET", "/metrics")
        )
        up = 'haproxy_backend_active_servers{proxy="'
        seen = dict(line.removeprefix(up).split('"} ') for line in text.splitlines() if line.startswith(up))
        wanted = {"web": 2, "live": 2}
        return status == 200 and all(int(seen[backend]) == count for backend, count in wanted.items())


def answers_https(url: str, ca: Path, path: str = "/api/v1/instance") -> bool:
    """Whether the door answers as a client sees it; called where the client is."""
    context = ssl.create_default_context(cafile=str(ca))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(f"{url}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _runs(process: Process) -> bool:
    return process.pid is not None
