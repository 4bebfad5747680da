"""HAProxy of our own, with the one configuration of every environment."""

import socket
from collections.abc import Sequence
from pathlib import Path

from local.binaries import binary
from local.certificates import Certificate
from local.server import Server

FOLDER = Path(__file__).resolve().parents[1] / "haproxy"


class Proxy(Server):
    """The door with TLS in front of the given web and live replicas (address:port).

    A quarter of a web replica's threads is what writes may have.
    """

    name = "HAProxy"

    def __init__(
        self,
        directory: Path,
        certificate: Certificate,
        *,
        web: Sequence[str],
        live: Sequence[str],
        https_port: int,
        http_port: int,
        metrics_port: int,
        meter: str = "",
        web_threads: int = 16,
        traces_share: float = 0.0,
    ) -> None:
        super().__init__(directory)
        self.port = https_port
        self.ca = certificate.ca
        self.pem = certificate.pem
        for_writes = max(1, web_threads // 4)
        self._variables = {
            "HTTPS_BIND": f"127.0.0.1:{https_port}",
            "HTTPS_PORT": str(https_port),
            "HTTP_BIND": f"127.0.0.1:{http_port}",
            "METRICS_BIND": f"127.0.0.1:{metrics_port}",
            "METER": meter,
            "TRACES_PERMILLE": str(round(traces_share * 1000)),
            "CERTIFICATE": str(certificate.pem),
            "ERRORS": str(FOLDER / "errors"),
            "SOCKET": "unix@admin.sock",  # in the working directory: a socket's whole path may have 107 characters only
            "WEB_MAXCONN": str(max(1, web_threads - for_writes)),
            "WRITES_MAXCONN": str(for_writes),
            **{f"WEB_{number}": address for number, address in enumerate(web, 1)},
            **{f"LIVE_{number}": address for number, address in enumerate(live, 1)},
        }

    @property
    def url(self) -> str:
        """The address for clients, who trust `ca`."""
        return f"https://localhost:{self.port}"

    def prepare(self) -> None:
        """Needs a folder only."""
        self.directory.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        """The master in the foreground; SIGUSR2 reloads."""
        return [str(binary("haproxy")), "-W", "-S", "unix@master.sock", "-f", str(FOLDER / "haproxy.cfg")]

    def environment(self) -> dict[str, str]:
        """The configuration's variables."""
        return {f"NEXUS_PROXY_{name}": value for name, value in self._variables.items()}

    def is_ready(self) -> bool:
        """Whether it accepts clients."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
