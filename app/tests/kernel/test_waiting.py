"""Nothing waits longer than its time budget: not for a connection, not for a statement, not for COMMIT or ROLLBACK."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import Error, OperationalError, connection, transaction

from nexus.kernel import database, waiting
from nexus.kernel.errors import OutcomeUnknown, Unavailable
from nexus.kernel.outbox import DeadLetter
from tests.kernel.conftest import Node
from tests.kernel.road import Road
from tests.kernel.test_idempotency import effect

pytestmark = pytest.mark.django_db(transaction=True)


def ask(statement: str = "SELECT 1") -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def seconds_of(run: Callable[[], object]) -> float:
    begun = time.monotonic()
    run()
    return time.monotonic() - begun


def test_a_connection_to_a_silent_node_is_given_up_long_before_the_budget_ends(road: Road) -> None:
    road.fall_silent()
    with database.time_budget(60), pytest.raises(OperationalError):
        ask()
    assert connection.connection is None


def test_a_node_that_is_slow_is_waited_for(road: Road) -> None:
    road.late_s = 0.3
    with database.time_budget(60):
        assert seconds_of(ask) > 2 * road.late_s  # whether there is TLS, and all else


def test_a_statement_that_a_silent_node_never_answers_ends_with_its_own_limit(road: Road) -> None:
    ask()
    road.fall_silent()
    with database.time_budget(60), pytest.raises(OperationalError) as caught:
        ask()
    assert isinstance(caught.value.__cause__, waiting.TimeUp)
    assert database.is_wrong_node(caught.value)
    assert connection.connection.closed


def test_a_statement_ends_with_the_budget_when_that_is_shorter(road: Road) -> None:
    ask()
    road.fall_silent()
    with database.time_budget(0.2), pytest.raises(OperationalError) as caught:
        ask()
    assert isinstance(caught.value.__cause__, waiting.TimeUp)


def test_a_statement_too_large_for_the_kernels_buffers_waits_no_longer(road: Road) -> None:
    ask()
    road.fall_silent()
    with database.time_budget(0.5), pytest.raises(OperationalError) as caught:
        ask(f"SELECT length('{'x' * 50_000_000}')")
    assert isinstance(caught.value.__cause__, waiting.TimeUp)


def test_an_inner_limit_holds_only_inside(road: Road) -> None:
    ask()
    with database.time_budget(60):
        with pytest.raises(OperationalError), waiting.limit(0.1):
            ask("SELECT pg_sleep(1)")
        connection.close()
        ask("SELECT pg_sleep(0.2)")
        with waiting.limit(100):
            assert database.remaining() < 60


def test_outside_of_a_budget_a_statement_may_take_its_time() -> None:
    ask("SELECT pg_sleep(0.3)")


def test_a_rollback_waits_no_longer(road: Road) -> None:
    def fail() -> None:
        with transaction.atomic():
            ask()
            road.fall_silent()
            raise ZeroDivisionError

    with database.time_budget(0.5), pytest.raises(ZeroDivisionError):
        fail()
    assert connection.connection is None


def test_closing_a_connection_to_a_silent_node_waits_for_nobody(road: Road) -> None:
    ask()
    road.fall_silent()
    assert seconds_of(connection.close) < 1


def test_a_connection_on_which_a_node_fell_silent_since_the_last_request_is_replaced(road: Road, node: Node) -> None:
    ask()
    silent = connection.connection
    road.answers = threading.Event()  # of connections that come; the one that is there keeps its own
    old, road.requests = road.requests, threading.Event()
    old.clear()
    road.speak()
    connection.close_if_unusable_or_obsolete()
    with database.time_budget(60):
        ask()
    assert connection.connection is not silent
    old.set()


def test_a_commit_whose_answer_never_comes_is_given_up_and_its_outcome_is_called_unknown(
    road: Road, node: Node
) -> None:
    def write_and_lose_the_answer() -> None:
        effect()()
        road.lose_the_answer_to(b"COMMIT")

    with database.time_budget(1), pytest.raises(OutcomeUnknown):
        database.in_transaction(write_and_lose_the_answer, is_repeatable=False)
    assert node.sql("SELECT count(*) FROM nexus_deadletter") == [(1,)]


def test_a_commit_that_waits_for_a_standby_is_cancelled_at_the_server_and_called_unknown(
    road: Road, node: Node
) -> None:
    ask()
    node.wait_for_standby("missing")
    with database.time_budget(1), pytest.raises(OutcomeUnknown):
        database.in_transaction(effect(), is_repeatable=False)
    # Neither its connection nor its locks are held on.
    assert node.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == [(0,)]
    node.sql("UPDATE nexus_deadletter SET reaction = 'free' WHERE id = 1")


def test_what_has_no_time_left_for_its_commit_is_not_committed(road: Road) -> None:
    def take_long() -> None:
        effect()()
        time.sleep(0.4)

    with pytest.raises(Unavailable), database.time_budget(0.3):
        database.in_transaction(take_long, is_repeatable=True)
    connection.close()
    assert DeadLetter.objects.count() == 0


def test_a_thread_that_waits_stops_no_other_thread(road: Road) -> None:
    turns: list[float] = []

    def wait() -> None:
        try:
            with database.time_budget(0.7):
                ask()
                road.fall_silent()
                ask()
        except Error:
            pass
        finally:
            connection.close()

    thread = threading.Thread(target=wait)
    thread.start()
    while thread.is_alive():
        turns.append(time.monotonic())
        time.sleep(0.01)
    assert len(turns) > 10


def test_a_limit_of_each_wait_is_none_of_their_sum() -> None:
    with waiting.each(0.3), connection.cursor() as cursor:
        for _ in range(3):
            cursor.execute("SELECT pg_sleep(0.15)")
        with pytest.raises(OperationalError):
            cursor.execute("SELECT pg_sleep(30)")
    connection.close()
