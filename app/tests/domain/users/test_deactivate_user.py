"""deactivate_user."""

import pytest

from nexus.domain.users.operations import deactivate_user
from nexus.domain.users.queries import profile
from nexus.kernel.errors import Forbidden, NotAuthenticated, NotFound
from nexus.kernel.outbox import OutboxEvent
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", ["moderator", "admin"])
def test_nobody_finds_a_deactivated_person(role: str) -> None:
    operator, person = make.user(role=role), make.user()
    deactivate_user(actor=make.viewer(operator), user_id=person.pk)
    with pytest.raises(NotFound):
        profile(viewer=ANONYMOUS, user=person.pk)
    assert list(OutboxEvent.objects.values_list("name", "payload")) == [("UserDeactivated", {"user_id": person.pk})]


def test_repeating_it_changes_nothing() -> None:
    operator, gone = make.user(role="admin"), make.user(is_active=False)
    deactivate_user(actor=make.viewer(operator), user_id=gone.pk)
    assert not OutboxEvent.objects.exists()


def test_only_operators_may() -> None:
    one, other = make.user(), make.user()
    with pytest.raises(Forbidden):
        deactivate_user(actor=make.viewer(one), user_id=other.pk)
    with pytest.raises(NotAuthenticated):
        deactivate_user(actor=ANONYMOUS, user_id=other.pk)
    other.refresh_from_db()
    assert other.is_active


def test_operators_are_deactivated_by_another_administrator_only() -> None:
    moderator, admin, other = make.user(role="moderator"), make.user(role="admin"), make.user(role="admin")
    for actor, person in ((moderator, moderator), (moderator, admin), (admin, admin)):
        with pytest.raises(Forbidden):
            deactivate_user(actor=make.viewer(actor), user_id=person.pk)
    deactivate_user(actor=make.viewer(other), user_id=admin.pk)
    admin.refresh_from_db()
    assert not admin.is_active


def test_an_unknown_person_is_not_found() -> None:
    with pytest.raises(NotFound):
        deactivate_user(actor=make.viewer(make.user(role="admin")), user_id=1)
