"""Notifications: a group of people who did one kind of thing with one thing of the recipient's."""

from django.db import models
from django.db.models import Q

from nexus.domain.posts.models import Post
from nexus.domain.users.models import User
from nexus.kernel import clock
from nexus.kernel.ids import new_id


class Kind(models.TextChoices):
    """What happened."""

    FOLLOWED = "followed"
    MENTIONED = "mentioned"
    REPLIED = "replied"
    LIKED = "liked"


class Inbox(models.Model):
    """A recipient's counter. Its row lock makes the sequence follow the order of commits, which ids do not."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    last_sequence = models.BigIntegerField(default=0)

    class Meta:
        app_label = "nexus"

    def __str__(self) -> str:
        return f"inbox of {self.user_id}"


class Notification(models.Model):
    """One line in somebody's notifications. It grows while it is unread; after that a new one begins."""

    id = models.BigIntegerField(primary_key=True, default=new_id)
    recipient = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    post = models.ForeignKey(Post, models.CASCADE, null=True, related_name="+")
    # Taken from the inbox whenever somebody is added: the order of the list and of the live stream.
    sequence = models.BigIntegerField()
    created_at = models.DateTimeField(default=clock.now)
    read_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "nexus"
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "kind", "post"],
                name="notification_one_unread_group",
                condition=Q(read_at=None),
                nulls_distinct=False,
            ),
            models.UniqueConstraint(fields=["recipient", "sequence"], name="notification_sequence"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.recipient_id}"


class NotificationActor(models.Model):
    """Somebody in a notification; the same person does the same thing to the same post only once."""

    id = models.BigIntegerField(primary_key=True, default=new_id)
    notification = models.ForeignKey(Notification, models.CASCADE, related_name="actors", db_index=False)
    recipient_id = models.BigIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    post_id = models.BigIntegerField(null=True)
    actor = models.ForeignKey(User, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "nexus"
        constraints = [
            models.UniqueConstraint(
                fields=["recipient_id", "kind", "post_id", "actor"],
                name="notification_actor_once",
                nulls_distinct=False,
            )
        ]
        indexes = [models.Index(fields=["notification", "-id"], name="notification_actors")]

    def __str__(self) -> str:
        return f"{self.actor_id} in {self.notification_id}"
