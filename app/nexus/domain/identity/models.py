"""Logins and their refresh tokens. Addresses and their confirmation are allauth's."""

from django.db import models

from nexus.domain.users.models import User
from nexus.kernel import clock
from nexus.kernel.ids import new_id


class Login(models.Model):
    """One device or client that somebody has logged in with; ending it ends all its tokens."""

    id = models.BigIntegerField(primary_key=True, default=new_id)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    last_used_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "nexus"

    def __str__(self) -> str:
        return f"login {self.id} of {self.user_id}"


class RefreshToken(models.Model):
    """A refresh token, by its hash. A spent one stays until it expires, so that its reuse is noticed."""

    token_hash = models.BinaryField(max_length=32, primary_key=True)
    login = models.ForeignKey(Login, models.CASCADE, related_name="+")
    issued_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(db_index=True)
    spent_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "nexus"

    def __str__(self) -> str:
        return f"refresh token of login {self.login_id}"
