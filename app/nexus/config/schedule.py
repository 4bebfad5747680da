"""What happens by the clock: how often -> what. The relay makes deliveries of it; there is no beat process to lose."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from nexus.config.reactions import QUEUES, REACTIONS, Reaction, reaction_of
from nexus.domain.identity.reactions import purge_spent_tokens
from nexus.domain.status.reactions import purge_status
from nexus.kernel import clock, metrics
from nexus.kernel.purging import purge_dead_letters, purge_idempotency_keys
from nexus.kernel.use_cases import reaction


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One row: a reaction without parameters, and how long after one run the next is made."""

    reaction: Reaction
    every: timedelta

    @property
    def name(self) -> str:
        """The reaction's."""
        return self.reaction.name


def _heartbeat(queue: str) -> Reaction:
    """A task that does nothing but prove that its queue moves, from the relay through the broker to a worker."""

    def send() -> None:
        """Notes the time as a metric, whose age is what an alert looks at."""
        metrics.HEARTBEAT.labels(queue).set(clock.now().timestamp())

    send.__name__ = f"send_heartbeat_{queue}"
    return reaction_of(reaction(send), queue)


SCHEDULE: Final = (
    *(Scheduled(_heartbeat(queue), timedelta(seconds=10)) for queue in QUEUES),
    # Some thousands of rows a run at most: each is soon over, and an hour's backlog too.
    Scheduled(reaction_of(purge_idempotency_keys), timedelta(minutes=1)),
    Scheduled(reaction_of(purge_spent_tokens), timedelta(minutes=10)),
    Scheduled(reaction_of(purge_dead_letters), timedelta(hours=1)),
    Scheduled(reaction_of(purge_status), timedelta(minutes=10)),
)


def every_reaction() -> dict[str, Reaction]:
    """All that a worker can be asked to do, by name."""
    caused = (each for found in REACTIONS.values() for each in found)
    return {each.name: each for each in (*caused, *(row.reaction for row in SCHEDULE))}
