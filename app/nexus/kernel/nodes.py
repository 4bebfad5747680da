"""Which node the statements of this moment go to: the primary, or a replica inside of a read that may use one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.utils import CursorWrapper

PRIMARY: Final = DEFAULT_DB_ALIAS
REPLICA: Final = "replica"

_alias: ContextVar[str | None] = ContextVar("node", default=None)


def has_replica() -> bool:
    """Whether this installation has a route to replicas (NEXUS_DATABASE_REPLICA_URL)."""
    return REPLICA in connections.settings


def is_chosen() -> bool:
    """Whether a read around us has chosen the node already."""
    return _alias.get() is not None


def alias() -> str:
    """The node of this moment. A transaction is always the primary's, whatever is read inside of it."""
    chosen = _alias.get()
    return PRIMARY if chosen is None or connections[PRIMARY].in_atomic_block else chosen


@contextmanager
def reading_from(chosen: str) -> Iterator[None]:
    """Whatever is read inside, by models or by `cursor()`, is read from this node."""
    token = _alias.set(chosen)
    try:
        yield
    finally:
        _alias.reset(token)


def cursor() -> CursorWrapper:
    """For statements of our own in whatever can be part of a query; Django's `connection` is always the primary."""
    return connections[alias()].cursor()


class Router:
    """Django's way to ask. It always answers: left alone, Django would save a row to where it was read."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str:
        """The node of this moment."""
        return alias()

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str:
        """The primary; so do rows that are read to be locked."""
        return PRIMARY

    def allow_relation(self, one: models.Model, other: models.Model, **hints: Any) -> bool:
        """All nodes hold the same rows."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Replicas get the schema with everything else."""
        return db == PRIMARY
