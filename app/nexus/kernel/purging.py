"""What ends the life of rows that nobody needs any more; run by schedule."""

from datetime import timedelta
from typing import Final

from nexus.kernel import clock, idempotency
from nexus.kernel.outbox import DeadLetter
from nexus.kernel.use_cases import reaction

DEAD_LETTERS_KEPT: Final = timedelta(days=30)


@reaction
def purge_idempotency_keys() -> None:
    """Deletes keys whose time is over, so many a run that a run stays short."""
    idempotency.purge_expired()


@reaction
def purge_dead_letters() -> None:
    """Deletes dead letters that no operator has run again in thirty days."""
    DeadLetter.objects.filter(died_at__lt=clock.now() - DEAD_LETTERS_KEPT).delete()
