"""One server process of ours: started, waited for, stopped by its process id; never outlives who started it."""

import contextlib
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from local.failure import Failure

READY_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0


class Server(ABC):
    """What Postgres, Redis and HAProxy have in common here; a context manager."""

    name: str
    stop_signal = signal.SIGTERM
    user: str | None = None  # whom it runs as when we are root; None is ourselves

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Makes what it needs on disk; does nothing the second time."""

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments, to run in the foreground."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it answers."""

    def environment(self) -> dict[str, str]:
        """What the process gets on top of our own environment."""
        return {}

    def when_ready(self) -> None:  # noqa: B027 - most have nothing to do
        """What to do once it answers."""

    @property
    def pid(self) -> int:
        """The process id while it runs."""
        if self._process is None:
            raise Failure(f"{self.name} is not running.")
        return self._process.pid

    def start(self) -> None:
        """Starts it and returns when it answers; a Failure tells the last line of its log otherwise."""
        self.prepare()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ending_with_us(self.command(), self.stop_signal),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env={**os.environ, **self.environment()},
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
                # Ctrl-C is for us: we stop the servers in order.
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
            self.when_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends it and waits for its end; does nothing when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self.stop_signal)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """Ends it and all its children as a machine's crash does: kill -9, nothing is said to anybody."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def must_run(self) -> None:
        """Raises a Failure when it has ended by itself."""
        if self._process is None or self._process.poll() is not None:
            raise Failure(f"{self.name} has ended: {last_line(self.log)} (all of it: {self.log})")

    def why_not(self) -> str:
        """One sentence on a start that failed: the last line of the log, and where the rest is."""
        return f"{self.name} refuses to start: {last_line(self.log)} (all of it: {self.log})"

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while not self.is_ready():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise Failure(self.why_not())
            time.sleep(0.05)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def ending_with_us(command: list[str], stop_signal: signal.Signals = signal.SIGTERM) -> list[str]:
    """The command, which the kernel sends the signal when the process that started it is gone, killed included."""
    # In the new process, because a change of user, as the one of Postgres, would clear it.
    return ["setpriv", "--pdeathsig", stop_signal.name.removeprefix("SIG"), "--", *command]


def last_line(log: Path) -> str:
    """The last line of a log that says something."""
    with contextlib.suppress(OSError):
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        if lines:
            return lines[-1]
    return "it said nothing"
