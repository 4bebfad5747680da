"""The tables of cause and effect agree with the code."""

import inspect
from dataclasses import dataclass, fields

from django.conf import settings

from nexus.config import celery
from nexus.config.reactions import QUEUES, REACTIONS, Reaction, reaction_of
from nexus.config.schedule import SCHEDULE, every_reaction
from nexus.kernel.outbox import ATTEMPTS_MAX, LEASE


def test_every_event_has_the_fields_that_its_reactions_need() -> None:
    for event, found in REACTIONS.items():
        given = {field.name for field in fields(event)}
        for each in found:
            parameters = inspect.signature(each.function).parameters.values()
            needed = {one.name for one in parameters if one.default is inspect.Parameter.empty}
            assert needed <= given, f"{each.name} of {event.__name__}"


def test_what_is_scheduled_needs_nothing() -> None:
    assert all(not row.reaction.fields for row in SCHEDULE)
    assert len({row.name for row in SCHEDULE}) == len(SCHEDULE)


def test_one_reaction_has_one_queue_and_one_task_of_its_name() -> None:
    found = [each for several in REACTIONS.values() for each in several] + [row.reaction for row in SCHEDULE]
    assert {each.name: each for each in found} == every_reaction()
    assert len(set(found)) == len(every_reaction())
    assert set(celery.TASKS) == set(every_reaction())
    assert all(celery.app.tasks[name] for name in every_reaction())
    assert {each.queue for each in found} == set(QUEUES)


def test_a_reaction_is_given_only_what_it_names() -> None:
    @dataclass
    class Seen:
        post_id: int = 0

    seen = Seen()

    def note(*, post_id: int) -> None:
        seen.post_id = post_id

    Reaction("note", note, "default", reaction_of(note).fields).react({"post_id": 7, "new_in_the_next_release": True})
    assert seen.post_id == 7


def test_a_task_ends_before_its_delivery_is_sent_again() -> None:
    assert celery.SOFT_LIMIT_S < celery.HARD_LIMIT_S < LEASE.total_seconds()
    assert celery.app.conf.broker_transport_options["visibility_timeout"] > LEASE.total_seconds()
    assert settings.NEXUS.graceful_timeout > celery.HARD_LIMIT_S
    assert ATTEMPTS_MAX == 8
