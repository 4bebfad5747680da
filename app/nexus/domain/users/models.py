"""People."""

import re
from typing import ClassVar, Final, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import FilteredRelation, Q

from nexus.kernel import clock
from nexus.kernel.ids import new_id

HANDLE_MAX: Final = 30
DISPLAY_NAME_MAX: Final = 50
BIO_MAX: Final = 500


HANDLE_PATTERN: Final = rf"^[a-z0-9_]{{1,{HANDLE_MAX}}}$"


class UserQuerySet(models.QuerySet["User"]):
    """What is true of many people. The edges are reached by their reverse names: graph stands above users."""

    def active(self) -> Self:
        """Without those who have been deactivated."""
        return self.filter(is_active=True)

    def reachable_by(self, viewer_id: int | None) -> Self:
        """Those whose profile the viewer may open. Whom he blocks himself is among them, so that he can unblock."""
        people = self.active()
        return people if viewer_id is None else people.exclude(blocks_made__blocked_id=viewer_id)

    def visible_to(self, viewer_id: int | None) -> Self:
        """Those who appear to the viewer in lists: active, and neither blocks the other."""
        people = self.reachable_by(viewer_id)
        return people if viewer_id is None else people.exclude(blocks_received__blocker_id=viewer_id)

    def with_relationship(self, viewer_id: int | None) -> Self:
        """Adds what the viewer and each are to each other; nothing for nobody. Each join finds one row at most."""
        if viewer_id is None:
            return self
        return self.annotate(
            _followed=FilteredRelation("follows_received", condition=Q(follows_received__follower_id=viewer_id)),
            _following=FilteredRelation("follows_made", condition=Q(follows_made__followee_id=viewer_id)),
            _blocked=FilteredRelation("blocks_received", condition=Q(blocks_received__blocker_id=viewer_id)),
        ).annotate(
            is_following=Q(_followed__isnull=False),
            is_followed_by=Q(_following__isnull=False),
            is_blocking=Q(_blocked__isnull=False),
        )


class UserManager(BaseUserManager["User"].from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Django's commands (createsuperuser) make users by this."""

    def create_superuser(self, handle: str, password: str | None = None, **fields: object) -> "User":
        """An operator who may do everything in the admin pages."""
        handle = handle.lower()
        if not re.fullmatch(HANDLE_PATTERN, handle):
            raise ValidationError(f"A handle has 1 to {HANDLE_MAX} of the characters a-z, 0-9 and _.")
        user: User = self.model(handle=handle, is_staff=True, is_superuser=True, role=User.Role.ADMIN, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        user: User = self.get(handle=(username or "").lower())
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Addresses are allauth's `EmailAddress` rows: several people may claim one, one may confirm it."""

    class Role(models.TextChoices):
        USER = "user"
        MODERATOR = "moderator"
        ADMIN = "admin"

    id = models.BigIntegerField(primary_key=True, default=new_id, editable=False)
    handle = models.CharField(max_length=HANDLE_MAX, unique=True)
    display_name = models.CharField(max_length=DISPLAY_NAME_MAX, blank=True)
    bio = models.CharField(max_length=BIO_MAX, blank=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.USER)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    version = models.PositiveIntegerField(default=1)
    follower_count = models.PositiveIntegerField(default=0)
    following_count = models.PositiveIntegerField(default=0)
    post_count = models.PositiveIntegerField(default=0)
    # Part of the name of this reader's timeline in Redis: a new value abandons all that Redis may have missed.
    feed_epoch = models.PositiveIntegerField(default=0)
    # Once an author had more followers than NEXUS_FAN_OUT_LIMIT: the posts are merged at read, for ever.
    is_merged_at_read = models.BooleanField(default=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "handle"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        app_label = "nexus"
        constraints = [
            models.CheckConstraint(condition=Q(handle__regex=HANDLE_PATTERN), name="user_handle_is_lower_case"),
        ]
        # Timelines ask at each page whom of these few a reader follows.
        indexes = [models.Index(fields=["id"], name="user_merged_at_read", condition=Q(is_merged_at_read=True))]

    def __str__(self) -> str:
        return f"@{self.handle}"
