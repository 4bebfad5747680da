"""Fields with resolvers: strawberry's own, typed, and with what is special about them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import strawberry

from nexus.api.limits import Policy

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Marks:
    """`limit`: its rate limit. `is_secret`: its answer holds tokens, so it is stored encrypted, for a minute."""

    limit: Policy = "default"
    is_secret: bool = False


def field(description: str) -> Callable[[F], F]:
    """A field of a type that the decorated function resolves."""
    return cast(Callable[[F], F], strawberry.field(description=description))


def mutation(description: str, *, limit: Policy = "default", is_secret: bool = False) -> Callable[[F], F]:
    """An operation."""
    metadata = {"marks": Marks(limit, is_secret)}
    return cast(Callable[[F], F], strawberry.mutation(description=description, metadata=metadata))
