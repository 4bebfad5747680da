"""How Nexus does."""

from django.conf import settings

from nexus.domain.status.components import components, overall
from nexus.domain.status.history import COPY
from nexus.domain.status.shapes import StatusShape
from nexus.kernel.parking import BREAKER
from nexus.kernel.use_cases import query
from nexus.kernel.viewer import Viewer


@query(is_of_process=True)
def service_status(*, viewer: Viewer) -> StatusShape:
    """The components now, the objectives over ninety days and the incidents; also while nothing else answers."""
    del viewer  # the same for everybody
    known = COPY.latest()
    found = components(known, is_primary_away=BREAKER.is_away, has_cache=bool(settings.NEXUS.redis_url))
    history = known.history
    return StatusShape(
        state=overall(found),
        components=found,
        history_at=history.read_at if history else None,
        first_day=history.first_day.isoformat() if history else None,
        objectives=history.objectives if history else (),
        incidents=history.incidents if history else (),
    )
