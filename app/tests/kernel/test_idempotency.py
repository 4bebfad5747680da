"""A call that is sent twice has one effect."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from nexus.kernel import clock, database
from nexus.kernel.errors import (
    IdempotencyAnswerExpired,
    IdempotencyInProgress,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    NotFound,
    OutcomeUnknown,
)
from nexus.kernel.idempotency import Answer, IdempotencyKey, Key, Undo, once, purge_expired, read_key
from nexus.kernel.outbox import DeadLetter

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "0123456789abcdef"


def key(text: str = TEXT, body: bytes = b"{}", user_id: int | None = 7) -> Key:
    found = read_key(text, user_id=user_id, method="POST", path="/api/v1/posts", body=body)
    assert found is not None
    return found


def effect(name: str = "written") -> Callable[[], str]:
    """An operation that leaves a row behind."""

    def run() -> str:
        now = clock.now()
        DeadLetter.objects.create(
            id=DeadLetter.objects.count() + 1, reaction=name, payload={}, created_at=now, attempts=1, last_error=""
        )
        return name

    return run


def render(text: str) -> Answer:
    return Answer(201, text.encode(), {"Location": "/x"})


def effects() -> int:
    return DeadLetter.objects.count()


def test_the_second_call_gets_the_first_ones_answer_and_does_nothing() -> None:
    first = once(key(), effect(), render)
    second = once(key(), effect(), render)
    assert first == Answer(201, b"written", {"Location": "/x"})
    assert second == Answer(201, b"written", {"Location": "/x", "Idempotent-Replayed": "true"})
    assert effects() == 1


def test_a_replay_makes_a_commit_of_its_own() -> None:
    once(key(), effect(), render)
    assert IdempotencyKey.objects.get().replayed_at is None
    once(key(), effect(), render)
    assert IdempotencyKey.objects.get().replayed_at is not None


def test_without_a_key_each_call_is_its_own() -> None:
    once(None, effect(), render)
    once(None, effect(), render)
    assert effects() == 2
    assert IdempotencyKey.objects.count() == 0


def test_the_same_key_for_another_call_is_refused() -> None:
    once(key(body=b'{"text": "a"}'), effect(), render)
    with pytest.raises(IdempotencyKeyReused):
        once(key(body=b'{"text": "b"}'), effect(), render)
    assert effects() == 1


def test_two_people_may_use_the_same_key() -> None:
    once(key(user_id=7), effect(), render)
    once(key(user_id=8), effect(), render)
    assert effects() == 2


def test_a_call_that_fails_stores_nothing_and_may_be_sent_again() -> None:
    def fail() -> str:
        effect()()
        raise NotFound

    with pytest.raises(NotFound):
        once(key(), fail, render)
    assert (effects(), IdempotencyKey.objects.count()) == (0, 0)
    assert once(key(), effect(), render).status == 201


def test_undo_answers_and_stores_nothing() -> None:
    def undo() -> str:
        effect()()
        raise Undo(Answer(200, b"errors"))

    assert once(key(), undo, render) == Answer(200, b"errors")
    assert (effects(), IdempotencyKey.objects.count()) == (0, 0)


def test_twenty_calls_at_once_have_one_effect_and_equal_answers() -> None:
    answers: list[bytes] = []
    refused: list[str] = []
    start = threading.Barrier(20)

    def call() -> None:
        start.wait()
        try:
            answers.append(once(key(), effect(), render).body)
        except IdempotencyInProgress as error:
            refused.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert effects() == 1
    assert set(answers) == {b"written"}
    assert len(answers) + len(refused) == 20


def test_a_call_that_runs_longer_than_the_wait_is_told_of() -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow() -> str:
        entered.set()
        leave.wait(20)
        return effect()()

    def first() -> None:
        once(key(), slow, render)
        connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    try:
        entered.wait(20)
        with pytest.raises(IdempotencyInProgress) as caught, database.time_budget(2):
            once(key(), effect(), render)
        assert caught.value.retry_after == 1
    finally:
        leave.set()
        thread.join()
    assert effects() == 1


def test_neither_the_key_nor_a_secret_answer_can_be_read_in_the_database() -> None:
    once(key(), effect(), lambda _: Answer(200, b"token-token-token", is_secret=True))
    row = IdempotencyKey.objects.get()
    stored = bytes(row.key_hash) + bytes(row.body) + str(row.headers).encode()
    assert TEXT.encode() not in stored
    assert b"token" not in stored
    assert once(key(), effect(), render).body == b"token-token-token"


def test_a_secret_answer_is_gone_after_a_minute_and_the_effect_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    once(key(), effect(), lambda _: Answer(200, b"tokens", is_secret=True))
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(IdempotencyAnswerExpired):
        once(key(), effect(), render)
    assert effects() == 1


def test_after_a_day_the_key_is_as_good_as_new_and_is_purged() -> None:
    once(key(), effect(), render)
    IdempotencyKey.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    assert once(key(body=b"other"), effect(), render).headers == {"Location": "/x"}
    assert effects() == 2
    IdempotencyKey.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    once(key("another-key-still-good"), effect(), render)
    assert purge_expired() == 1
    assert IdempotencyKey.objects.count() == 1


@pytest.mark.parametrize(
    "text",
    [
        "short",
        "x" * 129,
        "0123456789abcdé\x00",
        "0123456789abcdef\n",
        "0123456789 abcdef",
        '"0123456789abcdef',
        '"0123456789"abcdef"',
    ],
)
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(IdempotencyKeyInvalid):
        key(text)


def test_a_key_may_stand_in_quotes() -> None:
    assert key(f'"{TEXT}"') == key(TEXT)


def test_a_connection_that_breaks_in_the_middle_is_replaced_and_the_effect_is_one() -> None:
    tries = []

    def broken_once() -> str:
        tries.append(1)
        if len(tries) == 1:
            effect()()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return effect()()

    assert once(key(), broken_once, render).status == 201
    assert (len(tries), effects()) == (2, 1)


def test_a_commit_whose_answer_was_lost_is_settled_by_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    lose_next_commit(monkeypatch)
    assert once(key(), effect(), render).headers.get("Idempotent-Replayed") == "true"
    assert effects() == 1


def test_a_commit_whose_answer_was_lost_is_unknown_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    lose_next_commit(monkeypatch)
    with pytest.raises(OutcomeUnknown):
        once(None, effect(), render)
    assert effects() == 1


def test_a_lost_commit_that_nothing_settles_is_not_called_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise OperationalError("connection refused")

    lose_next_commit(monkeypatch, then=gone)
    with pytest.raises(OutcomeUnknown), database.time_budget(1):
        once(key(), effect(), render)
    monkeypatch.undo()
    assert effects() == 1


def test_a_row_that_somebody_holds_for_a_moment_is_waited_for() -> None:
    effect()()
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with database.atomic():
            DeadLetter.objects.select_for_update().get(id=1)
            entered.set()
            leave.wait(1.5)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(20)
    try:
        answer = once(None, lambda: str(DeadLetter.objects.filter(id=1).update(reaction="changed")), render)
    finally:
        leave.set()
        thread.join()
    assert answer.body == b"1"


def lose_next_commit(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None] | None = None) -> None:
    """The next COMMIT is done by the server, and its answer never arrives: what a broken cable does."""
    commit = connection._commit  # type: ignore[attr-defined]  # Django's own, without a public name

    def commit_and_break() -> None:
        monkeypatch.undo()
        commit()
        if then is not None:
            monkeypatch.setattr(connection, "connect", then)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(connection, "_commit", commit_and_break)


def test_an_id_that_somebody_else_has_made_is_replaced() -> None:
    effect()()
    ids = iter([1, 2])

    def collide() -> str:
        DeadLetter.objects.create(
            id=next(ids), reaction="second", payload={}, created_at=clock.now(), attempts=1, last_error=""
        )
        return "second"

    assert database.in_transaction(collide, is_repeatable=False) == "second"
    assert effects() == 2
