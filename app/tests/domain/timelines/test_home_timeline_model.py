"""home_timeline against a naive reference, while people write, follow and block and Redis fails between two pages."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.domain.graph.models import Block, Follow
from nexus.domain.graph.operations import block_user, follow_user, unfollow_user
from nexus.domain.posts.models import Post
from nexus.domain.posts.operations import delete_post
from nexus.domain.timelines import feeds
from nexus.domain.timelines.operations import fan_out_post
from nexus.domain.users.models import User
from nexus.kernel import redis
from nexus.kernel.errors import DomainError
from nexus.kernel.pages import PageRequest
from tests import factories as make
from tests.domain.timelines.reading import feed_of, flat, home_of, ids, walk

pytestmark = pytest.mark.django_db

VISIBILITIES = ("public", "public", "public", "unlisted", "followers", "mentioned")


class World:
    """Some people and what they do at random. What is written waits for the worker until it is fanned out."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.people = [make.user(is_merged_at_read=n == 1) for n in range(6)]
        self.reader = self.people[0]
        self.posts: list[Post] = []
        self.waiting: list[int] = []

    def anybody(self) -> User:
        return self.random.choice(self.people)

    def write(self) -> None:
        answered = self.random.choice(self.posts) if self.posts and self.random.random() < 0.4 else None
        post = make.post(
            self.anybody(),
            reply_to=answered,
            visibility=self.random.choice(VISIBILITIES),
            mentions=[self.anybody()] if self.random.random() < 0.5 else [],
        )
        self.posts.append(post)
        self.waiting.append(post.pk)

    def work(self) -> None:
        self.random.shuffle(self.waiting)
        while self.waiting:
            fan_out_post(post_id=self.waiting.pop())

    def delete(self) -> None:
        post = self.random.choice(self.posts)
        self._try(lambda: delete_post(actor=make.viewer(post.author), post_id=post.pk))

    def follow(self) -> None:
        self._try(lambda: follow_user(actor=make.viewer(self.reader), user_id=self.anybody().pk))

    def unfollow(self) -> None:
        self._try(lambda: unfollow_user(actor=make.viewer(self.reader), user_id=self.anybody().pk))

    def block(self) -> None:
        blocker, blocked = self.random.sample([self.reader, self.anybody()], 2)
        self._try(lambda: block_user(actor=make.viewer(blocker), user_id=blocked.pk))

    def lose_redis(self) -> None:
        redis.client().flushdb()

    def restart_redis(self) -> None:
        """A failover: the feed is of another process now, and what was to be pushed went to the one that is gone."""
        self.waiting.clear()
        key = feed_of(self.reader).key
        for state in redis.client().zrangebylex(key, b"[!", b'("'):
            assert isinstance(state, bytes)
            redis.client().zrem(key, state)
            redis.client().zadd(key, {b"!" + b"0" * 40 + state[41:]: 0})

    @staticmethod
    def _try(do: Callable[[], object]) -> None:
        try:
            do()
        except DomainError:  # such as following oneself
            return

    def visible(self) -> list[int]:
        """The reader's home, in plain Python."""
        me = self.reader.pk
        followed = set(Follow.objects.filter(follower=me).values_list("followee_id", flat=True))
        edges = Block.objects.values_list("blocker_id", "blocked_id")
        hidden = {edge for pair in edges if me in pair for edge in pair} - {me}
        posts = {post.pk: post for post in Post.objects.filter(author__in=self.people)}

        def is_shown(post: Post) -> bool:
            if post.deleted_at is not None or post.author_id in hidden:
                return False
            if post.author_id == me:
                return True
            if post.author_id not in followed:
                return False
            if post.visibility == "mentioned" and me not in post.mention_ids:
                return False
            parent = posts[post.reply_to_id].author_id if post.reply_to_id else None
            return parent is None or parent == me or parent in followed

        return sorted((pk for pk, post in posts.items() if is_shown(post)), reverse=True)


@pytest.fixture(autouse=True)
def _small_feeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the low-water mark is met all the time."""
    monkeypatch.setattr(feeds, "BUILT_SIZE", 7)
    monkeypatch.setattr(feeds, "SIZE_MAX", 9)
    monkeypatch.setattr(feeds, "TRIM_SLACK", 2)


_CHEAP = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@_CHEAP
@given(st.randoms(use_true_random=False), st.integers(1, 8))
def test_every_page_is_what_the_reference_has(random: Random, limit: int) -> None:
    world = World(random)
    for _ in range(25):
        random.choice([world.write] * 8 + [world.follow] * 4 + [world.unfollow, world.block, world.restart_redis])()
        if random.random() < 0.3:
            world.work()
            home_of(world.reader)(PageRequest(limit=limit))
    world.work()
    assert flat(walk(home_of(world.reader), limit)) == world.visible()


@_CHEAP
@given(st.randoms(use_true_random=False), st.integers(1, 8))
def test_paging_while_the_world_changes_repeats_nothing_and_leaves_nothing_out(random: Random, limit: int) -> None:
    world = World(random)
    for _ in range(4):
        world.follow()
    for _ in range(25):
        world.write()
    world.work()
    always, ever = set(world.visible()), set(world.visible())
    now: set[int] = set(always)

    def happen() -> None:
        nonlocal now
        for _ in range(3):
            random.choice(acts)()
            now = set(world.visible())
            always.intersection_update(now)
            ever.update(now)

    acts = [world.write, world.write, world.work, world.delete, world.follow, world.unfollow, world.block]
    acts += [world.lose_redis, world.restart_redis]
    seen: list[int] = []
    cursor = None
    while True:
        page = home_of(world.reader)(PageRequest(limit=limit, cursor=cursor))
        shown = ids(page)
        assert set(shown) <= now  # nothing that is hidden at this moment
        seen += shown
        cursor = page.next
        if cursor is None:
            break
        happen()
    assert seen == sorted(set(seen), reverse=True)
    assert always <= set(seen)
    assert set(seen) <= ever


@_CHEAP
@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_what_is_written_later_is_found_by_prev(random: Random, limit: int) -> None:
    world = World(random)
    for _ in range(4):
        world.follow()
    for _ in range(12):
        world.write()
    world.work()
    start = home_of(world.reader)(PageRequest(limit=limit))
    before = world.visible()
    for _ in range(12):
        world.write()
        random.choice([world.work, world.lose_redis, world.restart_redis])()
    world.work()
    newer = [post_id for post_id in world.visible() if post_id not in before]
    found: list[int] = []
    cursor = start.prev
    for _ in range(40):
        if cursor is None:
            break
        page = home_of(world.reader)(PageRequest(limit=limit, cursor=cursor))
        found = ids(page) + found
        cursor = page.prev
    assert found == newer or start.prev is None
