"""What is retried, and until when."""

import time

import pytest
from django.db import OperationalError, connection

from nexus.kernel import database
from nexus.kernel.errors import Unavailable

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_query_survives_the_end_of_its_connection() -> None:
    tries = []

    def ask() -> int:
        tries.append(1)
        with connection.cursor() as cursor:
            if len(tries) == 1:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            cursor.execute("SELECT 42")
            return int(cursor.fetchone()[0])

    assert database.retrying(ask) == 42
    assert len(tries) == 2


def test_a_node_that_is_read_only_is_left_for_another_connection() -> None:
    backends = []

    def write() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backends.append(cursor.fetchone()[0])
            if len(backends) == 1:
                cursor.execute("SET default_transaction_read_only = on")
            cursor.execute("CREATE TABLE written_once (id int)")

    try:
        database.retrying(write)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS written_once")
    assert len(set(backends)) == 2


def test_a_transaction_that_stood_still_for_too_long_is_done_again() -> None:
    backends = []

    def write() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backends.append(cursor.fetchone()[0])
            if len(backends) == 1:
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 50")
                time.sleep(0.5)
            cursor.execute("SELECT 42")
            return int(cursor.fetchone()[0])

    assert database.in_transaction(write, is_repeatable=False) == 42
    assert len(set(backends)) == 2


def test_trying_ends_with_half_of_the_time_budget() -> None:
    tries = []

    def fail() -> None:
        tries.append(time.monotonic())
        raise OperationalError("no connection")

    with pytest.raises(OperationalError), database.time_budget(0.6):
        database.retrying(fail)
    assert len(tries) > 1
    assert tries[-1] - tries[0] < 0.6


def test_a_fault_of_ours_is_not_tried_again() -> None:
    tries = []

    def fail() -> None:
        tries.append(1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT no_such_column")

    with pytest.raises(Exception, match="no_such_column") as caught:
        database.retrying(fail)
    assert len(tries) == 1
    assert database.as_unavailable(caught.value) is None


def test_a_statement_that_takes_too_long_is_an_answer_and_not_a_fault() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 50")
        try:
            with pytest.raises(OperationalError) as caught:
                cursor.execute("SELECT pg_sleep(5)")
        finally:
            cursor.execute("RESET statement_timeout")
    unavailable = database.as_unavailable(caught.value)
    assert isinstance(unavailable, Unavailable)
    assert unavailable.retry_after in (1, 2, 3)


@pytest.mark.parametrize("state", ["53100", "53200", "53300"])
def test_a_server_that_is_short_of_something_is_an_answer_and_not_a_fault(state: str) -> None:
    with pytest.raises(OperationalError) as caught, connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '{state}'; END $$")
    assert isinstance(database.as_unavailable(caught.value), Unavailable)
    assert not database.is_wrong_node(caught.value), "it would be as short of it a moment later"
