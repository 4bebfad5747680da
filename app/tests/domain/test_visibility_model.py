"""What anybody can see by any query is what a naive model in plain Python says, whatever people have done before."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from django.db import connection
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from nexus.domain.graph.errors import UserIsBlocked
from nexus.domain.graph.operations import block_user, follow_user, unblock_user, unfollow_user
from nexus.domain.posts.models import Post
from nexus.domain.posts.operations import delete_post, edit_post, like_post, publish_post, unlike_post
from nexus.domain.posts.queries import comments_of_many, likers, likers_of_many, post, thread, visible_posts
from nexus.domain.posts.shapes import PostShape
from nexus.domain.timelines.operations import fan_out_post
from nexus.domain.timelines.queries import (
    hashtag_timeline,
    home_timeline,
    public_timeline,
    user_timeline,
    user_timelines_of_many,
)
from nexus.domain.users.operations import deactivate_user, reactivate_user
from nexus.kernel import redis
from nexus.kernel.errors import DomainError, Forbidden, NotFound
from nexus.kernel.pages import Page, PageRequest
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make

pytestmark = pytest.mark.django_db

PEOPLE = 5
TAGS = ("tea", "наука")
VISIBILITIES = ("public", "unlisted", "followers", "mentioned")
OPERATOR = Viewer(user_id=1, role="admin")


@dataclass
class Written:
    """A post as the model knows it."""

    id: int
    author: int
    visibility: str
    reply_to: int | None
    tag: str | None = None
    mentioned: int | None = None
    is_deleted: bool = False


@dataclass
class World:
    """Sets of ids, and the rules of the house said once more, as slowly and as plainly as possible."""

    active: set[int]
    follows: set[tuple[int, int]] = field(default_factory=set)
    blocks: set[tuple[int, int]] = field(default_factory=set)
    posts: dict[int, Written] = field(default_factory=dict)
    likes: list[tuple[int, int]] = field(default_factory=list)

    def are_apart(self, one: int | None, other: int | None) -> bool:
        return (one, other) in self.blocks or (other, one) in self.blocks

    def meets(self, viewer: int | None, person: int) -> bool:
        return person in self.active and not self.are_apart(viewer, person)

    def sees(self, viewer: int | None, post_id: int) -> bool:
        written = self.posts[post_id]
        if written.is_deleted or not self.meets(viewer, written.author):
            return False
        if written.visibility in ("public", "unlisted") or viewer == written.author:
            return True
        if viewer is not None and viewer == written.mentioned:
            return True
        return written.visibility == "followers" and (viewer, written.author) in self.follows

    def seen(self, viewer: int | None) -> Iterator[Written]:
        """Newest first."""
        for post_id in sorted(self.posts, reverse=True):
            if self.sees(viewer, post_id):
                yield self.posts[post_id]

    def answers(self, post_id: int) -> list[int]:
        return sorted(each.id for each in self.posts.values() if each.reply_to == post_id)

    def comments(self, viewer: int | None, post_id: int) -> list[tuple[int, bool]]:
        """Each with whether it is an empty place."""
        return [
            (comment, not self.sees(viewer, comment))
            for comment in self.answers(post_id)
            if self.sees(viewer, comment) or any(self.sees(viewer, answer) for answer in self.answers(comment))
        ]

    def ancestors(self, viewer: int | None, post_id: int) -> list[tuple[int, bool]]:
        above = self.posts[post_id].reply_to
        return [] if above is None else [*self.ancestors(viewer, above), (above, not self.sees(viewer, above))]

    def likers(self, viewer: int | None, post_id: int) -> list[int]:
        return [user for user, liked in reversed(self.likes) if liked == post_id and self.meets(viewer, user)]

    def home(self, viewer: int) -> list[int]:
        def is_known(person: int) -> bool:
            return person == viewer or (viewer, person) in self.follows

        return [
            each.id
            for each in self.seen(viewer)
            if each.author == viewer
            or (is_known(each.author) and (each.reply_to is None or is_known(self.posts[each.reply_to].author)))
        ]

    def public(self, viewer: int | None) -> list[int]:
        return [each.id for each in self.seen(viewer) if each.visibility == "public" and each.reply_to is None]

    def tagged(self, viewer: int | None, tag: str) -> list[int]:
        return [each.id for each in self.seen(viewer) if each.visibility == "public" and each.tag == tag]

    def written(self, viewer: int | None, author: int) -> list[int]:
        return [each.id for each in self.seen(viewer) if each.author == author]

    def count(self, **what: int) -> int:
        """Of posts that are there and open to all."""
        return sum(
            not each.is_deleted
            and each.visibility in ("public", "unlisted")
            and all(getattr(each, name) == value for name, value in what.items())
            for each in self.posts.values()
        )


# What people do. Each changes the world as it should and then Nexus, which must allow exactly the same.


def expect(call: Callable[[], object], error: type[DomainError] | None) -> None:
    if error is None:
        call()
    else:
        with pytest.raises(error):
            call()


def do_follow(world: World, actor: int, other: int) -> None:
    error: type[DomainError] | None = None
    if other not in world.active or (other, actor) in world.blocks:
        error = NotFound
    elif (actor, other) in world.blocks:
        error = UserIsBlocked
    else:
        world.follows.add((actor, other))
    expect(lambda: follow_user(actor=Viewer(actor), user_id=other), error)


def do_unfollow(world: World, actor: int, other: int) -> None:
    error = None if other in world.active and (other, actor) not in world.blocks else NotFound
    if error is None:
        world.follows.discard((actor, other))
    expect(lambda: unfollow_user(actor=Viewer(actor), user_id=other), error)


def do_block(world: World, actor: int, other: int) -> None:
    error = None if other in world.active and (other, actor) not in world.blocks else NotFound
    if error is None:
        world.blocks.add((actor, other))
        world.follows -= {(actor, other), (other, actor)}
    expect(lambda: block_user(actor=Viewer(actor), user_id=other), error)


def do_unblock(world: World, actor: int, other: int) -> None:
    error = None if other in world.active and (other, actor) not in world.blocks else NotFound
    if error is None:
        world.blocks.discard((actor, other))
    expect(lambda: unblock_user(actor=Viewer(actor), user_id=other), error)


def do_leave_or_return(world: World, person: int) -> None:
    if person in world.active:
        world.active.discard(person)
        deactivate_user(actor=OPERATOR, user_id=person)
    else:
        world.active.add(person)
        reactivate_user(actor=OPERATOR, user_id=person)


def text_of(tag: str | None, mentioned: int | None, names: dict[int, str]) -> str:
    return " ".join(["Thought", *([f"#{tag}"] if tag else []), *([f"@{names[mentioned]}"] if mentioned else [])])


def do_publish(
    world: World,
    names: dict[int, str],
    actor: int,
    parent: int | None,
    visibility: str,
    tag: str | None,
    other: int | None,
) -> None:
    def publish() -> PostShape:
        text = text_of(tag, other, names)
        return publish_post(actor=Viewer(actor), text=text, visibility=visibility, reply_to_id=parent)

    if parent is not None and not world.sees(actor, parent):
        expect(publish, NotFound)
        return
    shown = publish()
    mentioned = other if other is not None and world.meets(actor, other) else None
    world.posts[shown.id] = Written(shown.id, actor, visibility, parent, tag, mentioned)
    fan_out_post(post_id=shown.id)


def do_edit(world: World, names: dict[int, str], actor: int, post_id: int, tag: str | None, other: int | None) -> None:
    def edit() -> PostShape:
        return edit_post(actor=Viewer(actor), post_id=post_id, text=text_of(tag, other, names) + " again")

    if not world.sees(actor, post_id):
        expect(edit, NotFound)
    elif world.posts[post_id].author != actor:
        expect(edit, Forbidden)
    else:
        edit()
        world.posts[post_id].tag = tag
        world.posts[post_id].mentioned = other if other is not None and world.meets(actor, other) else None


def do_delete(world: World, actor: int, post_id: int) -> None:
    error: type[DomainError] | None = None
    if not world.sees(actor, post_id):
        error = NotFound
    elif world.posts[post_id].author != actor:
        error = Forbidden
    else:
        world.posts[post_id].is_deleted = True
    expect(lambda: delete_post(actor=Viewer(actor), post_id=post_id), error)


def do_like(world: World, actor: int, post_id: int) -> None:
    error = None if world.sees(actor, post_id) else NotFound
    if error is None and (actor, post_id) not in world.likes:
        world.likes.append((actor, post_id))
    expect(lambda: like_post(actor=Viewer(actor), post_id=post_id), error)


def do_unlike(world: World, actor: int, post_id: int) -> None:
    error = None if world.sees(actor, post_id) else NotFound
    if error is None and (actor, post_id) in world.likes:
        world.likes.remove((actor, post_id))
    expect(lambda: unlike_post(actor=Viewer(actor), post_id=post_id), error)


# What people see.


def whole(read: Callable[[PageRequest], Page[PostShape]], limit: int) -> list[PostShape]:
    """A list read page by page to its end."""
    found: list[PostShape] = []
    page = read(PageRequest(limit=limit))
    while True:
        found += page.items
        if page.next is None:
            return found
        page = read(PageRequest(limit=limit, cursor=page.next))


def places(posts: list[PostShape] | tuple[PostShape, ...]) -> list[tuple[int, bool]]:
    return [(each.id, each.is_deleted) for each in posts]


def check_posts(world: World, viewer: Viewer) -> None:
    expected = [each for each in world.posts if world.sees(viewer.user_id, each)]
    assert set(Post.objects.visible_to(viewer.user_id).values_list("pk", flat=True)) == set(expected)
    shown = visible_posts(viewer, world.posts)
    assert [each.id for each in shown] == expected
    for each in shown:
        known = world.posts[each.id]
        assert each.author is not None
        assert each.author.id == known.author
        assert each.author.post_count == world.count(author=known.author)
        assert each.comment_count == world.count(reply_to=each.id)
        assert each.like_count == sum(liked == each.id for _, liked in world.likes)
        assert each.hashtags == ((known.tag,) if known.tag else ())
        is_met = known.mentioned is not None and world.meets(viewer.user_id, known.mentioned)
        assert [mention.id for mention in each.mentions] == ([known.mentioned] if is_met else [])
        if viewer.user_id is None:
            assert each.viewer is None
        else:
            assert each.viewer is not None
            assert each.viewer.is_liked == ((viewer.user_id, each.id) in world.likes)


def check_thread(world: World, viewer: Viewer, post_id: int, limit: int) -> None:
    pages = comments_of_many(viewer, [post_id], limit)[post_id]
    people = likers_of_many(viewer, [post_id], limit)[post_id]
    if not world.sees(viewer.user_id, post_id):
        assert (pages.items, people.items) == ((), ())
        for call in (
            lambda: post(viewer=viewer, post_id=post_id),
            lambda: thread(viewer=viewer, post_id=post_id, page=PageRequest()),
            lambda: likers(viewer=viewer, post_id=post_id, page=PageRequest()),
        ):
            expect(call, NotFound)
        return
    shown = thread(viewer=viewer, post_id=post_id, page=PageRequest(limit=limit))
    assert shown.post == post(viewer=viewer, post_id=post_id)
    assert places(shown.ancestors) == world.ancestors(viewer.user_id, post_id)
    expected = world.comments(viewer.user_id, post_id)
    assert places(whole(lambda page: thread(viewer=viewer, post_id=post_id, page=page).comments, limit)) == expected
    assert shown.comments == pages
    liked = likers(viewer=viewer, post_id=post_id, page=PageRequest())
    assert [person.id for person in liked.items] == world.likers(viewer.user_id, post_id)
    assert [person.id for person in people.items] == world.likers(viewer.user_id, post_id)[:limit]


def check_timelines(world: World, viewer: Viewer, author: int, tag: str, limit: int) -> None:
    # What nobody in particular sees first is kept for some seconds; a reaction abandons it, which is not run here.
    redis.attempt("tests", lambda client: [client.delete(key) for key in client.scan_iter("cache:*")], None)
    user_id = viewer.user_id
    if user_id is not None:
        home = whole(lambda page: home_timeline(viewer=viewer, page=page).map(lambda item: item.post), limit)
        assert [each.id for each in home] == world.home(user_id)
    public = whole(lambda page: public_timeline(viewer=viewer, page=page).map(lambda item: item.post), limit)
    assert [each.id for each in public] == world.public(user_id)
    tagged = whole(
        lambda page: hashtag_timeline(viewer=viewer, hashtag=tag, page=page).map(lambda item: item.post), limit
    )
    assert [each.id for each in tagged] == world.tagged(user_id, tag)
    first = [item.post.id for item in user_timelines_of_many(viewer, [author], 3)[author].items]
    if not world.meets(user_id, author):
        assert first == []
        expect(lambda: user_timeline(viewer=viewer, user_id=author, page=PageRequest()), NotFound)
        return
    written = whole(
        lambda page: user_timeline(viewer=viewer, user_id=author, page=page).map(lambda item: item.post), limit
    )
    assert [each.id for each in written] == world.written(user_id, author)
    assert first == world.written(user_id, author)[: len(first)]


@dataclass(frozen=True)
class Step:
    """One thing that somebody does. Numbers choose among the people and posts that there are then."""

    act: str
    actor: int
    other: int
    post: int
    visibility: str
    tag: str | None
    has_mention: bool


ACTS = (
    *("publish", "comment", "comment", "like", "follow") * 2,
    *("edit", "delete", "unlike", "unfollow", "block", "unblock", "leave_or_return", "look", "look"),
)
STEPS = st.lists(
    st.builds(
        Step,
        act=st.sampled_from(ACTS),
        actor=st.integers(0, PEOPLE - 1),
        other=st.integers(1, PEOPLE - 1),
        post=st.integers(0, 7),
        visibility=st.sampled_from(VISIBILITIES),
        tag=st.sampled_from((*TAGS, None)),
        has_mention=st.booleans(),
    ),
    min_size=30,
    max_size=45,
)


def take(step: Step, world: World, names: dict[int, str]) -> None:
    """Does the step, unless it needs a post and there is none."""
    people = list(names)
    actor, other = people[step.actor], people[(step.actor + step.other) % PEOPLE]
    if step.act == "leave_or_return":
        return do_leave_or_return(world, actor)
    if actor not in world.active:
        return None
    pair = {"follow": do_follow, "unfollow": do_unfollow, "block": do_block, "unblock": do_unblock}
    if step.act in pair:
        return pair[step.act](world, actor, other)
    mentioned = other if step.has_mention else None
    if step.act == "publish":
        return do_publish(world, names, actor, None, step.visibility, step.tag, mentioned)
    if not world.posts:
        return None
    post_id = sorted(world.posts)[-1 - step.post % len(world.posts)]
    if step.act == "comment":
        return do_publish(world, names, actor, post_id, step.visibility, step.tag, mentioned)
    if step.act == "edit":
        return do_edit(world, names, actor, post_id, step.tag, mentioned)
    if step.act == "look":
        check_thread(world, Viewer(actor), post_id, limit=2)
        return check_timelines(world, Viewer(actor), other, TAGS[step.post % 2], limit=3)
    return {"like": do_like, "unlike": do_unlike, "delete": do_delete}[step.act](world, actor, post_id)


def begin() -> tuple[World, dict[int, str]]:
    """An empty Nexus with some people, within the transaction of the test."""
    tables = ("like", "posthashtag", "hashtag", "outboxevent", "post", "follow", "block", "user")
    with connection.cursor() as cursor:
        cursor.execute(";".join(f"DELETE FROM nexus_{table}" for table in tables))
    redis.attempt("tests", lambda client: client.flushdb(), None)
    names = {person.id: person.handle for person in (make.user() for _ in range(PEOPLE))}
    return World(active=set(names)), names


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_everybody_sees_what_the_model_says(steps: list[Step]) -> None:
    world, names = begin()
    for step in steps:
        take(step, world, names)
    viewers = [ANONYMOUS, *(Viewer(person) for person in world.active)]
    for number, viewer in enumerate(viewers):
        check_posts(world, viewer)
        for post_id in list(world.posts)[number::6]:
            check_thread(world, viewer, post_id, limit=2)
        check_timelines(world, viewer, list(names)[number % PEOPLE], TAGS[number % 2], limit=4)
    event(f"posts: {len(world.posts) // 5 * 5}")
    event(f"hidden from somebody: {any(not world.sees(v.user_id, each) for v in viewers for each in world.posts)}")
