"""What others did: told once, grouped, and only what the recipient may see."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection

from nexus.domain.graph.operations import block_user, unfollow_user
from nexus.domain.notifications import operations
from nexus.domain.notifications.models import NotificationActor
from nexus.domain.notifications.queries import last_sequence, notifications, notifications_since
from nexus.domain.notifications.shapes import NotificationShape
from nexus.domain.posts.operations import delete_post, edit_post, unlike_post
from nexus.domain.users.models import User
from nexus.kernel import database
from nexus.kernel.errors import NotAuthenticated
from nexus.kernel.pages import Page, PageRequest
from nexus.kernel.viewer import ANONYMOUS
from tests.factories import follow, like, post, user, viewer


def seen_by(person: User, limit: int = 20, cursor: str | None = None) -> Page[NotificationShape]:
    return notifications(viewer=viewer(person), page=PageRequest(limit, cursor))


def lines(person: User) -> list[tuple[str, list[str], int]]:
    return [(row.kind, [actor.handle for actor in row.actors], row.actor_count) for row in seen_by(person).items]


@pytest.mark.django_db
def test_nobody_has_no_notifications() -> None:
    with pytest.raises(NotAuthenticated):
        notifications(viewer=ANONYMOUS, page=PageRequest())


@pytest.mark.django_db
def test_likes_of_one_post_are_one_line_with_the_newest_in_front() -> None:
    author, ann, bob = user(handle="author"), user(handle="ann"), user(handle="bob")
    liked = post(author)
    for person in (ann, bob):
        like(person, liked)
        operations.notify_post_liked(user_id=person.id, post_id=liked.id)
    (line,) = seen_by(author).items
    assert (line.kind, [actor.handle for actor in line.actors], line.actor_count) == ("liked", ["bob", "ann"], 2)
    assert line.post is not None
    assert (line.post.id, line.is_read) == (liked.id, False)


@pytest.mark.django_db
def test_at_most_eight_people_are_shown_and_all_are_counted() -> None:
    author = user()
    liked = post(author)
    fans = [user() for _ in range(12)]
    for fan in fans:
        like(fan, liked)
        operations.notify_post_liked(user_id=fan.id, post_id=liked.id)
    (line,) = seen_by(author).items
    assert [actor.id for actor in line.actors] == [fan.id for fan in reversed(fans)][:8]
    assert line.actor_count == 12


@pytest.mark.django_db
def test_a_reaction_that_runs_twice_tells_once() -> None:
    author, fan = user(), user()
    liked = post(author)
    like(fan, liked)
    operations.notify_post_liked(user_id=fan.id, post_id=liked.id)
    operations.notify_post_liked(user_id=fan.id, post_id=liked.id)
    assert seen_by(author).items[0].actor_count == 1
    assert last_sequence(author.id) == 1


@pytest.mark.django_db
def test_like_and_unlike_in_any_order_end_as_the_last_state_says() -> None:
    author, fan = user(), user()
    liked = post(author)
    like(fan, liked)
    unlike_post(actor=viewer(fan), post_id=liked.id)
    operations.notify_post_liked(user_id=fan.id, post_id=liked.id)
    assert lines(author) == []
    like(fan, liked)
    operations.notify_post_liked(user_id=fan.id, post_id=liked.id)
    operations.withdraw_post_liked(user_id=fan.id, post_id=liked.id)
    assert lines(author) == [("liked", [fan.handle], 1)]
    unlike_post(actor=viewer(fan), post_id=liked.id)
    operations.withdraw_post_liked(user_id=fan.id, post_id=liked.id)
    assert lines(author) == []


@pytest.mark.django_db
def test_what_one_does_to_oneself_is_no_news() -> None:
    author = user()
    own = post(author, mentions=[author])
    answer = post(author, reply_to=own)
    like(author, own)
    operations.notify_post_liked(user_id=author.id, post_id=own.id)
    operations.notify_post_mentioned(post_id=own.id)
    operations.notify_post_replied(post_id=answer.id)
    assert lines(author) == []


@pytest.mark.django_db
def test_followers_are_one_line_and_leave_it_when_they_go() -> None:
    star, ann, bob = user(), user(handle="ann"), user(handle="bob")
    for person in (ann, bob):
        follow(person, star)
        operations.notify_user_followed(follower_id=person.id, followee_id=star.id)
    assert lines(star) == [("followed", ["bob", "ann"], 2)]
    unfollow_user(actor=viewer(bob), user_id=star.id)
    operations.withdraw_user_followed(follower_id=bob.id, followee_id=star.id)
    assert lines(star) == [("followed", ["ann"], 1)]


@pytest.mark.django_db
def test_who_is_answered_is_told_of_the_answer_and_not_of_the_mention_as_well() -> None:
    asker, named = user(), user()
    question = post(asker)
    answer = post(user(handle="wise"), reply_to=question, mentions=[asker, named])
    operations.notify_post_replied(post_id=answer.id)
    operations.notify_post_mentioned(post_id=answer.id)
    assert lines(asker) == [("replied", ["wise"], 1)]
    assert lines(named) == [("mentioned", ["wise"], 1)]


@pytest.mark.django_db
def test_an_edit_tells_those_who_are_new_in_the_text_and_nobody_twice() -> None:
    author, old, new = user(), user(handle="old"), user(handle="new")
    written = post(author, text="@old", mentions=[old])
    operations.notify_post_mentioned(post_id=written.id)
    edit_post(actor=viewer(author), post_id=written.id, text="@old @new")
    operations.notify_post_mentioned(post_id=written.id)
    assert (last_sequence(old.id), last_sequence(new.id)) == (1, 1)


@pytest.mark.django_db
def test_an_answer_that_its_recipient_may_not_see_is_no_news() -> None:
    asker, stranger = user(), user()
    answer = post(stranger, reply_to=post(asker), visibility="followers")
    operations.notify_post_replied(post_id=answer.id)
    assert lines(asker) == []
    assert last_sequence(asker.id) == 0


@pytest.mark.django_db
@pytest.mark.parametrize("who_blocks", ["recipient", "actor"])
def test_a_block_takes_people_out_of_what_was_told_before(who_blocks: str) -> None:
    author, fan, other = user(), user(), user(handle="other")
    liked = post(author)
    for person in (fan, other):
        like(person, liked)
        operations.notify_post_liked(user_id=person.id, post_id=liked.id)
    blocker, blocked = (author, fan) if who_blocks == "recipient" else (fan, author)
    block_user(actor=viewer(blocker), user_id=blocked.id)
    assert lines(author) == [("liked", ["other"], 1)]


@pytest.mark.django_db
def test_a_line_whose_people_are_all_hidden_is_not_shown() -> None:
    author, fan = user(), user()
    liked = post(author)
    like(fan, liked)
    operations.notify_post_liked(user_id=fan.id, post_id=liked.id)
    block_user(actor=viewer(author), user_id=fan.id)
    assert seen_by(author).items == ()


@pytest.mark.django_db
def test_a_deleted_post_takes_its_notifications_along() -> None:
    author, named = user(), user()
    written = post(author, mentions=[named])
    operations.notify_post_mentioned(post_id=written.id)
    assert len(lines(named)) == 1
    delete_post(actor=viewer(author), post_id=written.id)
    assert lines(named) == []


@pytest.mark.django_db
def test_after_reading_a_new_line_begins_with_those_who_are_new() -> None:
    author, ann, bob = user(), user(handle="ann"), user(handle="bob")
    liked = post(author)
    like(ann, liked)
    operations.notify_post_liked(user_id=ann.id, post_id=liked.id)
    operations.mark_notifications_read(actor=viewer(author))
    like(bob, liked)
    operations.notify_post_liked(user_id=bob.id, post_id=liked.id)
    operations.notify_post_liked(user_id=ann.id, post_id=liked.id)
    assert lines(author) == [("liked", ["bob"], 1), ("liked", ["ann"], 1)]
    assert [line.is_read for line in seen_by(author).items] == [False, True]


@pytest.mark.django_db
def test_pages_follow_each_other_without_a_gap() -> None:
    reader = user()
    written = [post(mentions=[reader]) for _ in range(7)]
    for each in written:
        operations.notify_post_mentioned(post_id=each.id)
    read: list[int] = []
    page = seen_by(reader, limit=3)
    read += [line.post.id for line in page.items if line.post]
    while page.next is not None:
        page = seen_by(reader, limit=3, cursor=page.next)
        read += [line.post.id for line in page.items if line.post]
    assert read == [each.id for each in reversed(written)]


@pytest.mark.django_db
def test_replay_gives_what_came_after_in_the_order_of_commits() -> None:
    reader = user()
    written = [post(mentions=[reader]) for _ in range(5)]
    for each in written:
        operations.notify_post_mentioned(post_id=each.id)
    assert [line.sequence for line in notifications_since(reader.id, 2, 2)] == [3, 4]
    assert [line.sequence for line in notifications_since(reader.id, 5, 10)] == []


@pytest.mark.django_db
def test_a_page_takes_five_statements_however_long_it_is(
    django_assert_num_queries: Callable[[int], AbstractContextManager[object]],
) -> None:
    reader = user()
    for _ in range(10):
        operations.notify_post_mentioned(post_id=post(mentions=[reader]).id)
    for limit in (2, 10):
        with django_assert_num_queries(5):
            assert len(seen_by(reader, limit=limit).items) == limit


@pytest.mark.django_db(transaction=True)
def test_many_at_once_get_distinct_numbers_and_one_line() -> None:
    author = user()
    liked = post(author)
    fans = [user() for _ in range(8)]
    for fan in fans:
        like(fan, liked)
    start = threading.Barrier(len(fans))

    def react(fan: User) -> None:
        start.wait()
        with database.atomic():
            operations.notify_post_liked(user_id=fan.id, post_id=liked.id)
        connection.close()

    threads = [threading.Thread(target=react, args=[fan]) for fan in fans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert last_sequence(author.id) == 8
    assert NotificationActor.objects.filter(recipient_id=author.id).count() == 8
    (line,) = seen_by(author).items
    assert (line.actor_count, line.sequence) == (8, 8)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_liked", [True, False])
def test_what_changes_while_it_is_told_ends_as_the_last_state_says(is_liked: bool) -> None:
    author, fan = user(), user()
    liked = post(author)
    like(fan, liked)
    names = {"user_id": fan.id, "post_id": liked.id}
    if is_liked:
        operations.notify_post_liked(**names)
        unlike_post(actor=viewer(fan), post_id=liked.id)
    about_to_write, overtaken = threading.Event(), threading.Event()

    def stand_still(execute: Any, sql: str, *others: Any) -> Any:
        if sql.startswith(("DELETE", "INSERT")) and '"nexus_notification' in sql:
            about_to_write.set()
            overtaken.wait(0.3)
        return execute(sql, *others)

    def react() -> None:
        try:
            with connection.execute_wrapper(stand_still):
                (operations.withdraw_post_liked if is_liked else operations.notify_post_liked)(**names)
        finally:
            connection.close()

    thread = threading.Thread(target=react)
    thread.start()
    assert about_to_write.wait(30)
    if is_liked:
        like(fan, liked)
        operations.notify_post_liked(**names)
    else:
        unlike_post(actor=viewer(fan), post_id=liked.id)
        operations.withdraw_post_liked(**names)
    overtaken.set()
    thread.join()
    assert lines(author) == ([("liked", [fan.handle], 1)] if is_liked else [])
