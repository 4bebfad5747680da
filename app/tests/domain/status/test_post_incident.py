"""post_incident."""

from typing import Any

import pytest

from nexus.domain.status.models import Incident, IncidentUpdate
from nexus.domain.status.operations import post_incident
from nexus.kernel.errors import Forbidden, InvalidInput, NotAuthenticated
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make

pytestmark = pytest.mark.django_db

WORDS: dict[str, Any] = {
    "title": "Slow timelines", "text": "We are looking.", "impact": "major", "components": ["work", "api", "api"]
}  # fmt: skip


def admin() -> Viewer:
    return Viewer(make.user(role="admin").pk, role="admin")


def test_it_is_stored_with_its_first_words_and_their_author() -> None:
    actor = admin()
    shown = post_incident(actor=actor, **WORDS)
    assert (shown.title, shown.state, shown.impact, shown.components) == (
        *("Slow timelines", "investigating", "major", ("api", "work")),
    )
    assert [(each.text, each.state) for each in shown.updates] == [("We are looking.", "investigating")]
    assert shown.resolved_at is None
    assert IncidentUpdate.objects.get().author_id == actor.user_id


def test_what_is_over_can_be_told_too() -> None:
    assert post_incident(actor=admin(), **WORDS, state="resolved").resolved_at is not None


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as refusal:
        post_incident(actor=admin(), title=" ", text="x" * 2_001, impact="huge", components=["api", "disk"], state="?")
    assert [(each.pointer, each.code) for each in refusal.value.errors] == [
        ("/title", "blank"),
        ("/text", "too_long"),
        ("/impact", "invalid_choice"),
        ("/state", "invalid_choice"),
        ("/components", "invalid_choice"),
    ]
    assert not Incident.objects.exists()


@pytest.mark.parametrize("role", ["user", "moderator"])
def test_only_administrators_speak_for_the_installation(role: Any) -> None:
    with pytest.raises(Forbidden):
        post_incident(actor=Viewer(make.user(role=role).pk, role=role), **WORDS)
    with pytest.raises(NotAuthenticated):
        post_incident(actor=ANONYMOUS, **WORDS)
    assert not Incident.objects.exists()
