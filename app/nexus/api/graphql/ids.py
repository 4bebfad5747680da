"""Ids that name their type, as Relay's `node` needs them: `Post:123`. The bare id of the other doors is taken as well.

Two processes can make the same 64-bit number in the same millisecond, once for a user and once for a post: only the
pair of type and number is unique over all types.
"""

from typing import Final, Literal

import strawberry

from nexus.kernel.errors import InvalidInput, NotFound
from nexus.kernel.ids import parse_id

Kind = Literal["User", "Post", "Notification"]
KINDS: Final[tuple[Kind, ...]] = ("User", "Post", "Notification")


def global_id(kind: Kind, number: int) -> strawberry.ID:
    """The id of a thing in this door."""
    return strawberry.ID(f"{kind}:{number}")


def number_of(kind: Kind, text: str) -> int:
    """The number in `Post:123` or `123`. What cannot be one is not found, like one that does not exist."""
    number = parse_id(text.removeprefix(kind + ":"))
    if number is None:
        raise NotFound
    return number


def number_in(kind: Kind, text: str | None, pointer: str) -> int | None:
    """The number in a field of an input, where what cannot be one is an error of that field."""
    if text is None:
        return None
    number = parse_id(text.removeprefix(kind + ":"))
    if number is None:
        raise InvalidInput.at(pointer, "not_an_id", f"Must be the id of a {kind}.")
    return number


def kind_of(text: str) -> Kind:
    """The type that a global id names; raises NotFound for a text that is none."""
    for kind in KINDS:
        if text.startswith(kind + ":"):
            return kind
    raise NotFound
