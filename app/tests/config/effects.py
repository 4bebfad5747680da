"""Events that tests publish, and the effects that their reactions have had."""

from django.db import connection

from nexus.kernel.outbox import OutboxEvent


def publish(name: str, numbers: range, request_id: str = "") -> None:
    """One event for each number."""
    OutboxEvent.objects.bulk_create(
        OutboxEvent(name=name, payload={"number": number}, request_id=request_id) for number in numbers
    )


def effects() -> list[int]:
    """The numbers that were written, each as often as it was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM effects_of_tests WHERE number >= 0 ORDER BY number")
        return [number for (number,) in cursor.fetchall()]
