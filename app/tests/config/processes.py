"""Roles as processes of their own, on the test's database."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from django.db import connection

APP = Path(__file__).resolve().parents[2]
# The same program with reactions of the tests added to the table.
WITH_REACTIONS_OF_TESTS = ["-c", "import sys; from tests.config.reactions_of_tests import main; main(sys.argv[1:])"]
AS_IT_IS = ["-m", "nexus.config"]


def database_url() -> str:
    """Where the test's own database is: pytest-django has made it beside the one of the environment."""
    server = os.environ["NEXUS_DATABASE_URL"].rpartition("/")[0]
    return f"{server}/{connection.settings_dict['NAME']}"


class Role:
    """One process of `python -m nexus.config ROLE`, with its children; killed when the block is left."""

    def __init__(
        self, role: str, directory: Path, environment: Mapping[str, str] | None = None, program: list[str] = AS_IT_IS
    ) -> None:
        self.role = role
        self.program = program
        self.log = directory / f"{role}-{time.monotonic_ns()}.log"
        self.environment = {
            **os.environ,
            "NEXUS_DATABASE_URL": database_url(),
            "NEXUS_STATE_DIRECTORY": str(directory / "state"),
            "PYTHONPATH": str(APP),
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_running:
            self.kill()

    def start(self) -> Self:
        """Starts it in a session of its own."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.program, self.role],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        assert self.process is not None
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """kill -9 of it and of all that it has started."""
        os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def terminate(self) -> None:
        """SIGTERM to the process alone, as Kubernetes does it."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self, timeout: float = 40) -> int:
        """Its status."""
        assert self.process is not None
        return self.process.wait(timeout)

    def children(self) -> list[int]:
        """Ids of the processes that it has started."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def lines(self) -> Iterator[dict[str, Any]]:
        """What it has logged so far."""
        for line in self.log.read_text(encoding="utf-8").splitlines():
            if line.startswith("{"):
                yield json.loads(line)

    def events(self) -> list[str]:
        """The names of its log lines."""
        return [str(line["event"]) for line in self.lines()]

    def has_logged(self, event: str) -> bool:
        """Whether a line of this name is there."""
        return event in self.events()


def eventually(condition: Callable[[], bool], what: str, timeout: float = 30, role: Role | None = None) -> None:
    """Waits until the condition holds."""
    stop = time.monotonic() + timeout
    while not condition():
        said = "" if role is None else "\n" + role.log.read_text(encoding="utf-8")[-4000:]
        assert role is None or role.is_running, f"{what}: {role.role} has ended{said}"
        assert time.monotonic() < stop, f"{what}: not after {timeout} s{said}"
        time.sleep(0.05)
