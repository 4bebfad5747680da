"""The small commands beside `make run`: stop, reset, logs, replica-kill, shell, psql."""

import os
import shutil
import signal
import sys

from local import processes
from local.binaries import binary
from local.failure import Failure
from local.progress import say, step
from local.stack import REPLICAS, Stack
from local.state import ROOT, State
from local.supervisor import Supervisor

STOP_TIMEOUT = 90.0


def stop() -> None:
    """Ends a `make run` of this checkout, wherever its terminal is, and what a crash left of one."""
    state = State()
    owner = state.owner()
    if owner is None:
        left = processes.stop_marked(state.folder)
        say(f"Stopped {len(left)} processes that an earlier run had left behind." if left else "Nothing runs here.")
        return
    with step(f"Stopping Nexus (process {owner})"):
        os.kill(owner, signal.SIGTERM)
        if not state.wait_until_stopped(STOP_TIMEOUT):
            raise Failure(f"Process {owner} does not end; type: kill -9 {owner} && make stop")


def reset() -> None:
    """Stops, and removes all data and settings, after a question."""
    state = State()
    if not state.folder.exists():
        say("There is nothing to remove.")
        return
    print(f"Removes all data, mail, logs and settings in {state.folder}. Really? [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        say("Nothing was removed.")
        return
    stop()
    state.remove()
    say("Removed; `make run` begins anew.")


def logs(role: str) -> None:
    """Follows the log of a role, or of one process: web, web-2, postgres, .."""
    folder = State().logs
    files = sorted(path for path in folder.glob("*.log") if not role or path.stem.rpartition("-")[0] == role)
    files = [folder / f"{role}.log"] if (folder / f"{role}.log").exists() else files
    if not files:
        known = ", ".join(sorted({path.stem for path in folder.glob("*.log")})) or "none yet: type `make run`"
        raise Failure(f"There is no log of {role}; there are: {known}")
    tail = shutil.which("tail") or "tail"
    os.execv(tail, [tail, "-n", "20", "-F", *map(str, files)])


def replica_kill(number: str) -> None:
    """Kills one web replica with all its processes, as a crash would: kill -9."""
    name = f"web-{number}"
    if not number.isdigit() or not 0 < int(number) <= REPLICAS["web"]:
        raise Failure(f"There is no replica {number}; choose N=1 to N={REPLICAS['web']}: make replica-kill N=2")
    pid = _supervisor().programs()[name]["pid"]
    os.killpg(pid, signal.SIGKILL)
    say(f"Killed {name} (process {pid} and its workers); nobody should notice, and it is back in some seconds.")


def shell() -> None:
    """A Python shell in the running Nexus."""
    stack = running()
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "app/manage.py", "shell"], stack.environment())


def psql() -> None:
    """An SQL shell on the database of the running Nexus."""
    program, url = str(binary("psql")), running().postgres.url
    os.execv(program, [program, url])


def running() -> Stack:
    """That of the `make run` that runs now."""
    state = State()
    settings = state.kept_settings()
    if state.owner() is None or settings is None:
        raise Failure("Nexus does not run here; type `make run` in another terminal.")
    return Stack(state, settings)


def _supervisor() -> Supervisor:
    stack = running()
    port, password = stack.settings.port("supervisor"), stack.settings.supervisor_password
    return Supervisor(stack.state.folder, stack.state.logs, port, password)
