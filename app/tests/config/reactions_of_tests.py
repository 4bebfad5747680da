"""The roles as they are, with reactions whose effects a test can count. Never imported by the tests' own process.

Leases and pauses are short here: what is waited for is the same.
"""

import os
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nexus.config.settings")
django.setup()

from django.db import connection  # noqa: E402

from nexus.config import __main__ as program  # noqa: E402
from nexus.config import reactions, schedule  # noqa: E402
from nexus.kernel import deliveries, outbox  # noqa: E402
from nexus.kernel.use_cases import reaction  # noqa: E402


@dataclass(frozen=True, slots=True)
class NumberDrawn(outbox.Event):
    number: int


@dataclass(frozen=True, slots=True)
class PoisonTaken(outbox.Event):
    number: int


@dataclass(frozen=True, slots=True)
class FailureMet(outbox.Event):
    number: int


def _note(number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO effects_of_tests (number) VALUES (%s)", [number])


@reaction
def note_number(*, number: int) -> None:
    _note(number)
    time.sleep(float(os.environ.get("TEST_TASK_SECONDS", "0")))


@reaction
def take_poison(*, number: int) -> None:
    if Path(os.environ["TEST_POISON"]).exists():
        os._exit(9)
    _note(number)


@reaction
def meet_failure(*, number: int) -> None:
    _note(number)
    raise LookupError(f"no luck with {number}")


@reaction
def note_tick() -> None:
    _note(-1)


reactions.REACTIONS[NumberDrawn] = (reactions.reaction_of(note_number),)
reactions.REACTIONS[PoisonTaken] = (reactions.reaction_of(take_poison),)
reactions.REACTIONS[FailureMet] = (reactions.reaction_of(meet_failure),)
tick = schedule.Scheduled(reactions.reaction_of(note_tick), timedelta(hours=1))
schedule.SCHEDULE = (*schedule.SCHEDULE, tick)  # type: ignore[misc]
outbox.LEASE = timedelta(seconds=float(os.environ.get("TEST_LEASE_SECONDS", "30")))  # type: ignore[misc]
deliveries.PAUSES_S = (0.2,)  # type: ignore[assignment,misc]
main = program.main
