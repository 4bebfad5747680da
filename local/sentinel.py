"""A replicated Redis that heals itself: one master, its replicas, and the Sentinels that choose the next master."""

import contextlib
import time
from abc import abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from local.binaries import binary
from local.failure import Failure
from local.ports import free_port
from local.server import READY_TIMEOUT, Server

MASTER = "nexus"  # the name of the group
DOWN_AFTER_MS = 1000


def redis_config(host: str, port: int, directory: Path, replica_of: tuple[str, int] | None = None) -> str:
    """A node's configuration; a file, because Sentinel has it rewritten when roles change."""
    return (
        f"bind {host}\nport {port}\ndir {directory}\nprotected-mode no\nsave ''\nset-proc-title no\n"
        # A replica that lost its master, or has a new one, knows it soon and is whole again soon.
        "repl-timeout 5\nrepl-ping-replica-period 1\nrepl-diskless-sync-delay 0\n"
        + (f"replicaof {replica_of[0]} {replica_of[1]}\n" if replica_of else "")
    ).replace("''", '""')


def sentinel_config(
    host: str,
    port: int,
    directory: Path,
    master: tuple[str, int],
    *,
    quorum: int = 2,
    down_after_ms: int = DOWN_AFTER_MS,
) -> str:
    """A Sentinel's configuration, which it rewrites itself."""
    return (
        f"bind {host}\nport {port}\ndir {directory}\nprotected-mode no\n"
        f"sentinel monitor {MASTER} {master[0]} {master[1]} {quorum}\n"
        f"sentinel down-after-milliseconds {MASTER} {down_after_ms}\n"
        f"sentinel failover-timeout {MASTER} {max(3000, 3 * down_after_ms)}\n"
        f"sentinel parallel-syncs {MASTER} 2\n"
    )


class _Configured(Server):
    """`redis-server` with a configuration file that it may rewrite."""

    arguments: tuple[str, ...] = ()

    def __init__(self, directory: Path, host: str, port: int) -> None:
        super().__init__(directory)
        self.host = host
        self.port = port
        self.file = directory / "server.conf"

    def prepare(self) -> None:
        """Writes the configuration the first time; what the server made of it stays."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self.file.exists():
            self.file.write_text(self.config())

    @abstractmethod
    def config(self) -> str:
        """What stands in the file at first."""

    def command(self) -> list[str]:
        """The server in the foreground."""
        return [str(binary("redis-server")), str(self.file), *self.arguments]

    def client(self) -> "redis.Redis":
        """A client of this process alone, whatever its role."""
        return redis.Redis(self.host, self.port, socket_timeout=1, socket_connect_timeout=1, decode_responses=True)

    def is_ready(self) -> bool:
        """Whether it answers PING."""
        with contextlib.closing(self.client()) as client, contextlib.suppress(redis.RedisError):
            return bool(client.ping())
        return False


class Node(_Configured):
    """One Redis of the group."""

    name = "Redis"

    def __init__(self, directory: Path, host: str, port: int, replica_of: tuple[str, int] | None = None) -> None:
        super().__init__(directory, host, port)
        self.replica_of = replica_of

    def config(self) -> str:
        """Of a master or a replica, as it begins."""
        return redis_config(self.host, self.port, self.directory, self.replica_of)

    def replication(self) -> dict[str, object]:
        """What it says of its role and its replicas; empty when it says nothing."""
        with contextlib.closing(self.client()) as client, contextlib.suppress(redis.RedisError):
            return dict(client.info("replication"))
        return {}


class Sentinel(_Configured):
    """One of those who watch."""

    name = "Sentinel"
    arguments = ("--sentinel",)

    def __init__(self, directory: Path, host: str, port: int, master: tuple[str, int], down_after_ms: int) -> None:
        super().__init__(directory, host, port)
        self.master = master
        self.down_after_ms = down_after_ms

    def config(self) -> str:
        """As it begins."""
        return sentinel_config(self.host, self.port, self.directory, self.master, down_after_ms=self.down_after_ms)

    def knows(self) -> dict[str, object]:
        """What it says of the group; empty when it says nothing."""
        with contextlib.closing(self.client()) as client, contextlib.suppress(redis.RedisError):
            return dict(client.sentinel_master(MASTER))  # type: ignore[arg-type]
        return {}


class SentinelGroup:
    """One master, two replicas and three Sentinels on ports of their own; a context manager."""

    def __init__(self, directory: Path, *, down_after_ms: int = DOWN_AFTER_MS) -> None:
        host, first = "127.0.0.1", free_port()
        self.nodes = [Node(directory / "redis-1", host, first)]
        self.nodes += [Node(directory / f"redis-{n}", host, free_port(), (host, first)) for n in (2, 3)]
        self.sentinels = [
            Sentinel(directory / f"sentinel-{n}", host, free_port(), (host, first), down_after_ms) for n in (1, 2, 3)
        ]
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """The address of the group's first database."""
        return self.database_url(0)

    def database_url(self, number: int) -> str:
        """The address of one of its databases."""
        hosts = ",".join(f"{each.host}:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{hosts}/{MASTER}/{number}"

    def master(self) -> Node:
        """The master that all Sentinels that answer name, a majority at least; a Failure when there is none."""
        named = [said["port"] for said in (each.knows() for each in self.sentinels) if said]
        for node in self.nodes:
            if set(named) == {node.port} and len(named) * 2 > len(self.sentinels):
                return node
        raise Failure(f"The Sentinels do not agree on a master: {named}.")

    def wait_until_elected(self, seconds: float = READY_TIMEOUT) -> Node:
        """The master, once they agree on one."""
        return self._wait(lambda master: True, seconds)

    def wait_until_healthy(self, seconds: float = READY_TIMEOUT) -> Node:
        """The master, once every Sentinel knows all others and every replica is in step with it."""
        return self._wait(self._is_whole, seconds)

    def _wait(self, condition: Callable[[Node], bool], seconds: float) -> Node:
        stop = time.monotonic() + seconds
        while time.monotonic() < stop:
            with contextlib.suppress(Failure):
                if condition(master := self.master()):
                    return master
            time.sleep(0.05)
        raise Failure(f"No group of Redis as it should be within {seconds:.0f} s.")

    def _is_whole(self, master: Node) -> bool:
        seen = [each.knows() for each in self.sentinels]
        are_together = all(
            (each.get("num-other-sentinels"), each.get("num-slaves")) == (2, 2) and each.get("flags") == "master"
            for each in seen
        )
        roles = {node.port: node.replication() for node in self.nodes}
        replicas = [said for port, said in roles.items() if port != master.port]
        return (
            are_together
            and roles[master.port].get("role") == "master"
            and all(
                (said.get("role"), said.get("master_link_status"), said.get("master_port"))
                == ("slave", "up", master.port)
                for said in replicas
            )
        )

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for server in (*self.nodes, *self.sentinels):
                stack.enter_context(server)
            self.wait_until_healthy()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
