"""Reads a timeline: candidates, then rules, again until the page is full or enough was scanned."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.domain.timelines.spans import Span
from nexus.kernel.pages import PageRequest, next_cursor, prev_cursor

SCANS_MAX: Final = 4
_REFILL: Final = 200


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where a timeline's ids come from and which of them its reader sees.

    `skeleton(span, count)` gives up to `count` ids in reading order; fewer mean that there are no more. `rules(ids)`
    gives those to be shown. They are two, so that a skeleton may be an index that knows no rules and missed changes.
    """

    scope: str
    skeleton: Callable[[Span, int], Sequence[int]]
    rules: Callable[[Sequence[int]], Collection[int]]


@dataclass(frozen=True, slots=True)
class Scan:
    """The ids of a page, newest first, and its neighbours."""

    ids: tuple[int, ...]
    next: str | None
    prev: str | None
    scope: str


def scan(timeline: Timeline, request: PageRequest, *, scans: int = SCANS_MAX) -> Scan:
    """One page. Its cursors say how far was scanned, so that a page whose posts are all hidden still leads on."""
    cursor = request.place(timeline.scope)
    span = Span.of(cursor)
    found: list[int] = []
    scanned: list[int] = []
    is_end = False
    for size in [candidates_for(request.limit), *[_REFILL] * SCANS_MAX][:scans]:
        candidates = timeline.skeleton(span, size)
        is_end = len(candidates) < size
        if candidates:
            shown = timeline.rules(candidates)
            found += [post_id for post_id in candidates if post_id in shown]
            scanned += [candidates[0], candidates[-1]]
            span = span.after(candidates[-1])
        if is_end or len(found) >= request.limit:
            break
    if len(found) > request.limit:
        found = found[: request.limit]
        scanned[-1], is_end = found[-1], False
    if span.is_upward:
        found.reverse()
        scanned.reverse()
    return Scan(
        ids=tuple(found),
        next=next_cursor(timeline.scope, cursor, scanned, has_more=not is_end),
        prev=prev_cursor(timeline.scope, cursor, scanned),
        scope=timeline.scope,
    )


def candidates_for(limit: int) -> int:
    """How many candidates the first scan asks for: about half of what people write is shown to all their followers."""
    return 2 * limit + 1
