"""Edges between people."""

from django.db import models
from django.db.models import F, Q

from nexus.domain.users.models import User
from nexus.kernel import clock
from nexus.kernel.ids import new_id


class Follow(models.Model):
    """`follower` reads `followee`."""

    id = models.BigIntegerField(primary_key=True, default=new_id)
    follower = models.ForeignKey(User, models.CASCADE, related_name="follows_made", db_index=False)
    followee = models.ForeignKey(User, models.CASCADE, related_name="follows_received", db_index=False)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "nexus"
        constraints = [
            models.UniqueConstraint(fields=["follower", "followee"], name="follow_once"),
            models.CheckConstraint(condition=~Q(follower=F("followee")), name="follow_somebody_else"),
        ]
        indexes = [
            models.Index(fields=["followee", "-id"], name="follow_followers"),
            models.Index(fields=["follower", "-id"], name="follow_following"),
        ]

    def __str__(self) -> str:
        return f"{self.follower_id} follows {self.followee_id}"


class Block(models.Model):
    """`blocker` and `blocked` do not see each other, wherever they look."""

    id = models.BigIntegerField(primary_key=True, default=new_id)
    blocker = models.ForeignKey(User, models.CASCADE, related_name="blocks_made", db_index=False)
    blocked = models.ForeignKey(User, models.CASCADE, related_name="blocks_received", db_index=False)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "nexus"
        constraints = [
            models.UniqueConstraint(fields=["blocker", "blocked"], name="block_once"),
            models.CheckConstraint(condition=~Q(blocker=F("blocked")), name="block_somebody_else"),
        ]
        indexes = [models.Index(fields=["blocked", "blocker"], name="block_reverse")]

    def __str__(self) -> str:
        return f"{self.blocker_id} blocks {self.blocked_id}"
