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

from haproxy.tests.certificate import Certificate
from local.binaries import binary
from local.failure import Failure
from local.ports import free_port
from local.server import Server

FOLDER = Path(__file__).resolve().parents[1]
CONFIGURATION = FOLDER / "haproxy.cfg"


class Door(Server):
    """`variables` replace or add NEXUS_PROXY_ ones; an empty value takes one away."""

    name = "haproxy"

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
        super().__init__(directory)
        self.certificate = certificate
        self.configuration = configuration
        self.port, self.http_port, self.metrics_port = free_port(), free_port(), free_port()
        self.master = directory / "master.sock"
        self.socket = directory / "admin.sock"
        servers = {f"WEB_{number}": address for number, address in enumerate(web, 1)}
        servers |= {f"LIVE_{number}": address for number, address in enumerate(live, 1)}
        self.variables = {
            "HTTPS_BIND": f"127.0.0.1:{self.port}",
            "HTTPS_PORT": str(self.port),
            "HTTP_BIND": f"127.0.0.1:{self.http_port}",
            "METRICS_BIND": f"127.0.0.1:{self.metrics_port}",
            "CERTIFICATE": str(certificate.pem),
            "ERRORS": str(FOLDER / "errors"),
            "SOCKET": str(self.socket),
            **servers,
            **(variables or {}),
        }

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"https://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Needs a folder only."""
        self.directory.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        """The master in the foreground."""
        return [str(binary("haproxy")), "-W", "-S", str(self.master), "-f", str(self.configuration)]

    def environment(self) -> dict[str, str]:
        """The configuration's variables."""
        return {f"NEXUS_PROXY_{name}": value for name, value in self.variables.items()}

    def is_ready(self) -> bool:
        """Whether it accepts clients and, when it has one, its admin socket is there."""
        if self.variables["SOCKET"] and not self.socket.exists():
            return False
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

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
        lines = self.ask("show stat").removeprefix("# ").splitlines()
        columns = lines[0].split(",")
        rows = [dict(zip(columns, line.split(","), strict=False)) for line in lines[1:] if line]
        servers = [row for row in rows if row["pxname"] == backend and row["svname"] not in ("FRONTEND", "BACKEND")]
        return {row["svname"]: row["status"] for row in servers}

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
