"""What the person at the terminal is told while the stack runs: who died, who is back."""

import time
from dataclasses import dataclass

from local.failure import Failure
from local.progress import say
from local.supervisor import Supervisor

INTERVAL = 0.5


@dataclass
class _Seen:
    pid: int
    is_up: bool


def watch(supervisor: Supervisor) -> None:
    """Never returns; raises a Failure when supervisord itself is gone."""
    seen: dict[str, _Seen] = {}
    while True:
        programs = supervisor.programs()
        if not supervisor.is_alive():
            raise Failure(f"supervisord was killed, so everything ends; see {supervisor.log('supervisord')}")
        for name, info in programs.items():
            now = _Seen(info["pid"], info["statename"] in ("RUNNING", "STARTING"))
            before = seen.setdefault(name, now)
            if now != before:
                say(_sentence(supervisor, name, now, info["statename"]))
                seen[name] = now
        time.sleep(INTERVAL)


def _sentence(supervisor: Supervisor, name: str, now: _Seen, state: str) -> str:
    at = time.strftime("%H:%M:%S")
    if now.is_up:
        return f"  {at}  {name} had died and was started again (process {now.pid})"
    if state == "FATAL":
        return f"  {at}  {name} does not come back, nobody tries any more; see {supervisor.log(name)}"
    return f"  {at}  {name} died; it is tried again"
