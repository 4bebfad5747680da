"""Makes rows of the script: in bulk, at times of the past weeks, with the counters that operations would have left."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from nexus.domain.graph.models import Follow
from nexus.domain.notifications import operations as notifications
from nexus.domain.notifications.models import Inbox, Notification
from nexus.domain.posts.models import OPEN, Hashtag, Like, Post, PostHashtag, Visibility
from nexus.domain.posts.parsing import parse
from nexus.domain.users.models import User
from nexus.kernel import caches, clock, database
from nexus.kernel.ids import first_id_at
from nexus.kernel.viewer import Viewer
from nexus.management.demo import script

R = TypeVar("R", User, Follow, Post, Like)

PASSWORD: Final = "nexus-demo-2026"
# Those that a visitor can log in with, and what they are.
ACCOUNTS: Final = {"alice": User.Role.USER, "bob": User.Role.USER, "operator": User.Role.ADMIN}
_WEEKS: Final = timedelta(weeks=5)
_READ_UNTIL: Final = timedelta(days=4)


def is_loaded() -> bool:
    """Whether it is there already; it is loaded as a whole or not at all."""
    return bool(User.objects.filter(handle="operator").exists())


def load() -> None:
    """The whole community, in one transaction."""
    with database.atomic():
        _Community(random.Random(2026), clock.now()).make()
    caches.abandon("statistics", "public_timeline")


class _Community:
    """The rows while they are made. The same script gives the same community, apart from the time of day."""

    def __init__(self, chance: random.Random, now: datetime) -> None:
        self.chance = chance
        self.now = now
        self.users: dict[str, User] = {}
        self.posts: list[Post] = []
        self.follows: list[Follow] = []
        self.likes: list[Like] = []

    def make(self) -> None:
        """Everything, in the order in which it depends on each other."""
        self._make_users()
        self._make_follows()
        self._make_posts()
        self._make_likes()
        people = User.objects.filter(pk__in=[user.pk for user in self.users.values()])
        posts = Post.objects.filter(pk__in=[post.pk for post in self.posts])
        visible = Post.objects.filter(visibility__in=OPEN)
        people.update(
            follower_count=_number_of(Follow.objects.all(), "followee"),
            following_count=_number_of(Follow.objects.all(), "follower"),
            post_count=_number_of(visible, "author"),
        )
        posts.update(like_count=_number_of(Like.objects.all(), "post"), comment_count=_number_of(visible, "reply_to"))
        self._tell(self.users["alice"])
        self._tell(self.users["bob"])

    def _make_users(self) -> None:
        password = make_password(PASSWORD)
        for number, person in enumerate(script.people()):
            joined = self.now - _WEEKS - timedelta(days=3 * number + 2, minutes=self.chance.randrange(1440))
            user = User(handle=person.handle, display_name=person.name, bio=person.bio, password="!")
            self.users[person.handle] = self._at(joined, user)
        operator = User(handle="operator", display_name="Operator", is_staff=True, is_superuser=True)
        self.users["operator"] = self._at(self.now - timedelta(days=200), operator)
        for handle, role in ACCOUNTS.items():
            self.users[handle].password, self.users[handle].role = password, role
        User.objects.bulk_create(self.users.values())
        EmailAddress.objects.bulk_create(
            EmailAddress(user=user, email=f"{handle}@demo.example", verified=True, primary=True)
            for handle, user in self.users.items()
        )

    def _make_follows(self) -> None:
        """People with common interests, mostly; Alice and Bob know many, as whoever looks through their eyes should."""
        people = script.people()
        for reader in people:
            for author in people:
                common = len(reader.interests & author.interests)
                likely = min(0.9, 0.2 + 0.4 * common + 0.3 * (reader.handle in ACCOUNTS))
                if reader != author and self.chance.random() < likely:
                    since = self.now - timedelta(days=self.chance.uniform(0.2, 35))
                    edge = Follow(follower=self.users[reader.handle], followee=self.users[author.handle])
                    self.follows.append(self._at(since, edge))
        Follow.objects.bulk_create(self.follows)

    def _make_posts(self) -> None:
        threads = script.threads()
        self.chance.shuffle(threads)
        for number, line in enumerate(threads):
            # One after the other through the weeks, the last one a few minutes ago.
            began = self.now - _WEEKS * (1 - (number + self.chance.random()) / len(threads)) - timedelta(minutes=4)
            self._say(line, began, None)
        self.posts.sort(key=lambda post: post.pk)
        Post.objects.bulk_create(self.posts)
        ids = Hashtag.objects.ids_of(name for post in self.posts for name in post.hashtags)
        PostHashtag.objects.bulk_create(
            PostHashtag(post=post, hashtag_id=ids[name]) for post in self.posts for name in post.hashtags
        )

    def _say(self, line: script.Line, moment: datetime, above: Post | None) -> None:
        parsed = parse(line.text, pointer="/text", errors=[])
        post = Post(
            author=self.users[line.author],
            text=line.text,
            content_warning=line.content_warning,
            visibility=line.visibility,
            reply_to=above,
            hashtags=list(parsed.hashtags),
            mention_ids=[self.users[handle].pk for handle in parsed.handles if handle in self.users],
        )
        self.posts.append(self._at(moment, post))
        post.root_id = above.root_id if above else post.pk
        for answer in line.answers:
            # Somewhat nearer to now each time, so that no answer comes from the future.
            pause = min(timedelta(minutes=self.chance.expovariate(1 / 90) + 1), (self.now - moment) / 3)
            self._say(answer, moment + pause, post)

    def _make_likes(self) -> None:
        followers: dict[int, set[int]] = {}
        for edge in self.follows:
            followers.setdefault(edge.followee_id, set()).add(edge.follower_id)
        everybody = [user for handle, user in self.users.items() if handle != "operator"]
        for post in self.posts:
            is_secret = post.visibility == Visibility.FOLLOWERS
            readers = followers.get(post.author_id, set())
            charm = self.chance.betavariate(1.2, 3)
            for user in everybody:
                likes = self.chance.random() < charm * (0.8 if user.pk in readers else 0.15)
                if likes and user.pk != post.author_id and (user.pk in readers or not is_secret):
                    moment = post.created_at + (self.now - post.created_at) * self.chance.betavariate(1, 12)
                    self.likes.append(self._at(moment, Like(user=user, post=post)))
        Like.objects.bulk_create(self.likes)

    def _tell(self, user: User) -> None:
        """The user's notifications, by the reactions themselves, in order of time; only the last days are unread."""
        is_read = False
        for moment, notify in sorted(self._news(user), key=lambda news: news[0]):
            if moment > self.now - _READ_UNTIL and not is_read:
                notifications.mark_notifications_read(actor=Viewer(user_id=user.pk))
                is_read = True
            notify()
            newest = Inbox.objects.filter(user=user).values("last_sequence")[:1]
            Notification.objects.filter(recipient=user, sequence=newest).update(created_at=moment)

    def _news(self, user: User) -> Iterator[tuple[datetime, Callable[[], None]]]:
        for edge in self.follows:
            if edge.followee_id == user.pk:
                ids = {"follower_id": edge.follower_id, "followee_id": edge.followee_id}
                yield edge.created_at, partial(notifications.notify_user_followed, **ids)
        for like in self.likes:
            if like.post.author_id == user.pk:
                yield (
                    like.created_at,
                    partial(notifications.notify_post_liked, user_id=like.user_id, post_id=like.post_id),
                )
        for post in self.posts:
            if post.reply_to and post.reply_to.author_id == user.pk:
                yield post.created_at, partial(notifications.notify_post_replied, post_id=post.pk)
            elif user.pk in post.mention_ids:
                yield post.created_at, partial(notifications.notify_post_mentioned, post_id=post.pk)

    def _at(self, moment: datetime, row: R) -> R:
        """Gives a row its time, and the id that it would have been given then."""
        row.pk = first_id_at(moment) + self.chance.randrange(1 << 21)
        row.created_at = moment
        return row


def _number_of(rows: "QuerySet[Any]", field: str) -> Coalesce:
    """How many of the rows have the updated row in `field`."""
    counted = rows.filter(**{field: OuterRef("pk")}).order_by().values(field).annotate(number=Count("pk"))
    return Coalesce(Subquery(counted.values("number")), 0)
