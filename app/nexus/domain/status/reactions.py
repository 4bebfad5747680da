"""What the worker does about the status page: tidying up."""

from nexus.domain.status import counting
from nexus.kernel.use_cases import reaction


@reaction
def purge_status() -> None:
    """Deletes days, minutes and sources that are shown no more."""
    counting.purge()
