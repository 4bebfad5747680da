"""The primary goes away and comes back: a few writes wait for it, others are refused; none is lost or done twice."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import OperationalError, connection, connections

from haproxy.tests.door import wait_until
from local.ports import free_port
from local.postgres import Standby
from nexus.kernel import clock, database, waiting
from nexus.kernel.errors import OutcomeUnknown, Unavailable
from nexus.kernel.idempotency import Answer, once
from nexus.kernel.outbox import DeadLetter
from nexus.kernel.parking import BREAKER
from nexus.kernel.postgres.base import DatabaseWrapper, WrongNode
from tests.kernel.conftest import Node
from tests.kernel.road import Road
from tests.kernel.test_idempotency import effect, key, render

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Of a server, with a connection of its own each."""
    with ThreadPoolExecutor(16) as pool:
        yield pool


def write(number: int) -> Answer:
    """A call of its own with 10 seconds of time; its post has the number."""
    try:
        with database.time_budget():
            return once(key(f"key-of-call-number-{number:06}"), lambda: insert(number), render)
    finally:
        connection.close()


def insert(number: int) -> str:
    DeadLetter.objects.create(
        id=number, reaction="written", payload={}, created_at=clock.now(), attempts=1, last_error=""
    )
    return "written"


def ask() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def eventually(holds: Callable[[], bool]) -> None:
    wait_until(holds, "what was to happen")


def find_it_away() -> None:
    with pytest.raises(OperationalError):
        ask()
    connection.close()
    assert BREAKER.is_away


def test_writes_wait_while_the_primary_is_away_and_are_done_when_it_is_back(
    road: Road, node: Node, threads: ThreadPoolExecutor
) -> None:
    road.lead(None)
    calls = [threads.submit(write, number) for number in range(BREAKER.slots)]
    eventually(lambda: BREAKER._parked == BREAKER.slots)
    time.sleep(2)
    assert not any(call.done() for call in calls)
    road.lead(node.server.port)
    assert [call.result().status for call in calls] == [201] * BREAKER.slots
    assert node.sql("SELECT count(*) FROM nexus_deadletter") == [(BREAKER.slots,)]


def test_one_more_than_may_wait_is_refused_at_once_and_nothing_is_done(
    road: Road, node: Node, threads: ThreadPoolExecutor
) -> None:
    road.lead(None)
    calls = [threads.submit(write, number) for number in range(BREAKER.slots)]
    eventually(lambda: BREAKER._parked == BREAKER.slots)
    with pytest.raises(Unavailable) as caught, database.time_budget():
        once(key(), effect(), render)
    assert not any(call.done() for call in calls)
    assert caught.value.retry_after in (1, 2, 3)
    road.lead(node.server.port)
    assert {call.result().status for call in calls} == {201}


def test_commits_that_wait_for_a_standby_count_as_writes_that_wait(
    road: Road, node: Node, threads: ThreadPoolExecutor
) -> None:
    node.wait_for_standby("missing")
    calls = [threads.submit(write, number) for number in range(BREAKER.slots)]

    def is_refused() -> bool:
        try:
            BREAKER.must_have_room()
        except Unavailable:
            return True
        return False

    eventually(is_refused)
    node.wait_for_standby("")
    assert {call.result().status for call in calls} == {201}
    assert not is_refused()


def test_a_write_gives_up_in_time_for_an_answer(road: Road) -> None:
    road.lead(None)
    with database.time_budget(2):
        with pytest.raises(OperationalError) as caught:
            once(key(), effect(), render)
        assert database.remaining() > 0
    assert isinstance(database.as_unavailable(caught.value), Unavailable)


def test_a_write_whose_client_has_left_gives_its_place_to_another(road: Road) -> None:
    is_there = threading.Event()
    is_there.set()
    threading.Timer(0.3, is_there.clear).start()
    road.lead(None)
    with database.time_budget(60), waiting.on_behalf_of(is_there.is_set):
        with pytest.raises(OperationalError):
            once(key(), effect(), render)
        assert database.remaining() > 30
    assert BREAKER._parked == 0


def test_while_it_is_away_only_one_thread_looks_for_it(road: Road, threads: ThreadPoolExecutor) -> None:
    road.fall_silent()
    find_it_away()
    probers = [thread for thread in threading.enumerate() if thread.name == "primary-prober"]
    assert len(probers) == 1
    # Nobody else waits for a connection that will not come.
    for call in [threads.submit(ask) for _ in range(16)]:
        with pytest.raises(OperationalError, match="primary is away"):
            call.result()


