"""What hangs below things that are answered together is fetched for all of them at once, when it is first asked for.

Every object of an answer knows its siblings: all objects that stand at the same place of the document. The first that
is asked for its comments fetches the comments of all; these comments are siblings again. So each place of a document
costs one fetch, however much data there is, without an event loop: docs/decisions/graphql-by-siblings.md compares.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from nexus.kernel.viewer import Viewer

S = TypeVar("S")
R = TypeVar("R")


class Siblings(Generic[S]):
    """The shapes behind the objects at one place of an answer, and what was fetched for all of them."""

    __slots__ = ("_fetched", "shapes", "viewer")

    def __init__(self, viewer: Viewer, shapes: Sequence[S]) -> None:
        self.viewer = viewer
        self.shapes = shapes
        self._fetched: dict[Hashable, Any] = {}

    def fetched(self, key: Hashable, fetch: Callable[[Sequence[S]], R]) -> R:
        """`fetch(shapes)`, once for each key; its error too, so that a failing statement is not sent again for each."""
        if key not in self._fetched:
            try:
                self._fetched[key] = fetch(self.shapes)
            except Exception as error:
                self._fetched[key] = error
        found = self._fetched[key]
        if isinstance(found, Exception):
            raise found
        answer: R = found
        return answer
