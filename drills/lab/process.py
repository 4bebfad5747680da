"""One process of the laboratory on its host: started, signalled and ended by its id."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from local.server import ending_with_us
from local.test_environment import clean


@dataclass(frozen=True)
class Program:
    """What runs: `name` is role@host."""

    name: str
    command: Sequence[str]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    is_ready: Callable[[], bool] = lambda: True

    @property
    def role(self) -> str:
        """Its part before the @."""
        return self.name.partition("@")[0]

    @property
    def host(self) -> str:
        """Where it runs."""
        return self.name.partition("@")[2]


class Starter:
    """The one thread that starts processes: to the kernel, a process has lost its parent when that thread has ended."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="starter")

    def start(self, command: Sequence[str], log: Path, directory: Path, environment: Mapping[str, str]) -> "Started":
        """Starts it, in a session of its own: Ctrl-C is for us."""
        return self._thread.submit(self._start, command, log, directory, environment).result()

    def close(self) -> None:
        """Ends the thread, and so all that it has started."""
        self._thread.shutdown()

    @staticmethod
    def _start(command: Sequence[str], log: Path, directory: Path, environment: Mapping[str, str]) -> "Started":
        with log.open("ab") as output:
            return subprocess.Popen(
                ending_with_us(list(command), signal.SIGKILL),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env=environment,
                start_new_session=True,
            )


Started = subprocess.Popen[bytes]


class Process:
    """A program, its log, and what runs of it now."""

    def __init__(self, program: Program, prefix: Sequence[str], log: Path, starter: Starter) -> None:
        self.program = program
        self.log = log
        self._prefix = prefix
        self._starter = starter
        self._process: Started | None = None

    @property
    def pid(self) -> int | None:
        """Its id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Starts it if it does not run. `environment`: more variables for this time."""
        if self.pid is None:
            program = self.program
            self._process = self._starter.start(
                [*self._prefix, *_as_user(program.user), *program.command],
                self.log,
                program.directory,
                {**clean(), **program.environment, **(environment or {})},
            )

    def signal(self, number: signal.Signals) -> None:
        """To all processes of its session."""
        if (pid := self.pid) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)

    def kill(self) -> None:
        """kill -9, and waits until it is gone; does nothing when it does not run."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def end(self, seconds: float) -> bool:
        """SIGTERM to its first process alone, as a supervisor does; whether it ended in time."""
        if (pid := self.pid) is None or self._process is None:
            return True
        os.kill(pid, signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def _as_user(user: str | None) -> list[str]:
    """Another user may read what root may: the checkout, its virtual environment and its Python can be in /root."""
    if user is None:
        return []
    reads = "-all,+dac_read_search"
    capabilities = [f"--{kind}={reads}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    # Once more, because a change of user clears it.
    ids = ["--reuid", user, "--regid", user, "--clear-groups"]
    return ["setpriv", *ids, *capabilities, "--pdeathsig", "KILL", "--"]
