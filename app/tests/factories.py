"""Rows for tests: each factory leaves the database as the operations would, counters and hashtags included."""

# mypy: disable-error-code="no-untyped-call"
# (factory_boy's declarations have no types)

from collections.abc import Iterable
from typing import Any

from allauth.account.models import EmailAddress
from django.db.models import F
from factory.declarations import LazyAttribute, LazyFunction, Sequence, SubFactory
from factory.django import DjangoModelFactory

from nexus.domain.graph.models import Block, Follow
from nexus.domain.posts.models import Hashtag, Like, Post, PostHashtag
from nexus.domain.users.models import User
from nexus.kernel.ids import new_id
from nexus.kernel.viewer import Role, Viewer

PASSWORD = "correct horse battery"


class UserFactory(DjangoModelFactory[User]):
    """People named person_1, person_2, .. who cannot log in unless a password is given."""

    class Meta:
        model = User

    handle = Sequence(lambda n: f"person_{n}")
    display_name = LazyAttribute(lambda person: person.handle.replace("_", " ").title())
    password = "!"


class PostFactory(DjangoModelFactory[Post]):
    """Public posts; one with `reply_to` joins the thread of that post."""

    class Meta:
        model = Post

    id = LazyFunction(new_id)
    author = SubFactory(UserFactory)
    text = Sequence(lambda n: f"Thought number {n}")
    root_id = LazyAttribute(lambda post: post.reply_to.root_id if post.reply_to else post.id)
    reply_to = None


def user(*, email: str | None = None, is_confirmed: bool = True, password: str | None = None, **fields: Any) -> User:
    """A person; with `email`, its address; with `password`, one who can log in (costs an Argon2 hash)."""
    person = UserFactory.build(**fields)
    if password is not None:
        person.set_password(password)
    person.save(force_insert=True)
    if email is not None:
        EmailAddress.objects.create(user=person, email=email, verified=is_confirmed, primary=True)
    return person


def post(
    author: User | None = None, *, mentions: Iterable[User] = (), hashtags: Iterable[str] = (), **fields: Any
) -> Post:
    """A post by `author` (or by somebody new), with the counters of its author and of the post that it answers."""
    tags = list(hashtags)
    written = PostFactory.create(
        author=author or user(), mention_ids=[person.id for person in mentions], hashtags=tags, **fields
    )
    for name in tags:
        hashtag, _ = Hashtag.objects.get_or_create(name=name)
        PostHashtag.objects.create(hashtag=hashtag, post=written)
    if written.deleted_at is None and written.is_open:
        _add(written.author, post_count=1)
        if written.reply_to is not None:
            _add(written.reply_to, comment_count=1)
    return written


def follow(follower: User, followee: User) -> Follow:
    """`follower` follows `followee`."""
    edge = Follow.objects.create(follower=follower, followee=followee)
    _add(follower, following_count=1)
    _add(followee, follower_count=1)
    return edge


def block(blocker: User, blocked: User) -> Block:
    """`blocker` blocks `blocked`, which ends the follows between them."""
    for edge in Follow.objects.filter(follower__in=[blocker, blocked], followee__in=[blocker, blocked]):
        edge.delete()
        _add(blocker if edge.follower_id == blocker.id else blocked, following_count=-1)
        _add(blocker if edge.followee_id == blocker.id else blocked, follower_count=-1)
    return Block.objects.create(blocker=blocker, blocked=blocked)


def like(person: User, liked: Post) -> Like:
    """`person` likes `liked`."""
    edge = Like.objects.create(user=person, post=liked)
    _add(liked, like_count=1)
    return edge


def viewer(person: User, role: Role | None = None) -> Viewer:
    """The person as a caller of use-cases, without a login."""
    roles: dict[str, Role] = {"user": "user", "moderator": "moderator", "admin": "admin"}
    return Viewer(user_id=person.id, role=role or roles[person.role])


def _add(row: User | Post, **counts: int) -> None:
    """Changes counters in the database and in the object that the test holds."""
    type(row)._base_manager.filter(pk=row.pk).update(**{name: F(name) + count for name, count in counts.items()})
    row.refresh_from_db(fields=list(counts))
