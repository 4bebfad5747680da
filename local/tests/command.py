"""A command of the Makefile as a person runs it: with its output, and what it leaves behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from local import processes
from local.state import ROOT
from local.test_environment import clean

READY = "Ctrl-C, or `make stop`"


def environment(**variables: str) -> dict[str, str]:
    """That of a person who is not inside a test run."""
    kept = {name: value for name, value in clean().items() if not name.startswith("PYTEST_")}
    return {**kept, **variables}


class Command:
    """`python -m local NAME` on a state folder and ports of its own."""

    def __init__(self, name: str, folder: Path, *arguments: str, **variables: str) -> None:
        self.folder = folder
        self._output = folder.parent / f"{name}-{time.monotonic_ns()}.out"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local", name, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=environment(NEXUS_LOCAL_STATE=str(folder), **variables),
                start_new_session=True,
                # A shell that starts something in the background lets it ignore Ctrl-C, and that is inherited.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )

    @property
    def output(self) -> str:
        """All that it has said."""
        return self._output.read_text(errors="replace")

    def wait_for(self, text: str, seconds: float = 240.0) -> None:
        """Returns when it has said so; fails when it ends before."""
        deadline = time.monotonic() + seconds
        while text not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, f"not said within {seconds} s: {text}\n{self.output}"
            time.sleep(0.1)

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Sends the signal, and returns the status."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        return self.wait()

    def wait(self, seconds: float = 120.0) -> int:
        """The status when it has ended by itself."""
        return self.process.wait(seconds)

    def sentence(self) -> str:
        """The last line of a command that refused, without a traceback before it."""
        assert self.wait() == 1, self.output
        assert "Traceback" not in self.output
        return self.output.rstrip().splitlines()[-1]


def left_behind(folder: Path, seconds: float = 10.0) -> list[str]:
    """The command lines that still run for the folder, after a moment for those that are just ending."""
    deadline = time.monotonic() + seconds
    while (pids := processes.marked(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [_line(pid) for pid in pids]


def remove(folder: Path) -> None:
    """What a test's folder and its Postgres hold, as `make reset` does."""
    if folder.exists():
        subprocess.run(
            [sys.executable, "-m", "local", "reset"],
            input=b"y\n",
            stdout=subprocess.DEVNULL,
            cwd=ROOT,
            env=environment(NEXUS_LOCAL_STATE=str(folder)),
            check=True,
        )


def _line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return str(pid)


def is_alive(pid: int) -> bool:
    """Whether the process runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
