"""profile."""

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries

from nexus.domain.graph.operations import block_user, follow_user, unfollow_user
from nexus.domain.users.models import User
from nexus.domain.users.operations import deactivate_user, reactivate_user, update_profile
from nexus.domain.users.queries import profile, profiles
from nexus.domain.users.shapes import Relationship
from nexus.kernel.errors import NotFound
from nexus.kernel.viewer import ANONYMOUS
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_a_person_is_found_by_id_and_by_handle_in_any_case() -> None:
    ada = make.user(handle="ada_l")
    assert profile(viewer=ANONYMOUS, user=ada.pk).handle == "ada_l"
    assert profile(viewer=ANONYMOUS, user="Ada_L").id == ada.pk


def test_a_handle_of_digits_is_no_id() -> None:
    digits = make.user(handle="42")
    assert profile(viewer=ANONYMOUS, user="42").id == digits.pk
    with pytest.raises(NotFound):
        profile(viewer=ANONYMOUS, user=42)


@pytest.mark.parametrize("follows", [True, False])
@pytest.mark.parametrize("is_followed", [True, False])
def test_it_says_what_the_viewer_and_the_person_are_to_each_other(
    follows: bool, is_followed: bool, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ada, ben, other = make.user(), make.user(), make.user()
    make.follow(other, ben)
    make.follow(ada, other)
    if follows:
        make.follow(ada, ben)
    if is_followed:
        make.follow(ben, ada)
    with django_assert_num_queries(1):
        shown = profile(viewer=make.viewer(ada), user=ben.pk)
    assert shown.viewer == Relationship(is_following=follows, is_followed_by=is_followed, is_blocking=False)


def test_nobody_and_oneself_have_no_relationship() -> None:
    ada = make.user()
    assert profile(viewer=ANONYMOUS, user=ada.pk).viewer is None
    assert profile(viewer=make.viewer(ada), user=ada.pk).viewer is None


def test_unknown_deactivated_and_blocking_people_are_indistinguishable() -> None:
    viewer, gone, blocker = make.user(), make.user(is_active=False), make.user()
    make.block(blocker, viewer)
    answers = set()
    for who in (1, (1 << 63) - 1, 1 << 80, gone.pk, gone.handle, blocker.pk, blocker.handle, "nobody", "", "\x00"):
        with pytest.raises(NotFound) as refusal:
            profile(viewer=make.viewer(viewer), user=who)
        answers.add((refusal.value.detail, refusal.value.errors))
    assert len(answers) == 1
    assert profile(viewer=ANONYMOUS, user=blocker.pk).id == blocker.pk


def test_the_blocker_still_sees_whom_he_blocks() -> None:
    viewer, blocked = make.user(), make.user()
    make.block(viewer, blocked)
    assert profile(viewer=make.viewer(viewer), user=blocked.pk).viewer == Relationship(is_blocking=True)


@pytest.mark.django_db(transaction=True)
def test_nobodys_view_is_kept_until_something_in_it_changes(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ada, ben, operator = make.user(handle="ada"), make.user(), make.user(role="admin")

    def shown() -> tuple[str, int]:
        by_id, by_handle = (profile(viewer=ANONYMOUS, user=user) for user in (ada.pk, "ADA"))
        assert by_id == by_handle
        return by_id.bio, by_id.follower_count

    assert shown() == ("", 0)
    with django_assert_num_queries(0):
        assert shown() == ("", 0)
    changes: list[tuple[Callable[[], object], tuple[str, int]]] = [
        (lambda: update_profile(actor=make.viewer(ada), bio="I count."), ("I count.", 0)),
        (lambda: follow_user(actor=make.viewer(ben), user_id=ada.pk), ("I count.", 1)),
        (lambda: unfollow_user(actor=make.viewer(ben), user_id=ada.pk), ("I count.", 0)),
        (lambda: follow_user(actor=make.viewer(ben), user_id=ada.pk), ("I count.", 1)),
        (lambda: block_user(actor=make.viewer(ada), user_id=ben.pk), ("I count.", 0)),
    ]
    for change, expected in changes:
        change()
        assert shown() == expected
    deactivate_user(actor=make.viewer(operator), user_id=ada.pk)
    with pytest.raises(NotFound):
        shown()
    reactivate_user(actor=make.viewer(operator), user_id=ada.pk)
    assert shown() == ("I count.", 0)


def test_many_profiles_take_one_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    viewer, people = make.user(), [make.user() for _ in range(3)]
    make.follow(viewer, people[1])
    with django_assert_num_queries(1):
        found = profiles(make.viewer(viewer), [*(person.pk for person in people), viewer.pk, 7])
    assert set(found) == {viewer.pk, *(person.pk for person in people)}
    assert found[people[1].pk].viewer == Relationship(is_following=True)
    assert found[viewer.pk].viewer is None
    with django_assert_num_queries(0):
        assert profiles(make.viewer(viewer), []) == {}


def test_lists_show_the_active_who_neither_block_the_viewer_nor_are_blocked() -> None:
    viewer, shown, _gone, blocker, blocked = (make.user(is_active=number != 2) for number in range(5))
    make.block(blocker, viewer)
    make.block(viewer, blocked)
    make.block(shown, blocked)
    assert set(User.objects.visible_to(viewer.pk)) == {viewer, shown}
    assert set(User.objects.reachable_by(viewer.pk)) == {viewer, shown, blocked}
    assert set(User.objects.visible_to(None)) == {viewer, shown, blocker, blocked}
