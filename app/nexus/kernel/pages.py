"""Keyset pages and the opaque, signed cursors between them."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import orjson

from nexus.kernel.crypto import is_signed, signature
from nexus.kernel.errors import InvalidCursor, InvalidInput

T = TypeVar("T")
U = TypeVar("U")

LIMIT_DEFAULT: Final = 20
LIMIT_MAX: Final = 100
_PURPOSE: Final = "cursor"
_SIGNATURE_BYTES: Final = 9


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in one list. `is_backward` asks for what comes before it (newer, in a timeline) instead of after it."""

    position: int
    is_backward: bool = False


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a client asks of a list. `is_backward` is for those who say the direction beside the cursor (GraphQL)."""

    limit: int = LIMIT_DEFAULT
    cursor: str | None = None
    is_backward: bool | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= LIMIT_MAX:
            raise InvalidInput.at("/limit", "out_of_range", f"limit must be from 1 to {LIMIT_MAX}.")

    def place(self, scope: str) -> Cursor | None:
        """Where in the list `scope` to read from; None for its start. Raises InvalidCursor for a foreign cursor."""
        cursor = decode_cursor(scope, self.cursor)
        return cursor if cursor is None or self.is_backward is None else Cursor(cursor.position, self.is_backward)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, its order kept, with the cursors of its neighbours.

    `next` is None only at the end of the list; a page whose items were all hidden still has one. `positions[i]` is the
    place of `items[i]` in the list `scope`, for those who need a cursor for each (GraphQL).
    """

    items: tuple[T, ...]
    positions: tuple[int, ...]
    next: str | None
    prev: str | None
    scope: str = field(default="", compare=False)

    def map(self, change: Callable[[T], U]) -> "Page[U]":
        """The same page of changed items."""
        return Page(tuple(change(item) for item in self.items), self.positions, self.next, self.prev, self.scope)

    def cursors(self) -> list[str]:
        """A cursor for each item."""
        return [encode_cursor(self.scope, Cursor(position)) for position in self.positions]


def encode_cursor(scope: str, cursor: Cursor) -> str:
    """An opaque token that `decode_cursor` takes back for the same list only."""
    payload = orjson.dumps([cursor.position, int(cursor.is_backward)])
    token = signature(_PURPOSE + scope, payload, _SIGNATURE_BYTES) + payload
    return _as_text(token)


def decode_cursor(scope: str, token: str | None) -> Cursor | None:
    """The cursor in a client's token; None for none. Raises InvalidCursor for anything that `scope` did not make."""
    if token is None:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    given, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    # base64 has several spellings of its last character, and only one of them is ours.
    is_ours = len(given) == _SIGNATURE_BYTES and _as_text(raw) == token
    if not (is_ours and is_signed(_PURPOSE + scope, payload, given)):
        raise InvalidCursor
    position, is_backward = orjson.loads(payload)
    return Cursor(position, bool(is_backward))


def _as_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def page_of(
    scope: str,
    request: PageRequest,
    fetch: Callable[[Cursor | None, int], Sequence[T]],
    position: Callable[[T], int],
) -> Page[T]:
    """The page of a list whose `fetch(cursor, count)` gives up to `count` rows, nearest to the cursor first.

    For a backward cursor `fetch` therefore gives the rows in the opposite order of the list.
    """
    cursor = request.place(scope)
    rows = list(fetch(cursor, request.limit + 1))
    has_more = len(rows) > request.limit
    rows = rows[: request.limit]
    is_backward = cursor is not None and cursor.is_backward
    if is_backward:
        rows.reverse()
    positions = tuple(position(row) for row in rows)
    return Page(
        items=tuple(rows),
        positions=positions,
        next=next_cursor(scope, cursor, positions, has_more=has_more),
        prev=prev_cursor(scope, cursor, positions),
        scope=scope,
    )


def next_cursor(scope: str, cursor: Cursor | None, positions: Sequence[int], *, has_more: bool) -> str | None:
    """Where the list goes on. After a backward read something always follows: the place that it started from."""
    if cursor is not None and cursor.is_backward:
        # Nothing newer yet: the caller's own place, taken forward, includes the row that it came from.
        return encode_cursor(scope, Cursor(positions[-1] if positions else cursor.position + 1))
    return encode_cursor(scope, Cursor(positions[-1])) if has_more else None


def prev_cursor(scope: str, cursor: Cursor | None, positions: Sequence[int]) -> str | None:
    """Where newer things will appear; None for a list that is empty from the start."""
    if positions:
        return encode_cursor(scope, Cursor(positions[0], is_backward=True))
    return None if cursor is None else encode_cursor(scope, Cursor(cursor.position, is_backward=True))
