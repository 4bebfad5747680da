"""HAProxy with our configuration, as `make run` starts it: master-worker, reload by SIGUSR2."""

import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from local.binaries import binary
from local.certificates import Certificate
from local.failure import Failure
from local.ports import free_port
from local.proxy import FOLDER, Proxy

CONFIGURATION = FOLDER / "haproxy.cfg"


class Door(Proxy):
    """`variables` replace or add NEXUS_PROXY_ ones; an empty value takes one away."""

    def __init__(
        self,
        directory: Path,
        certificate: Certificate,
        *,
        web: Sequence[str] = (),
        live: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        configuration: Path = CONFIGURATION,
    ) -> None:
        self.http_port, self.metrics_port = free_port(), free_port()
        super().__init__(
            directory,
            certificate,
            web=web,
            live=live,
            https_port=free_port(),
            http_port=self.http_port,
            metrics_port=self.metrics_port,
        )
        self.certificate = certificate
        self.configuration = configuration
        self.master, self.socket = directory / "master.sock", directory / "admin.sock"
        self.variables = {"SOCKET": str(self.socket), **(variables or {})}

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"https://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """The master in the foreground."""
        return [str(binary("haproxy")), "-W", "-S", str(self.master), "-f", str(self.configuration)]

    def environment(self) -> dict[str, str]:
        """The configuration's variables."""
        return super().environment() | {f"NEXUS_PROXY_{name}": value for name, value in self.variables.items()}

    def is_ready(self) -> bool:
        """Whether it accepts clients and, when it has one, its admin socket is there."""
        return super().is_ready() and (not self.variables["SOCKET"] or self.socket.exists())

    def check(self) -> subprocess.CompletedProcess[str]:
        """`haproxy -c` with these variables."""
        self.prepare()
        return subprocess.run(
            [str(binary("haproxy")), "-c", "-f", str(self.configuration)],
            env={**os.environ, **self.environment()},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def reload(self) -> None:
        """A new worker takes over; the old one ends its requests."""
        before = self._workers()
        assert before, "the master does not answer"
        os.kill(self.pid, signal.SIGUSR2)
        wait_until(lambda: bool(self._workers() - before), "the reloaded worker")

    def states(self, backend: str = "web") -> dict[str, str]:
        """The state of each server, as the statistics call it."""
        rows = self._statistics(backend)
        return {name: row["status"] for name, row in rows.items() if name not in ("FRONTEND", "BACKEND")}

    def counter(self, backend: str, name: str) -> int:
        """One of the backend's own statistics: scur, qcur, wredis, .."""
        return int(self._statistics(backend)["BACKEND"][name])

    def checks(self, backend: str) -> dict[str, str]:
        """How the last check of each server of its own ended; empty where another backend's check counts."""
        rows = self._statistics(backend)
        return {name: row["check_status"] for name, row in rows.items() if name not in ("FRONTEND", "BACKEND")}

    def ask(self, command: str) -> str:
        """The admin socket's answer."""
        return self._ask(self.socket, command)

    def access_log(self) -> list[dict[str, object]]:
        """Every line of the log that the door wrote about its clients."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def client_tls(self) -> ssl.SSLContext:
        """Trusts the test's own authority and nobody else."""
        return ssl.create_default_context(cafile=str(self.certificate.ca))

    def _statistics(self, proxy: str) -> dict[str, dict[str, str]]:
        lines = self.ask("show stat").removeprefix("# ").splitlines()
        columns = lines[0].split(",")
        rows = [dict(zip(columns, line.split(","), strict=False)) for line in lines[1:] if line]
        return {row["svname"]: row for row in rows if row["pxname"] == proxy}

    def _workers(self) -> set[str]:
        try:
            answer = self._ask(self.master, "show proc")
        except OSError:  # the master executes itself anew
            return set()
        return {line.split()[0] for line in answer.splitlines() if line.split()[1:2] == ["worker"]}

    def _ask(self, path: Path, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(path))
            connection.sendall(f"{command}\n".encode())
            connection.shutdown(socket.SHUT_WR)  # the master waits for another command otherwise
            answer = b""
            while part := connection.recv(65536):
                answer += part
        return answer.decode()


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Polls; a generous limit, because a busy machine is no failure."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.05)
