"""People."""

from typing import ClassVar, Final

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q

from nexus.kernel import clock
from nexus.kernel.ids import new_id

HANDLE_MAX: Final = 30
DISPLAY_NAME_MAX: Final = 50
BIO_MAX: Final = 500


class UserManager(BaseUserManager["User"]):
    """Django's commands (createsuperuser) make users by this."""

    def create_superuser(self, handle: str, password: str | None = None, **fields: object) -> "User":
        """An operator who may do everything in the admin pages."""
        user = self.model(handle=handle.lower(), is_staff=True, is_superuser=True, role=User.Role.ADMIN, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(handle=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person. E-mail addresses are allauth's `EmailAddress` rows: several people may claim one, one may confirm it."""

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
            models.CheckConstraint(condition=Q(handle__regex=r"^[a-z0-9_]{1,30}$"), name="user_handle_is_lower_case"),
        ]

    def __str__(self) -> str:
        return f"@{self.handle}"
