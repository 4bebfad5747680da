"""What happens when a transaction is over, however it ended."""

import pytest

from nexus.kernel import clock, database, idempotency
from nexus.kernel.errors import NotFound
from nexus.kernel.idempotency import Answer
from nexus.kernel.outbox import ScheduledRun

pytestmark = pytest.mark.django_db(transaction=True)


def note(name: str) -> None:
    ScheduledRun.objects.create(reaction=name, next_at=clock.now())


def notes() -> list[str]:
    return sorted(ScheduledRun.objects.values_list("reaction", flat=True))


def operation(*, is_refused: bool) -> str:
    with database.atomic():
        note("effect")
        database.in_any_case(lambda: note("trace"))
        if is_refused:
            raise NotFound
    return "done"


def answer(text: str) -> Answer:
    return Answer(200, text.encode())


def test_a_refusal_leaves_its_trace_and_nothing_else() -> None:
    with pytest.raises(NotFound):
        operation(is_refused=True)
    assert notes() == ["trace"]


def test_a_success_leaves_both() -> None:
    operation(is_refused=False)
    assert notes() == ["effect", "trace"]


def test_the_trace_waits_for_the_end_of_the_outermost_transaction() -> None:
    def door() -> None:
        with database.atomic():
            operation(is_refused=False)
            assert notes() == ["effect"]
            raise NotFound

    with pytest.raises(NotFound):
        door()
    assert notes() == ["trace"]


def test_it_is_the_same_below_the_idempotency_of_a_door() -> None:
    with pytest.raises(NotFound):
        idempotency.once(None, lambda: operation(is_refused=True), answer)
    assert notes() == ["trace"]


def test_without_a_transaction_it_happens_at_once() -> None:
    database.in_any_case(lambda: note("trace"))
    assert notes() == ["trace"]


def test_each_trace_is_stored_though_another_one_fails_later() -> None:
    def leave_two() -> None:
        with database.atomic():
            database.in_any_case(lambda: note("first"))
            database.in_any_case(lambda: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        leave_two()
    assert notes() == ["first"]
