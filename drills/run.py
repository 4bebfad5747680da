"""One run of a scenario: steady load, what is broken and mended at which moment, and what was seen meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from drills.cluster import Cluster
from drills.faults import Faults
from drills.workload import Workload

SAMPLED_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that the scenario did; monotonic seconds."""

    begun: float
    ended: float
    text: str
    is_fault: bool


class Run:
    """What a scenario's function works with."""

    def __init__(self, cluster: Cluster, load: Workload) -> None:
        self.cluster, self.load = cluster, load
        self.moments: list[Moment] = []
        self.broken: list[str] = []
        self.notes: dict[str, Any] = {}

    @property
    def faults(self) -> Faults:
        """What can be broken."""
        return self.cluster.faults

    @contextmanager
    def when(self, text: str) -> Iterator[None]:
        """What is broken inside, as the report says it."""
        with self._moment(text, is_fault=True):
            yield

    @contextmanager
    def mended(self, text: str) -> Iterator[None]:
        """What is mended inside."""
        with self._moment(text, is_fault=False):
            yield

    @contextmanager
    def stopped(self, what: str, names: Sequence[str]) -> Iterator[None]:
        """Inside, these stand still and do not say so."""
        with self.when(f"SIGSTOP of {what}"):
            for name in names:
                self.faults.stop(name)
        yield
        with self.mended(f"SIGCONT of {what}"):
            for name in names:
                self.faults.cont(name)

    def goes_on(self, seconds: float) -> None:
        """The load goes on."""
        time.sleep(seconds)

    def until_writes_flow(self, seconds: float = 60.0) -> None:
        """Until writes are acknowledged again, and a little longer."""
        self.then(self.load.wait_until_writes_flow(seconds), f"no write was acknowledged within {seconds:.0f} s")
        self.goes_on(2)

    def then(self, is_so: bool, otherwise: str) -> None:
        """What this promise says besides the limits and the counts; `otherwise` is the sentence of the report."""
        if not is_so:
            self.broken.append(otherwise)

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether the condition came true within so many seconds. A question that cannot be answered is a no."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(Exception):
                if condition():
                    return True
            time.sleep(0.2)
        return False

    @contextmanager
    def _moment(self, text: str, *, is_fault: bool) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.moments.append(Moment(begun, time.monotonic(), text, is_fault))


class SplitBrainWatch(threading.Thread):
    """Asks every database node again and again whether it takes writes."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(name="split-brain-watch", daemon=True)
        self._cluster, self._end = cluster, threading.Event()
        self.seen: list[str] = []

    def run(self) -> None:
        """Until `finish`."""
        while not self._end.wait(SAMPLED_EVERY_S):
            begun = time.monotonic()
            with suppress(Exception):  # a node that does not answer takes no writes from us
                writable = self._cluster.writable_primaries()
                if len(writable) > 1:
                    self.seen.append(f"{' and '.join(writable)} at {begun:.1f}")

    def finish(self) -> list[str]:
        """What was seen; at most a few of many sentences."""
        self._end.set()
        self.join()
        return self.seen[:5]
