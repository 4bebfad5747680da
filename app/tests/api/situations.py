"""Situations in which something is asked: who asks, and with which arguments, after what was prepared."""

from collections.abc import Callable
from typing import Any, Final

from allauth.account.models import EmailAddress

from nexus.domain.graph.operations import follow_user
from nexus.domain.identity import logins
from nexus.domain.notifications import operations as notifications
from nexus.domain.notifications.models import Notification
from nexus.domain.posts.models import Post
from nexus.domain.users.models import User
from nexus.kernel.pages import PageRequest
from tests import factories as make

Given = Callable[[], tuple[User | None, dict[str, Any]]]
EMAIL: Final = "ada@example.org"
MISSING: Final = 1
PAGE: Final = PageRequest(limit=2)


def nobody(**arguments: Any) -> Given:
    return lambda: (None, arguments)


def somebody(**arguments: Any) -> Given:
    return lambda: (make.user(), arguments)


def to_somebody(**arguments: Any) -> Given:
    return lambda: (make.user(), {"user_id": make.user().pk, **arguments})


def to_self() -> tuple[User, dict[str, Any]]:
    person = make.user()
    return person, {"user_id": person.pk}


def following() -> tuple[User, dict[str, Any]]:
    person, other = make.user(), make.user()
    make.follow(person, other)
    return person, {"user_id": other.pk}


def blocking() -> tuple[User, dict[str, Any]]:
    person, other = make.user(), make.user()
    make.block(person, other)
    return person, {"user_id": other.pk}


def blocked_by() -> tuple[User, dict[str, Any]]:
    person, arguments = blocking()
    return User.objects.get(pk=arguments["user_id"]), {"user_id": person.pk}


def of_a_crowd(**arguments: Any) -> Given:
    def given() -> tuple[User, dict[str, Any]]:
        viewer, star = make.user(), make.user()
        for _ in range(4):
            fan = make.user()
            make.follow(fan, star)
            make.follow(star, fan)
        make.block(fan, viewer)
        return viewer, {"user_id": star.pk, "page": PAGE, **arguments}

    return given


def to_a_post(**arguments: Any) -> Given:
    return lambda: (make.user(), {"post_id": make.post(hashtags=["nexus"], mentions=[make.user()]).pk, **arguments})


def to_an_own_post(**arguments: Any) -> Given:
    def given() -> tuple[User, dict[str, Any]]:
        author = make.user()
        return author, {"post_id": make.post(author, hashtags=["old"]).pk, **arguments}

    return given


def to_a_hidden_post(**arguments: Any) -> Given:
    return lambda: (make.user(), {"post_id": make.post(visibility="followers").pk, **arguments})


def to_a_liked_post(**arguments: Any) -> Given:
    def given() -> tuple[User, dict[str, Any]]:
        viewer, liked = make.user(), make.post()
        for person in (viewer, make.user(), make.user()):
            make.like(person, liked)
        return viewer, {"post_id": liked.pk, **arguments}

    return given


def in_a_thread(**arguments: Any) -> Given:
    def given() -> tuple[User, dict[str, Any]]:
        viewer, root = make.user(), make.post()
        middle = make.post(reply_to=root, visibility="followers")
        asked = make.post(reply_to=middle)
        comments = [make.post(reply_to=asked, text=f"comment {n}") for n in range(4)]
        make.post(reply_to=comments[0])
        return viewer, {"post_id": asked.pk, "page": PAGE, **arguments}

    return given


def timeline(**arguments: Any) -> Given:
    """A reader who follows an author of four posts, one of them for followers; `user_id=...` is replaced by his id."""

    def given() -> tuple[User, dict[str, Any]]:
        reader, author = make.user(), make.user()
        make.follow(reader, author)
        posts: list[Post] = [make.post(author, hashtags=["nexus"]) for _ in range(3)]
        make.post(author, visibility="followers")
        make.like(reader, posts[0])
        filled = {name: author.pk if value is ... else value for name, value in arguments.items()}
        return reader, {"page": PAGE, **filled}

    return given


def inbox(**arguments: Any) -> Given:
    """Three notifications: a follow, and two likes of one post in a group; `up_to_id=...` is replaced by the first."""

    def given() -> tuple[User, dict[str, Any]]:
        reader, fans = make.user(), [make.user(), make.user()]
        follow_user(actor=make.viewer(fans[0]), user_id=reader.pk)
        notifications.notify_user_followed(follower_id=fans[0].pk, followee_id=reader.pk)
        liked = make.post(reader)
        for fan in fans:
            make.like(fan, liked)
            notifications.notify_post_liked(user_id=fan.pk, post_id=liked.pk)
        notifications.notify_post_mentioned(post_id=make.post(mentions=[reader]).pk)
        first = reader_notifications(reader)[0]
        return reader, {name: first if value is ... else value for name, value in arguments.items()}

    return given


def reader_notifications(reader: User) -> list[int]:
    return list(Notification.objects.filter(recipient=reader).order_by("sequence").values_list("pk", flat=True))


def with_account(**arguments: Any) -> Given:
    def given() -> tuple[None, dict[str, Any]]:
        make.user(handle="ada", email=EMAIL, password=make.PASSWORD)
        return None, arguments

    return given


def with_mail_key(make_key: Callable[[EmailAddress], str], **arguments: Any) -> Given:
    def given() -> tuple[None, dict[str, Any]]:
        person = make.user(handle="ada", email=EMAIL, is_confirmed=False, password=make.PASSWORD)
        return None, {"key": make_key(EmailAddress.objects.get(user=person)), **arguments}

    return given


def with_refresh_token() -> tuple[None, dict[str, Any]]:
    return None, {"refresh_token": logins.begin(make.user()).refresh_token}


def replying_to_what_is_hidden() -> tuple[User, dict[str, Any]]:
    return make.user(), {"text": "Hello", "reply_to_id": make.post(visibility="followers").pk}
