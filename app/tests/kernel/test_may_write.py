"""Who may not write is refused by every operation that is not meant for such a one."""

import pytest

from nexus.domain.posts.operations import publish_post
from nexus.domain.users.operations import update_profile
from nexus.domain.users.queries import me
from nexus.kernel.errors import EmailNotConfirmed
from nexus.kernel.use_cases import REGISTRY
from nexus.kernel.viewer import Viewer
from tests import factories as make

pytestmark = pytest.mark.django_db

FOR_UNCONFIRMED = {
    "sign_up", "confirm_email", "resend_confirmation", "log_in", "refresh_tokens", "log_out",
    "request_password_reset", "reset_password",
}  # fmt: skip


def test_an_actor_who_may_not_write_changes_nothing_and_still_reads() -> None:
    ada = make.user(display_name="Ada")
    actor = Viewer(ada.pk, may_write=False)
    with pytest.raises(EmailNotConfirmed):
        update_profile(actor=actor, display_name="Changed")
    with pytest.raises(EmailNotConfirmed):
        publish_post(actor=actor, text="Hello")
    assert me(viewer=actor).display_name == "Ada"


def test_every_operation_but_those_of_identity_declares_the_refusal() -> None:
    operations = [each for each in REGISTRY.values() if each.kind == "operation"]
    assert {each.name for each in operations if EmailNotConfirmed not in each.errors} == FOR_UNCONFIRMED
