"""A web replica of the tests: real gunicorn with threads in front of the tiny application."""

import contextlib
import http.client
import os
import signal
import sys
from pathlib import Path

from local.ports import free_port
from local.server import Server

ROOT = Path(__file__).resolve().parents[2]
WORKERS, THREADS = 2, 8


class Replica(Server):
    """Can be killed by worker or as a whole, silenced, drained and started again at the same address."""

    name = "replica"

    def __init__(
        self,
        directory: Path,
        effects: Path,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        workers: int = WORKERS,
        threads: int = THREADS,
    ) -> None:
        super().__init__(directory)
        self.workers, self.threads = workers, threads
        self.effects = effects
        self.address = f"{host}:{port or free_port()}"

    def prepare(self) -> None:
        """A replica that starts is not draining."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "drain").unlink(missing_ok=True)

    def command(self) -> list[str]:
        """As the web role runs: gthread, connections kept for longer than the door keeps idle ones."""
        return [
            *(sys.executable, "-m", "gunicorn", "haproxy.tests.application:application"),
            *("--bind", self.address, "--worker-class", "gthread"),
            *("--workers", str(self.workers), "--threads", str(self.threads)),
            *("--keep-alive", "75", "--graceful-timeout", "10", "--no-control-socket"),
        ]

    def environment(self) -> dict[str, str]:
        """Where it finds its module and leaves its effects."""
        return {
            "PYTHONPATH": str(ROOT),
            "REPLICA_DIRECTORY": str(self.directory),
            "REPLICA_EFFECTS": str(self.effects),
            "REPLICA_NAME": self.directory.name,
        }

    def is_ready(self) -> bool:
        """Whether it answers at all; all its workers are there by then."""
        connection = http.client.HTTPConnection(self.address, timeout=1)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200 and len(self.worker_pids()) == self.workers
        except OSError:
            return False
        finally:
            connection.close()

    def worker_pids(self) -> list[int]:
        """The processes that answer."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def drain(self) -> None:
        """From now on its readiness answers 404."""
        (self.directory / "drain").touch()

    def kill(self) -> None:
        """Everything at once, as when a node dies."""
        workers = self.worker_pids()
        super().kill()
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):  # it has noticed that its master is gone
                os.kill(pid, signal.SIGKILL)

    def silence(self) -> None:
        """It keeps its connections and says nothing any more."""
        self._signal_all(signal.SIGSTOP)

    def wake(self) -> None:
        """Ends the silence."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in [self.pid, *self.worker_pids()]:
            os.kill(pid, number)
