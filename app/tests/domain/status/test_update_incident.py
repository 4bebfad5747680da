"""update_incident."""

import pytest

from nexus.domain.status.models import Incident
from nexus.domain.status.operations import post_incident, update_incident
from nexus.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from nexus.kernel.viewer import Viewer
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Viewer:
    return Viewer(make.user(role="admin").pk, role="admin")


@pytest.fixture
def incident_id(admin: Viewer) -> int:
    return post_incident(actor=admin, title="Slow", text="We look.", impact="minor", components=()).id


def test_it_adds_words_and_moves_the_state(admin: Viewer, incident_id: int) -> None:
    shown = update_incident(actor=admin, incident_id=incident_id, text="A disk is full.", state="identified")
    assert shown.state == "identified"
    assert [(each.text, each.state) for each in shown.updates] == [
        ("A disk is full.", "identified"),
        ("We look.", "investigating"),
    ]
    assert shown.resolved_at is None


def test_what_is_resolved_is_closed_by_its_last_update(admin: Viewer, incident_id: int) -> None:
    shown = update_incident(actor=admin, incident_id=incident_id, text="Mended.", state="resolved")
    assert shown.resolved_at == shown.updates[0].at
    with pytest.raises(Conflict):
        update_incident(actor=admin, incident_id=incident_id, text="Or not.", state="monitoring")
    assert Incident.objects.get().updates.count() == 2


def test_there_must_be_such_an_incident(admin: Viewer) -> None:
    with pytest.raises(NotFound):
        update_incident(actor=admin, incident_id=1, text="Mended.", state="resolved")


def test_words_and_a_known_state_are_needed(admin: Viewer, incident_id: int) -> None:
    with pytest.raises(InvalidInput) as refusal:
        update_incident(actor=admin, incident_id=incident_id, text="", state="done")
    assert [(each.pointer, each.code) for each in refusal.value.errors] == [
        ("/text", "blank"),
        ("/state", "invalid_choice"),
    ]


def test_only_administrators_do_it(incident_id: int) -> None:
    with pytest.raises(Forbidden):
        update_incident(
            actor=Viewer(make.user().pk, role="moderator"), incident_id=incident_id, text="x", state="resolved"
        )
