"""update_profile."""

import pytest

from nexus.domain.users.models import User
from nexus.domain.users.operations import update_profile
from nexus.kernel.errors import InvalidInput, NotAuthenticated, PreconditionFailed
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_only_what_is_given_changes_and_the_version_counts_the_edit() -> None:
    ada, other = make.user(display_name="Ada", bio="I count."), make.user(bio="untouched")
    shown = update_profile(actor=make.viewer(ada), display_name="Ada L.")
    assert (shown.display_name, shown.bio, shown.version, shown.viewer) == ("Ada L.", "I count.", 2, None)
    assert update_profile(actor=make.viewer(ada), bio="").bio == ""
    row = User.objects.get(pk=ada.pk)
    assert (row.display_name, row.bio, row.version) == ("Ada L.", "", 3)
    other.refresh_from_db()
    assert (other.bio, other.version) == ("untouched", 1)


def test_values_that_are_the_same_already_are_no_edit() -> None:
    ada = make.user(display_name="Ada")
    assert update_profile(actor=make.viewer(ada), display_name="Ada").version == 1
    assert update_profile(actor=make.viewer(ada)).version == 1


def test_an_edit_of_an_older_version_is_refused_and_changes_nothing() -> None:
    ada = make.user(bio="first")
    assert update_profile(actor=make.viewer(ada), bio="second", version=1).version == 2
    with pytest.raises(PreconditionFailed):
        update_profile(actor=make.viewer(ada), bio="third", version=1)
    ada.refresh_from_db()
    assert (ada.bio, ada.version) == ("second", 2)


def test_text_is_normalised_and_its_edges_are_trimmed() -> None:
    ada = make.user()
    shown = update_profile(actor=make.viewer(ada), display_name=" Zoe\u0308 ", bio="one\r\ntwo\n")
    assert (shown.display_name, shown.bio) == ("Zoë", "one\ntwo")


def test_all_errors_are_told_at_once() -> None:
    ada = make.user(display_name="Ada")
    with pytest.raises(InvalidInput) as refusal:
        update_profile(actor=make.viewer(ada), display_name="x" * 51, bio="\x00")
    assert [(error.pointer, error.code) for error in refusal.value.errors] == [
        ("/display_name", "too_long"),
        ("/bio", "control_character"),
    ]
    ada.refresh_from_db()
    assert (ada.display_name, ada.version) == ("Ada", 1)


def test_the_limits_count_code_points() -> None:
    ada = make.viewer(make.user())
    assert update_profile(actor=ada, display_name="🙂" * 50).display_name == "🙂" * 50
    assert update_profile(actor=ada, bio="🙂" * 500).bio == "🙂" * 500
    with pytest.raises(InvalidInput):
        update_profile(actor=ada, display_name="🙂" * 51)
    with pytest.raises(InvalidInput):
        update_profile(actor=ada, bio="🙂" * 501)


def test_a_display_name_has_one_line() -> None:
    with pytest.raises(InvalidInput):
        update_profile(actor=make.viewer(make.user()), display_name="two\nlines")


def test_nobody_and_the_deactivated_must_log_in() -> None:
    gone = make.user(is_active=False)
    for actor in (ANONYMOUS, make.viewer(gone)):
        with pytest.raises(NotAuthenticated):
            update_profile(actor=actor, bio="still here")
    gone.refresh_from_db()
    assert gone.bio == ""
