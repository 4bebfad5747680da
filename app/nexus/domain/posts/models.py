"""Posts, what they are about, and who likes them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Self

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import Exists, F, OuterRef, Q

from nexus.domain.posts.visibility import IsVisibleTo
from nexus.domain.users.models import User
from nexus.kernel import clock
from nexus.kernel.ids import new_id

TEXT_MAX: Final = 5_000
CONTENT_WARNING_MAX: Final = 200
TAGS_MAX: Final = 100
HASHTAG_MAX: Final = 100


class Visibility(models.TextChoices):
    """Who may see a post: all and in public lists; all who come upon it; followers; those it mentions."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    FOLLOWERS = "followers"
    MENTIONED = "mentioned"


# Who sees these need not be known. Only they are counted in public numbers: a count must not tell of a hidden post.
OPEN: Final = (Visibility.PUBLIC, Visibility.UNLISTED)


class PostQuerySet(models.QuerySet["Post"]):
    """What is true of many posts."""

    def visible_to(self, viewer_id: int | None) -> Self:
        """Those that the viewer may see: the one rule of visibility, for every list, thread, count and door."""
        return self.filter(IsVisibleTo(viewer_id))

    def placed_for(self, viewer_id: int | None) -> Self:
        """Those that the viewer may see, and the others that have an answer which he may see.

        Whether such a place is empty because of a deletion or because of the rule must not be known: both stay.
        """
        answers = Post.objects.visible_to(viewer_id).filter(reply_to_id=OuterRef("pk"))
        return self.filter(Q(IsVisibleTo(viewer_id)) | Q(Exists(answers)))

    def with_flags(self, viewer_id: int | None) -> Self:
        """Adds what the viewer has done with each; nothing for nobody."""
        if viewer_id is None:
            return self
        return self.annotate(is_liked=Exists(Like.objects.filter(user_id=viewer_id, post_id=OuterRef("pk"))))


class Post(models.Model):
    """A post, or a comment, which is a post with `reply_to`. A deleted one stays as an empty place in its thread."""

    id = models.BigIntegerField(primary_key=True, default=new_id)
    author = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    text = models.CharField(max_length=TEXT_MAX)
    content_warning = models.CharField(max_length=CONTENT_WARNING_MAX, blank=True)
    visibility = models.CharField(max_length=10, choices=Visibility.choices, default=Visibility.PUBLIC)
    reply_to = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+", db_index=False)
    # The post that the thread began with; its own id where it began a thread.
    root_id = models.BigIntegerField()
    hashtags = ArrayField(models.CharField(max_length=HASHTAG_MAX), default=list)
    mention_ids = ArrayField(models.BigIntegerField(), default=list)
    like_count = models.PositiveIntegerField(default=0)
    comment_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects = PostQuerySet.as_manager()

    class Meta:
        app_label = "nexus"
        indexes = [
            models.Index(fields=["author", "-id"], name="post_by_author", condition=Q(deleted_at=None)),
            models.Index(fields=["reply_to", "id"], name="post_comments", condition=Q(reply_to__isnull=False)),
            models.Index(
                F("id").desc(),
                name="post_public",
                condition=Q(deleted_at=None, reply_to=None, visibility="public"),
            ),
        ]

    def __str__(self) -> str:
        return f"post {self.id} by {self.author_id}"

    @property
    def is_open(self) -> bool:
        """Whether it counts in public numbers."""
        return self.visibility in OPEN


class HashtagQuerySet(models.QuerySet["Hashtag"]):
    """Hashtags are made by the first post that carries them."""

    def ids_of(self, names: Iterable[str]) -> dict[str, int]:
        """The id of each name, made where there was none. Their order keeps two calls from waiting in a circle."""
        wanted = sorted(set(names))
        ids = self._known(wanted)
        if missing := [name for name in wanted if name not in ids]:
            with connection.cursor() as cursor:
                # Not DO UPDATE: its lock would stand against the check of other posts' foreign keys at their commit.
                cursor.execute(
                    """
                    INSERT INTO nexus_hashtag (id, name) SELECT * FROM unnest(%s::bigint[], %s::text[])
                    ON CONFLICT (name) DO NOTHING RETURNING name, id
                    """,
                    [[new_id() for _ in missing], missing],
                )
                ids |= dict(cursor.fetchall())
        return ids | self._known([name for name in wanted if name not in ids])

    def _known(self, names: list[str]) -> dict[str, int]:
        return dict(self.filter(name__in=names).values_list("name", "id")) if names else {}


class Hashtag(models.Model):
    """A hashtag in the form in which all its spellings are equal."""

    id = models.BigIntegerField(primary_key=True, default=new_id)
    name = models.CharField(max_length=HASHTAG_MAX, unique=True)

    objects = HashtagQuerySet.as_manager()

    class Meta:
        app_label = "nexus"

    def __str__(self) -> str:
        return f"#{self.name}"


class PostHashtag(models.Model):
    """That a post carries a hashtag, in the order in which the hashtag's timeline is read."""

    hashtag = models.ForeignKey(Hashtag, models.CASCADE, related_name="+", db_index=False)
    post = models.ForeignKey(Post, models.CASCADE, related_name="+")
    pk = models.CompositePrimaryKey("hashtag_id", "post_id")

    class Meta:
        app_label = "nexus"

    def __str__(self) -> str:
        return f"{self.hashtag_id} on {self.post_id}"


class LikeQuerySet(models.QuerySet["Like"]):
    """Likes and their count, which change in one statement."""

    def add(self, user_id: int, post_id: int) -> int | None:
        """The post's new count of likes; None when the user liked it already."""
        return _changed_count(
            """
            WITH added AS (
                INSERT INTO nexus_like (id, user_id, post_id, created_at) VALUES (%s, %s, %s, %s)
                ON CONFLICT (user_id, post_id) DO NOTHING RETURNING post_id
            )
            UPDATE nexus_post SET like_count = like_count + 1 FROM added WHERE id = added.post_id
            RETURNING like_count
            """,
            [new_id(), user_id, post_id, clock.now()],
        )

    def remove(self, user_id: int, post_id: int) -> int | None:
        """The post's new count of likes; None when the user did not like it."""
        return _changed_count(
            """
            WITH removed AS (DELETE FROM nexus_like WHERE user_id = %s AND post_id = %s RETURNING post_id)
            UPDATE nexus_post SET like_count = like_count - 1 FROM removed WHERE id = removed.post_id
            RETURNING like_count
            """,
            [user_id, post_id],
        )


def _changed_count(statement: str, parameters: Sequence[int | datetime]) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
    return None if row is None else int(row[0])


class Like(models.Model):
    """That a user likes a post."""

    id = models.BigIntegerField(primary_key=True, default=new_id)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    post = models.ForeignKey(Post, models.CASCADE, related_name="+", db_index=False)
    created_at = models.DateTimeField(default=clock.now)

    objects = LikeQuerySet.as_manager()

    class Meta:
        app_label = "nexus"
        constraints = [models.UniqueConstraint(fields=["user", "post"], name="like_once")]
        indexes = [models.Index(fields=["post", "-id"], name="like_likers")]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.post_id}"
