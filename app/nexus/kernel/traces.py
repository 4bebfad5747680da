"""Which trace (W3C Trace Context) all this is for, and its spans: config/traces.py sends them, if anybody wants."""

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Self

from nexus.kernel.errors import DomainError

Kind = Literal["server", "internal", "client", "producer", "consumer"]
Value = str | int | float

HEADER_MAX: Final = 55
_HEADER: Final = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a trace we are: `span_id` is the cause of what happens now; it has none where the trace begins."""

    trace_id: str
    span_id: str
    is_recorded: bool


@dataclass(slots=True)
class Span:
    """Something that took time for somebody. Names and numbers from the code only: nobody's words, nobody's name."""

    name: str
    kind: Kind
    place: Place
    parent_id: str
    begun_ns: int
    ended_ns: int = 0
    error: str = ""
    attributes: dict[str, Value] = field(default_factory=dict)


_place: ContextVar[Place | None] = ContextVar("trace", default=None)
_record: Callable[[Span], None] | None = None
_share = 0.0


def install(record: Callable[[Span], None] | None, share: float) -> None:
    """From now on spans are given to `record`; so many of the traces that begin here are recorded."""
    global _record, _share
    _record, _share = record, share


def read(header: str) -> Place | None:
    """The place that a `traceparent` names; None when it is none."""
    found = _HEADER.fullmatch(header)
    return None if found is None else Place(found[1], found[2], is_recorded=bool(int(found[3], 16) & 1))


def bind(header: str) -> None:
    """What happens from here on belongs to this trace; to a new one where the header is none."""
    _place.set(read(header) or Place(_new_id(32), "", is_recorded=random.random() < _share))


@contextmanager
def following(header: str) -> Iterator[None]:
    """What happens inside belongs to this trace; to none where the header is none."""
    token = _place.set(read(header))
    try:
        yield
    finally:
        _place.reset(token)


def record_no_more() -> None:
    """What happens from here on belongs to the same trace and has no spans: it may go on for hours."""
    if (place := _place.get()) is not None:
        _place.set(Place(place.trace_id, place.span_id, is_recorded=False))


def trace_id() -> str:
    """The trace's id; empty outside of one."""
    place = _place.get()
    return "" if place is None else place.trace_id


def is_recorded() -> bool:
    """Whether spans go anywhere here."""
    place = _place.get()
    return _record is not None and place is not None and place.is_recorded


def traceparent() -> str:
    """The header that carries the trace on; empty outside of one."""
    place = _place.get()
    if place is None:
        return ""
    return f"00-{place.trace_id}-{place.span_id or _new_id(16)}-{'01' if place.is_recorded else '00'}"


def span(name: str, kind: Kind = "internal", **attributes: Value) -> "Silent":
    """The span of what happens inside of `with`. It costs next to nothing where it goes nowhere."""
    return _Recording(name, kind, attributes) if is_recorded() else _SILENT


def record(span: Span) -> None:
    """A span that somebody else has measured."""
    if _record is not None:
        _record(span)


def _new_id(digits: int) -> str:
    return f"{random.getrandbits(digits * 4) or 1:0{digits}x}"


class Silent:
    """A span that goes nowhere."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tells nobody."""

    def tell(self, name: str = "", **attributes: Value | None) -> None:
        """What is known only now; a name takes the place of the first."""


_SILENT: Final = Silent()


class _Recording(Silent):
    def __init__(self, name: str, kind: Kind, attributes: dict[str, Value]) -> None:
        self._name, self._kind, self._attributes = name, kind, attributes

    def __enter__(self) -> Self:
        outer = _place.get()
        assert outer is not None  # noqa: S101 (span() has just said so)
        place = Place(outer.trace_id, _new_id(16), is_recorded=True)
        self._span = Span(
            self._name, self._kind, place, outer.span_id, begun_ns=time.time_ns(), attributes=self._attributes
        )
        self._outer = _place.set(place)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _place.reset(self._outer)
        self._span.ended_ns = time.time_ns()
        is_answer = isinstance(error, DomainError) and error.status < 500
        if kind is not None and not is_answer:
            self._span.error = kind.__name__  # its text may be anybody's
        record(self._span)

    def tell(self, name: str = "", **attributes: Value | None) -> None:
        self._span.name = name or self._span.name
        self._span.attributes.update({key: value for key, value in attributes.items() if value is not None})
