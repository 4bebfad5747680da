"""A commit that no standby has confirmed is not acknowledged, whoever ended its wait, and a replay is no exception."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import DataError, OperationalError, connection, transaction
from prometheus_client import REGISTRY

from nexus.kernel import database
from nexus.kernel.errors import IdempotencyAnswerExpired, OutcomeUnknown
from nexus.kernel.idempotency import Answer, once
from nexus.kernel.postgres.base import Unconfirmed
from tests.kernel.conftest import Node
from tests.kernel.road import Road
from tests.kernel.test_idempotency import effect, key, render

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("road")]

CANCEL = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@contextmanager
def an_administrator(node: Node, does: str) -> Iterator[None]:
    """Does this every moment to all that waits for a standby."""
    is_over = threading.Event()

    def go_on() -> None:
        while not is_over.wait(0.05):
            node.sql(does)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def write() -> None:
    with database.atomic():
        effect()()


def effects(node: Node) -> int:
    return int(str(node.sql("SELECT count(*) FROM nexus_deadletter")[0][0]))


def test_a_commit_whose_wait_an_administrator_has_cancelled_is_an_error(node: Node) -> None:
    connection.ensure_connection()
    node.wait_for_standby("missing")
    with an_administrator(node, CANCEL), pytest.raises(OperationalError) as caught:
        write()
    assert isinstance(caught.value.__cause__, Unconfirmed)
    # Postgres has called it done, and a failover would undo it.
    assert effects(node) == 1


def test_what_was_to_happen_after_the_commit_does_not_happen_after_an_unconfirmed_one(node: Node) -> None:
    happened: list[str] = []

    def write_and_tell() -> None:
        effect()()
        transaction.on_commit(lambda: happened.append("told"))

    connection.ensure_connection()
    node.wait_for_standby("missing")
    with an_administrator(node, CANCEL), pytest.raises(OutcomeUnknown):
        database.in_transaction(write_and_tell, is_repeatable=False)
    assert happened == []


@pytest.mark.parametrize("end", [CANCEL, CANCEL.replace("cancel", "terminate")], ids=["cancelled", "terminated"])
def test_without_a_key_the_outcome_is_unknown_and_nothing_is_tried_again(node: Node, end: str) -> None:
    connection.ensure_connection()
    node.wait_for_standby("missing")
    with an_administrator(node, end), pytest.raises(OutcomeUnknown):
        once(None, effect(), render)
    assert effects(node) == 1


def test_a_retry_on_the_old_primary_is_not_answered_until_a_standby_confirms_it(node: Node) -> None:
    """The primary is cut off from its standbys, and from everybody but this client."""
    connection.ensure_connection()
    node.wait_for_standby("missing")
    for _ in range(2):
        with database.time_budget(1), pytest.raises(OutcomeUnknown):
            once(key(), effect(), render)
    with an_administrator(node, CANCEL), database.time_budget(2), pytest.raises(OutcomeUnknown):
        once(key(), effect(), render)
    node.wait_for_standby("")
    answer = once(key(), effect(), render)
    assert (answer.status, answer.headers["Idempotent-Replayed"]) == (201, "true")
    assert effects(node) == 1


def test_that_an_answer_has_expired_is_not_told_before_its_call_is_confirmed(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer_with_tokens(_: str) -> Answer:
        return Answer(200, b"tokens", is_secret=True)

    once(key(), effect(), answer_with_tokens)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    node.wait_for_standby("missing")
    with database.time_budget(1), pytest.raises(OutcomeUnknown):
        once(key(), effect(), answer_with_tokens)
    node.wait_for_standby("")
    with pytest.raises(IdempotencyAnswerExpired):
        once(key(), effect(), answer_with_tokens)


def test_a_commit_that_is_confirmed_late_is_answered(node: Node) -> None:
    connection.ensure_connection()
    node.wait_for_standby("missing")
    timer = threading.Timer(0.5, node.wait_for_standby, [""])
    timer.start()
    assert once(key(), effect(), render).headers == {"Location": "/x"}
    timer.join()


def test_a_keyed_commit_whose_answer_is_lost_on_the_way_is_settled_inside_the_budget(node: Node, road: Road) -> None:
    def give_up_silence() -> None:
        road.lead(node.server.port)
        road.speak()

    def write_and_lose_the_answer() -> str:
        road.lose_the_answer_to(b"COMMIT")
        threading.Timer(0.5, give_up_silence).start()
        return effect()()

    answer = once(key(), write_and_lose_the_answer, render)
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert effects(node) == 1


def test_notices_before_the_commit_are_no_notice_of_the_commit() -> None:
    with database.atomic(), connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE WARNING 'of the body'; END $$")
        effect()()


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_what_was_cancelled_and_what_was_not_confirmed_is_counted(node: Node) -> None:
    connection.ensure_connection()
    node.wait_for_standby("missing")
    names = ("nexus_commits_cancelled_total", "nexus_commits_unconfirmed_total")
    before = [counted(name) for name in names]
    with database.time_budget(0.5), pytest.raises(OutcomeUnknown):
        once(None, effect(), render)
    assert [counted(name) for name in names] == [each + 1 for each in before]


def test_errors_of_the_database_are_counted_by_their_class() -> None:
    before = counted("nexus_database_errors_total", **{"class": "22"})
    with pytest.raises(DataError), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    assert counted("nexus_database_errors_total", **{"class": "22"}) == before + 1
