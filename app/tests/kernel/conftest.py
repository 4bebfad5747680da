"""A primary of its own for tests that stop it, and a road to it that they can close."""

import contextlib
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg2
import pytest
from django.db import connection

from local.ports import free_port
from local.postgres import Postgres, Standby
from nexus.kernel.parking import BREAKER
from tests.kernel.road import Road


class Node:
    """A Postgres that a test may do anything with, and its side door."""

    def __init__(self, server: Postgres, database: str) -> None:
        self.server = server
        self._database = database

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Runs it past the application, and waits for no standby."""
        with contextlib.closing(
            psycopg2.connect(
                host="127.0.0.1",
                port=self.server.port,
                user="nexus",
                password=self.server.password,
                dbname=self._database,
                options="-c synchronous_commit=local",
            )
        ) as side_door:
            side_door.autocommit = True
            with side_door.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []

    def wait_for_standby(self, name: str) -> None:
        """Commits wait for this standby from now on; nobody's is ''."""
        self.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        self.sql("SELECT pg_reload_conf()")
        while self.sql("SHOW synchronous_standby_names") != [(name,)]:
            pass


@pytest.fixture(scope="session")
def copy(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: object
) -> Iterator[Postgres]:
    """A server with everything that the one of the test run has, schema included."""
    folder = tmp_path_factory.mktemp("copy")
    source = Postgres(folder, urlsplit(os.environ["NEXUS_DATABASE_URL"]).port or 0)
    with Standby(folder / "promoted", free_port(), source) as server:
        server.promote()
        yield server


@pytest.fixture
def node(copy: Postgres) -> Iterator[Node]:
    """That copy, empty."""
    found = Node(copy, str(connection.settings_dict["NAME"]))
    yield found
    found.wait_for_standby("")
    found.sql("TRUNCATE nexus_idempotencykey, nexus_deadletter, nexus_delivery, nexus_outboxevent")


@pytest.fixture
def road(node: Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[Road]:
    """All that the application asks of its primary goes over this road, to that copy."""
    with Road(node.server.port) as found:
        connection.close()
        monkeypatch.setitem(connection.settings_dict, "PORT", found.port)
        yield found
        found.speak()
        found.lead(node.server.port)
        BREAKER.wait(float("inf"))
        connection.close()
        monkeypatch.undo()
