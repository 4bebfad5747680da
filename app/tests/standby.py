"""A replica for tests: a standby of the run's own Postgres, joined to Django's connections for one test."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from local.ports import free_port
from local.postgres import Postgres, Standby
from nexus.config.settings import database
from nexus.kernel import redis, replication, written
from nexus.kernel.nodes import PRIMARY, REPLICA
from nexus.kernel.parking import BREAKER
from nexus.kernel.viewer import Viewer


class Replica:
    """The standby as the tests handle it."""

    def __init__(self, standby: Standby) -> None:
        self.standby = standby

    def sql(self, statement: str) -> object:
        """The first value of a statement that is run by nobody's connection."""
        address = {**connections[PRIMARY].get_connection_params(), "port": self.standby.port}
        made = psycopg2.connect(**{name: address[name] for name in ("host", "port", "user", "password", "dbname")})
        made.autocommit = True
        try:
            with made.cursor() as cursor:
                cursor.execute(statement)
                row = cursor.fetchone() if cursor.description else None
        finally:
            made.close()
        return row[0] if row else None

    def catch_up(self, *, beat: bool = True) -> None:
        """Returns when it has replayed all that is committed; with a beat, the clock of its last commit is fresh."""
        if beat:
            replication.beat()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_insert_lsn()")
            (target,) = cursor.fetchone()
        until = time.monotonic() + 30
        while not self.sql(f"SELECT pg_last_wal_replay_lsn() >= '{target}'"):
            assert time.monotonic() < until, "the standby does not catch up"
            time.sleep(0.01)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside, it replays nothing: everybody else is ahead of it."""
        self.sql("SELECT pg_wal_replay_pause()")
        until = time.monotonic() + 30
        while self.sql("SELECT pg_get_wal_replay_pause_state()") != "paused":
            assert time.monotonic() < until, "the standby does not pause"
            time.sleep(0.01)
        try:
            yield
        finally:
            self.sql("SELECT pg_wal_replay_resume()")

    @contextmanager
    def away(self) -> Iterator[None]:
        """Inside, nobody answers on its port."""
        with away(REPLICA):
            yield


@contextmanager
def away(alias: str) -> Iterator[None]:
    """Inside, the route to the node leads to a port on which nobody listens."""
    route = connections[alias].settings_dict
    port = route["PORT"]
    connections[alias].close()
    route["PORT"] = str(free_port())
    try:
        yield
    finally:
        connections[alias].close()
        route["PORT"] = port
        if alias == PRIMARY:
            BREAKER.wait(time.monotonic() + 10)  # somebody has begun to look for it


@contextmanager
def streaming(directory: Path) -> Iterator[Standby]:
    """A standby of the server that this run uses."""
    url = urlsplit(os.environ["NEXUS_DATABASE_URL"])
    source = Postgres(directory, int(url.port or 0), str(url.password))
    with Standby(directory, free_port(), source) as standby:
        yield standby


@contextmanager
def joined(standby: Standby) -> Iterator[Replica]:
    """Inside, Django knows the alias `replica`."""
    settings = database(os.environ["NEXUS_DATABASE_URL"], statement_timeout_ms=500)
    primary = connections[PRIMARY].settings_dict
    connections.settings[REPLICA] = {
        **primary, "PORT": str(standby.port), "OPTIONS": settings["OPTIONS"],
    }  # fmt: skip
    # pytest-django knows only the databases of the settings.
    wrapper: Any = connections[REPLICA]
    wrapper.ensure_connection = lambda: None if wrapper.connection else _connect(wrapper)
    replica = Replica(standby)
    replica.catch_up()
    try:
        yield replica
    finally:
        connections[REPLICA].close()
        del connections[REPLICA]
        del connections.settings[REPLICA]


def _connect(wrapper: BaseDatabaseWrapper) -> None:
    with wrapper.wrap_database_errors:
        wrapper.connect()


def forget_what_redis_knows(viewer: Viewer) -> None:
    """As if the user's last change was long ago."""
    redis.client().delete(written._key(viewer.must_be_known()))
