"""What operators tell their users."""

from collections.abc import Collection

from nexus.domain.status.components import COMPONENTS
from nexus.domain.status.history import incident_shape
from nexus.domain.status.models import TEXT_MAX, TITLE_MAX, Impact, Incident, IncidentState, IncidentUpdate
from nexus.domain.status.shapes import IncidentShape
from nexus.kernel import clock, database
from nexus.kernel.errors import Conflict, FieldError, Forbidden, InvalidInput, NotAuthenticated, NotFound
from nexus.kernel.text import clean_text
from nexus.kernel.use_cases import operation
from nexus.kernel.viewer import Viewer


@operation(NotAuthenticated, Forbidden, InvalidInput)
def post_incident(
    *,
    actor: Viewer,
    title: str,
    text: str,
    impact: str,
    components: Collection[str],
    state: str = IncidentState.INVESTIGATING,
) -> IncidentShape:
    """Tells everybody of something that users feel, in a first update; a resolved one tells of what is over."""
    _must_be_admin(actor)
    errors: list[FieldError] = []
    title = clean_text(title, pointer="/title", max_length=TITLE_MAX, errors=errors, required=True).strip()
    text = _clean(text, errors)
    _must_be_known(errors, "/impact", [impact], Impact.values)
    _must_be_known(errors, "/state", [state], IncidentState.values)
    _must_be_known(errors, "/components", components, COMPONENTS)
    if errors:
        raise InvalidInput(errors=errors)
    now = clock.now()
    with database.atomic():
        incident = Incident.objects.create(
            title=title,
            state=state,
            impact=impact,
            # In the order of the page, each once.
            components=[name for name in COMPONENTS if name in components],
            started_at=now,
            resolved_at=now if state == IncidentState.RESOLVED else None,
        )
        update = incident.updates.create(text=text, state=state, at=now, author_id=actor.user_id)
    return incident_shape(incident, [update])


@operation(NotAuthenticated, Forbidden, NotFound, Conflict, InvalidInput)
def update_incident(*, actor: Viewer, incident_id: int, text: str, state: str) -> IncidentShape:
    """Adds what is known now, and how far the operators are; `resolved` closes the incident for good."""
    _must_be_admin(actor)
    errors: list[FieldError] = []
    text = _clean(text, errors)
    _must_be_known(errors, "/state", [state], IncidentState.values)
    if errors:
        raise InvalidInput(errors=errors)
    with database.atomic():
        incident = Incident.objects.select_for_update(no_key=True).filter(pk=incident_id).first()
        if incident is None:
            raise NotFound
        if incident.state == IncidentState.RESOLVED:
            raise Conflict("This incident is resolved. Post a new one.")
        now = clock.now()
        incident.state = state
        incident.resolved_at = now if state == IncidentState.RESOLVED else None
        incident.save(update_fields=["state", "resolved_at"])
        IncidentUpdate.objects.create(incident=incident, text=text, state=state, at=now, author_id=actor.user_id)
        updates = list(incident.updates.order_by("-at", "-id"))
    return incident_shape(incident, updates)


def _must_be_admin(actor: Viewer) -> None:
    actor.must_be_known()
    if actor.role != "admin":
        raise Forbidden


def _clean(text: str, errors: list[FieldError]) -> str:
    return clean_text(text, pointer="/text", max_length=TEXT_MAX, errors=errors, multiline=True, required=True).strip()


def _must_be_known(errors: list[FieldError], pointer: str, given: Collection[str], known: Collection[str]) -> None:
    if unknown := sorted(set(given) - set(known)):
        errors.append(FieldError(pointer, "invalid_choice", f"{', '.join(unknown)}: known are {', '.join(known)}."))