def test_one_broken_connection_is_no_reason_to_call_the_primary_away(road: Road, node: Node) -> None:
    ask()
    road.lead(node.server.port)
    with pytest.raises(OperationalError):
        ask()
    connection.close()
    ask()
    assert not BREAKER.is_away


def test_a_process_that_is_forked_while_the_primary_is_away_looks_for_it_itself(road: Road, node: Node) -> None:
    road.lead(None)
    find_it_away()
    pid = os.fork()
    if pid == 0:
        os._exit(BREAKER.is_away)
    assert os.waitpid(pid, 0)[1] == 0
    assert BREAKER.is_away


def test_a_node_in_recovery_is_left_until_the_road_leads_to_the_primary(road: Road, node: Node, tmp_path: Path) -> None:
    with Standby(tmp_path, free_port(), node.server) as standby:
        road.lead(standby.port)
        connection.close()
        with pytest.raises(OperationalError) as caught:
            ask()
        assert isinstance(caught.value.__cause__, WrongNode)
        assert database.is_wrong_node(caught.value)
        threading.Timer(0.5, road.lead, [node.server.port]).start()
        assert once(key(), effect(), render).status == 201


def test_a_connection_that_says_it_is_in_recovery_is_not_used_for_the_primary(node: Node, tmp_path: Path) -> None:
    with Standby(tmp_path, free_port(), node.server) as server:
        settings = {**connection.settings_dict, "PORT": server.port}
        replica = DatabaseWrapper(settings, "replica")
        primary = DatabaseWrapper(settings, "default")
        replica.connect()
        primary.connection = replica.connection
        assert replica.is_usable()
        assert not primary.is_usable()
        server.promote()
        assert primary.is_usable()
        replica.close()


@contextmanager
def steady(threads: ThreadPoolExecutor, numbers: Iterator[int], calls: "list[Future[Answer]]") -> Iterator[None]:
    """As many clients as may wait, each with one call after the other."""
    is_over = threading.Event()

    def client() -> None:
        while not is_over.is_set():
            call: Future[Answer] = Future()
            calls.append(call)
            try:
                call.set_result(write(next(numbers)))
            except Exception as error:
                call.set_exception(error)

    clients = [threads.submit(client) for _ in range(BREAKER.slots)]
    try:
        yield
    finally:
        is_over.set()
        for each in clients:
            each.result()


def test_a_failover_under_load_fails_no_keyed_write_and_loses_and_doubles_none(
    road: Road, node: Node, tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    calls: list[Future[Answer]] = []
    numbers = iter(range(1_000_000))
    with Standby(tmp_path, free_port(), node.server) as standby:
        node.wait_for_standby(standby.application_name)
        with steady(threads, numbers, calls):
            eventually(lambda: sum(call.done() for call in calls) > 50)
            road.lead(None)
            standby.promote()
            road.lead(standby.port)
            done = len(calls)
            eventually(lambda: sum(call.done() for call in calls) > done + 50)
        assert {call.result().status for call in calls} == {201}
        rows = Node(standby, str(connection.settings_dict["NAME"])).sql("SELECT id FROM nexus_deadletter")
        assert len(rows) == len(calls)
        road.lead(node.server.port)
        connections.close_all()


def test_after_a_commit_of_unknown_outcome_no_refusal_claims_that_nothing_was_done(
    road: Road, node: Node, threads: ThreadPoolExecutor
) -> None:
    """All places are taken when the keyed call wants to wait for what tells it."""
    others: list[Future[Answer]] = []

    def write_and_lose_the_answer() -> str:
        done = effect(name="lost")()
        road.to = None  # for new connections
        others.extend(threads.submit(write, number) for number in range(100, 100 + BREAKER.slots))
        eventually(lambda: BREAKER._parked == BREAKER.slots)
        road.lose_the_answer_to(b"COMMIT")
        threading.Timer(0.5, road.lead, [None]).start()
        return done

    with database.time_budget(5), pytest.raises(OutcomeUnknown):
        once(key(), write_and_lose_the_answer, render)
    road.speak()
    road.lead(node.server.port)
    assert {call.result().status for call in others} == {201}
    assert node.sql("SELECT count(*) FROM nexus_deadletter WHERE reaction = 'lost'") == [(1,)]
