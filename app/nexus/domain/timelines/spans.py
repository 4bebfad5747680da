"""A stretch of a timeline, by ids."""

from dataclasses import dataclass
from typing import Self

from nexus.kernel.ids import MAX_ID
from nexus.kernel.pages import Cursor


@dataclass(frozen=True, slots=True)
class Span:
    """The ids between `above` and `below`, neither included, to be read from the newest, or upward from the oldest."""

    above: int = 0
    below: int = MAX_ID
    is_upward: bool = False

    @classmethod
    def of(cls, cursor: Cursor | None) -> Self:
        """What a cursor asks for."""
        if cursor is None:
            return cls()
        return cls(above=cursor.position, is_upward=True) if cursor.is_backward else cls(below=cursor.position)

    def after(self, position: int) -> "Span":
        """What is left of it once all up to `position` has been read."""
        if self.is_upward:
            return Span(above=position, below=self.below, is_upward=True)
        return Span(above=self.above, below=position)

    @property
    def order(self) -> str:
        """The prefix of Django's `order_by`."""
        return "" if self.is_upward else "-"
