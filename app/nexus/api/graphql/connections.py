"""Relay connections over keyset pages. Cursors are those of REST; `after` and `before` say the direction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

import strawberry

from nexus.api.graphql.fields import field
from nexus.api.graphql.loaders import Siblings
from nexus.kernel.errors import InvalidInput
from nexus.kernel.pages import LIMIT_DEFAULT, LIMIT_MAX, Page, PageRequest
from nexus.kernel.viewer import Viewer

N = TypeVar("N")
S = TypeVar("S")

_SIZE: Final = f"How many, from 1 to {LIMIT_MAX}; {LIMIT_DEFAULT} without"
First = Annotated[int | None, strawberry.argument(description=_SIZE)]
After = Annotated[str | None, strawberry.argument(description="What follows this cursor")]
Last = Annotated[int | None, strawberry.argument(description="With `before`. " + _SIZE)]
Before = Annotated[str | None, strawberry.argument(description="What stands before this cursor (newer, in a timeline)")]


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """`hasPreviousPage` of a page that was read backward is true until a page comes back empty."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type(description="An item with its place in the list.")
class Edge(Generic[N]):
    """One item of a connection."""

    cursor: str
    node: N


@strawberry.type(description="A part of a list.")
class Connection(Generic[N]):
    """A page of nodes."""

    edges: list[Edge[N]]
    page_info: PageInfo

    @field("The nodes of `edges`, for those who need no cursors.")
    def nodes(self) -> list[N]:
        return [edge.node for edge in self.edges]


@dataclass(frozen=True, slots=True)
class Paging:
    """The arguments of a connection."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        if self.last is not None or self.before is not None:
            if self.first is not None or self.after is not None:
                raise InvalidInput.at("/before", "excluded", "Take first and after, or last and before.")
            if self.before is None:
                raise InvalidInput.at("/last", "needs_before", "last needs before: a list is read from its start.")
        name, size = ("last", self.last) if self.last is not None else ("first", self.first)
        if size is not None and not 1 <= size <= LIMIT_MAX:
            raise InvalidInput.at(f"/{name}", "out_of_range", f"{name} must be from 1 to {LIMIT_MAX}.")

    @property
    def limit(self) -> int:
        return self.first or self.last or LIMIT_DEFAULT

    @property
    def cursor(self) -> str | None:
        return self.after if self.before is None else self.before

    def request(self) -> PageRequest:
        """The page that is asked for."""
        return PageRequest(limit=self.limit, cursor=self.cursor, is_backward=self.before is not None)


def connection_of(paging: Paging, page: Page[Any], nodes: Sequence[N]) -> Connection[N]:
    """The connection for a page whose items have become `nodes`."""
    edges = [Edge(cursor=cursor, node=node) for cursor, node in zip(page.cursors(), nodes, strict=True)]
    info = PageInfo(
        has_next_page=page.next is not None,
        has_previous_page=bool(edges) if paging.before is not None else paging.after is not None,
        start_cursor=edges[0].cursor if edges else page.prev,
        # The end of a page whose last items were hidden is the place that was scanned, not the last visible item.
        end_cursor=page.next or (edges[-1].cursor if edges else None),
    )
    return Connection(edges=edges, page_info=info)


@dataclass(frozen=True, slots=True)
class Below(Generic[S, N]):
    """A list below each of some things: how its first pages are fetched for all of them, and any page for one."""

    name: str
    many: Callable[[Viewer, Sequence[int], int], Mapping[int, Page[S]]]
    one: Callable[[Viewer, int, PageRequest], Page[S]]
    nodes: Callable[[Viewer, Sequence[S]], list[N]]

    def of(self, own_id: int, siblings: Siblings[Any], paging: Paging) -> Connection[N]:
        """The list below one thing."""
        if paging.cursor is not None:
            return self._page(own_id, siblings, paging)
        found = siblings.fetched(
            (self.name, paging.limit),
            lambda shapes: self._first_pages(siblings.viewer, [shape.id for shape in shapes], paging),
        )
        return found.get(own_id) or connection_of(paging, Page((), (), None, None), [])

    def _page(self, own_id: int, siblings: Siblings[Any], paging: Paging) -> Connection[N]:
        if len(siblings.shapes) > 1:
            # It would be a statement for each of them, and an error for all but one.
            raise InvalidInput.at("/after", "not_one_list", "A cursor is for one list: ask for it below node(id).")
        page = self.one(siblings.viewer, own_id, paging.request())
        return connection_of(paging, page, self.nodes(siblings.viewer, page.items))

    def _first_pages(self, viewer: Viewer, ids: Sequence[int], paging: Paging) -> dict[int, Connection[N]]:
        pages = self.many(viewer, ids, paging.limit)
        # Made together, so that what the lists hold are siblings across all lists.
        nodes = iter(self.nodes(viewer, [item for page in pages.values() for item in page.items]))
        return {
            own_id: connection_of(paging, page, [next(nodes) for _ in page.items]) for own_id, page in pages.items()
        }
