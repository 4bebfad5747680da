"""What each operation of a simulated user came to: one JSON line each, and what follows from all of them."""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Verdict = Literal["ok", "fail", "unknown"]
WRITES = frozenset({"publish_post", "comment", "like_post", "unlike_post", "follow_user", "unfollow_user"})


@dataclass(frozen=True, slots=True)
class Record:
    """One operation, with all its attempts; times are monotonic seconds.

    `fail`: certainly not done, or a read without a good answer; `unknown`: a write that may have been done. `about` has
    what it was done to and what was seen; `stale`: the age in seconds of an answer that said it was an old one.
    """

    user: str
    number: int
    kind: str
    key: str | None
    started: float
    ended: float
    verdict: Verdict
    attempts: int = 1
    status: int | None = None
    detail: str = ""
    about: dict[str, Any] = field(default_factory=dict)
    stale: float | None = None

    @property
    def is_write(self) -> bool:
        """Whether it changes something."""
        return self.kind in WRITES

    @property
    def seconds(self) -> float:
        """How long the user waited."""
        return self.ended - self.started

    def line(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self), separators=(",", ":"))


def read(path: Path) -> list[Record]:
    """The records of a file; a last line that is still being written is left out."""
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [Record(**json.loads(line)) for line in lines]


@dataclass(frozen=True, slots=True)
class Figures:
    """What clients saw in one run."""

    operations: int
    failed_reads: int
    failed_writes: int
    pause_s: float
    pause_at: float
    slowest_request_s: float
    slowest_read_s: float
    stale_reads: int
    stalest_s: float
    attempts: int
    rate: float


def figures(records: Sequence[Record], begun: float, ended: float) -> Figures:
    """Counts, and the longest time without an acknowledged write over all clients. Unknown writes count as failed."""
    during = [record for record in records if record.started >= begun]
    pause, at = longest_pause(during, begun, ended)
    stale = [record.stale for record in during if record.stale is not None]
    failed = [record for record in during if record.verdict != "ok"]
    return Figures(
        operations=len(during),
        failed_reads=sum(not record.is_write for record in failed),
        failed_writes=sum(record.is_write for record in failed),
        pause_s=pause,
        pause_at=at,
        slowest_request_s=max((record.seconds for record in during), default=0.0),
        slowest_read_s=max((record.seconds for record in during if not record.is_write), default=0.0),
        stale_reads=len(stale),
        stalest_s=max(stale, default=0.0),
        attempts=max((record.attempts for record in during), default=0),
        rate=len(during) / max(ended - begun, 0.001),
    )


def longest_pause(records: Iterable[Record], begun: float, ended: float) -> tuple[float, float]:
    """How long, and since when; the time until the first and after the last acknowledged write counts as well."""
    moments = sorted(record.ended for record in acknowledged(records) if begun <= record.ended <= ended)
    gaps = ((later - earlier, earlier) for earlier, later in itertools.pairwise([begun, *moments, ended]))
    return max(gaps)


def acknowledged(records: Iterable[Record]) -> Iterator[Record]:
    """The writes that were answered as done."""
    return (record for record in records if record.is_write and record.verdict == "ok")


def by_user(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Each user's records in the order in which they were made."""
    ordered = sorted(records, key=lambda record: (record.user, record.started))
    return {user: list(found) for user, found in itertools.groupby(ordered, key=lambda record: record.user)}
