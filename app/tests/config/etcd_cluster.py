"""Three members of etcd on loopback ports, and database nodes that can vanish without a word."""

import contextlib
import json
import socket
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from local.binaries import binary
from local.ports import free_port
from local.server import Server


class EtcdMember(Server):
    """One of a cluster that is started as a whole."""

    name = "etcd"

    def __init__(self, directory: Path, number: int, ports: list[tuple[int, int]]) -> None:
        super().__init__(directory)
        self.number = number
        self.ports = ports
        self.address = ("127.0.0.1", ports[number][0])
        self.is_first_start = True

    def prepare(self) -> None:
        """Needs a folder only."""
        self.directory.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        """The member in the foreground."""
        client, peer = self.ports[self.number]
        flags = {
            "name": f"etcd{self.number}",
            "data-dir": str(self.directory / "data"),
            "listen-client-urls": f"http://127.0.0.1:{client}",
            "advertise-client-urls": f"http://127.0.0.1:{client}",
            "listen-peer-urls": f"http://127.0.0.1:{peer}",
            "initial-advertise-peer-urls": f"http://127.0.0.1:{peer}",
            "initial-cluster": ",".join(f"etcd{n}=http://127.0.0.1:{each}" for n, (_, each) in enumerate(self.ports)),
            "logger": "zap",
            "log-level": "warn",
        }
        return [str(binary("etcd")), *(f"--{name}={value}" for name, value in flags.items())]

    def is_ready(self) -> bool:
        """Whether it listens; it is healthy when a second one does, too."""
        with contextlib.suppress(OSError), socket.create_connection(self.address, timeout=1):
            return True
        return False

    def is_healthy(self) -> bool:
        """Whether it belongs to a majority."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with (
            contextlib.suppress(OSError),
            opener.open(f"http://127.0.0.1:{self.address[1]}/health", timeout=1) as found,
        ):
            return json.loads(found.read())["health"] in ("true", True)
        return False


class EtcdCluster:
    """A context manager."""

    def __init__(self, directory: Path) -> None:
        ports = [(free_port(), free_port()) for _ in range(3)]
        self.members = [EtcdMember(directory / f"etcd-{number}", number, ports) for number in range(3)]
        self._stack = ExitStack()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where clients ask."""
        return [member.address for member in self.members]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for member in self.members:
                stack.enter_context(member)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


class Node:
    """The two ports of a database node: they answer, refuse, or say nothing at all, as a machine does that is gone."""

    def __init__(self) -> None:
        self.ports = (free_port(), free_port())
        self._open: list[socket.socket] = []
        self.answer()

    def answer(self) -> None:
        """The machine is there."""
        self.refuse()
        for port in self.ports:
            self._listen(port, 4096)  # nobody accepts: a queue with room is answer enough

    def refuse(self) -> None:
        """The machine is there, and nothing runs on it."""
        for each in self._open:
            each.close()
        self._open = []

    def vanish(self) -> None:
        """The machine is gone: its queues are full, so that the kernel drops every further knock."""
        self.refuse()
        for port in self.ports:
            self._listen(port, 0)
            for _ in range(4):
                knock = socket.socket()
                knock.setblocking(False)
                knock.connect_ex(("127.0.0.1", port))
                self._open.append(knock)

    def patroni_says(self) -> str:
        """What Patroni writes of it into etcd."""
        patroni, postgres = self.ports
        return json.dumps(
            {
                "api_url": f"http://127.0.0.1:{patroni}/patroni",
                "conn_url": f"postgres://127.0.0.1:{postgres}/postgres",
                "state": "running",
            }
        )

    def _listen(self, port: int, backlog: int) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(backlog)
        self._open.append(listening)
