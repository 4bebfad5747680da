"""`python -m drills.lab`: a laboratory to play with; what is typed breaks or mends something, Ctrl-C ends it."""

import inspect
import signal
import sys
import time
from types import FrameType
from typing import NoReturn

from drills.faults import Faults
from drills.lab.lab import Lab
from drills.lab.places import POSTGRES, REPLICAS
from local.failure import Failure
from local.progress import say, step
from local.state import State


def main() -> None:
    """Until Ctrl-C, the end of the terminal, or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    folder = State().folder / "drills" / "play"
    say("The laboratory:")
    with step("Starting some thirty processes on eight hosts"):
        lab = Lab(folder).__enter__()
    try:
        _greet(lab)
        _play(lab)
    finally:
        say()
        with step("Stopping"):
            lab.__exit__(None, None, None)


def _greet(lab: Lab) -> None:
    client, floating = " ".join(lab.client), lab.url.removeprefix("https://").partition(":")[0]
    prefix = f"{client} " if client else ""
    versions = ", ".join(f"{name} {number}" for name, number in lab.versions.items())
    say(f"\n  {versions}\n")
    if lab.is_reduced:
        say("  Reduced, on loopback addresses: network namespaces are not permitted here, so nothing can be cut off.\n")
    say(f"  ask          {prefix}curl --cacert {lab.ca} {lab.url}/api/v1/instance")
    say(f"  Postgres     {floating}:{POSTGRES} is the primary, now {lab.primary()}; {floating}:{REPLICAS} the standbys")
    say(f"               {prefix}psql postgres://application:nexus@{floating}:{POSTGRES}/nexus")
    say(f"  logs         {lab.journal.folder}")
    say("\n  Type one of these, for example: kill postgres@db1\n")
    for name, method in inspect.getmembers(Faults, inspect.isfunction):
        if not name.startswith("_"):
            words = " ".join(list(inspect.signature(method).parameters)[1:])
            say(f"    {f'{name} {words}':<40} {(inspect.getdoc(method) or '').splitlines()[0]}")
    say(f"\n  Processes: {' '.join(lab.processes)} postgres@db1 ..")
    say("  Ctrl-C ends everything; nothing is kept.\n")


def _play(lab: Lab) -> None:
    for line in sys.stdin:
        words = line.split()
        if not words:
            continue
        method = getattr(lab.faults, words[0], None)
        if words[0].startswith("_") or not hasattr(Faults, words[0]) or method is None:
            say(f"  There is no {words[0]}.")
            continue
        begun = time.monotonic()
        try:
            method(*(_value(word) for word in words[1:]))
            say(f"  done after {time.monotonic() - begun:.1f} s")
        except (Failure, TypeError, LookupError) as error:
            say(f"  {error}")
    while True:  # nobody types any more
        time.sleep(3600)


def _value(word: str) -> str | int | list[str]:
    if word.lstrip("-").isdigit():
        return int(word)
    return word.split(",") if "," in word else word


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
    except Failure as failure:
        sys.exit(f"\n{failure}")
