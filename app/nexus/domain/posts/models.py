"""Posts, what they are about, and who likes them."""

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

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


class Hashtag(models.Model):
    """A hashtag in the form in which all its spellings are equal."""

    id = models.BigIntegerField(primary_key=True, default=new_id)
    name = models.CharField(max_length=HASHTAG_MAX, unique=True)

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


class Like(models.Model):
    """That a user likes a post."""

    id = models.BigIntegerField(primary_key=True, default=new_id)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    post = models.ForeignKey(Post, models.CASCADE, related_name="+", db_index=False)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "nexus"
        constraints = [models.UniqueConstraint(fields=["user", "post"], name="like_once")]
        indexes = [models.Index(fields=["post", "-id"], name="like_likers")]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.post_id}"
