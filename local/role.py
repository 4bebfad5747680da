"""One process of Nexus as tests and benchmarks start it: `python -m nexus.config ROLE` with a given environment."""

import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from local.server import Server

APP = Path(__file__).resolve().parents[1] / "app"


class Role(Server):
    """web and live are ready when /startupz says so; the others when their metrics can be read."""

    def __init__(
        self, directory: Path, role: str, variables: Mapping[str, str], *, port: int, metrics_port: int
    ) -> None:
        self.name = f"{role}-{port}"
        super().__init__(directory)
        self.role = role
        self.address = f"127.0.0.1:{port}"
        self.metrics = f"http://127.0.0.1:{metrics_port}/metrics"
        self._variables = {
            **variables,
            "PYTHONPATH": str(APP),
            "NEXUS_BIND": self.address,
            "NEXUS_METER_BIND": self.address,
            "NEXUS_METRICS_BIND": f"127.0.0.1:{metrics_port}",
            "NEXUS_STATE_DIRECTORY": str(directory / self.name),
        }

    def prepare(self) -> None:
        """Needs a folder only."""
        (self.directory / self.name).mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        """The role in the foreground."""
        return [sys.executable, "-m", "nexus.config", self.role]

    def environment(self) -> dict[str, str]:
        """Nexus's variables."""
        return self._variables

    def is_ready(self) -> bool:
        """Whether it can do its work."""
        address = f"http://{self.address}/startupz" if self.role in ("web", "live") else self.metrics
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False
