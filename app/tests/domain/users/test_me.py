"""me."""

import pytest
from pytest_django import DjangoAssertNumQueries

from nexus.domain.users.queries import me
from nexus.domain.users.shapes import UserShape
from nexus.kernel.errors import NotAuthenticated
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_it_is_the_viewers_own_profile_in_one_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ada, ben = make.user(handle="ada", display_name="Ada", bio="I count."), make.user()
    make.follow(ben, ada)
    with django_assert_num_queries(1):
        shown = me(viewer=make.viewer(ada))
    assert shown == UserShape(
        id=ada.pk,
        handle="ada",
        display_name="Ada",
        bio="I count.",
        follower_count=1,
        following_count=0,
        post_count=0,
        created_at=ada.created_at,
        version=1,
        viewer=None,
    )


def test_nobody_and_the_deactivated_must_log_in() -> None:
    gone = make.user(is_active=False)
    for viewer in (ANONYMOUS, make.viewer(gone), Viewer(user_id=1)):
        with pytest.raises(NotAuthenticated):
            me(viewer=viewer)
