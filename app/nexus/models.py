"""Every model, for Django's eyes only: nobody else imports this module."""

from nexus.domain.graph.models import Block, Follow
from nexus.domain.identity.models import Login, RefreshToken
from nexus.domain.notifications.models import Inbox, Notification, NotificationActor
from nexus.domain.posts.models import Hashtag, Like, Post, PostHashtag
from nexus.domain.status.models import Incident, IncidentUpdate, StatusDay, StatusMinute, StatusSource
from nexus.domain.users.models import User
from nexus.kernel.idempotency import IdempotencyKey
from nexus.kernel.outbox import DeadLetter, Delivery, OutboxEvent, ScheduledRun

__all__ = [
    "Block",
    "DeadLetter",
    "Delivery",
    "Follow",
    "Hashtag",
    "IdempotencyKey",
    "Inbox",
    "Incident",
    "IncidentUpdate",
    "Like",
    "Login",
    "Notification",
    "NotificationActor",
    "OutboxEvent",
    "Post",
    "PostHashtag",
    "RefreshToken",
    "ScheduledRun",
    "StatusDay",
    "StatusMinute",
    "StatusSource",
    "User",
]
