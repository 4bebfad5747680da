"""Who asks."""

from typing import cast

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db.models import Exists, OuterRef, Value

from nexus.domain.identity.models import Login
from nexus.domain.identity.tokens import Claims, claims_of
from nexus.domain.identity.viewers import verified
from nexus.kernel.errors import NotAuthenticated
from nexus.kernel.viewer import Role, Viewer


def viewer_of(access_token: str) -> Viewer:
    """The person behind an access token, with the role of this moment; raises NotAuthenticated.

    What was read once is believed for ten seconds: a login that another process ends may live that much longer here.
    """
    viewer = verified.get(access_token)
    if viewer is not None:
        return viewer
    claims = claims_of(access_token)
    return verified.remember(access_token, claims.ends_at, lambda: _viewer(claims))


def _viewer(claims: Claims) -> Viewer:
    confirmed = EmailAddress.objects.filter(user_id=OuterRef("user_id"), verified=True)
    found = (
        Login.objects.filter(pk=claims.login_id, user_id=claims.user_id, ended_at=None, user__is_active=True)
        .values_list("user__role", Exists(confirmed) if settings.NEXUS.require_confirmed_email else Value(True))
        .first()
    )
    if found is None:
        raise NotAuthenticated("The login has ended.")
    role, may_write = found
    return Viewer(claims.user_id, claims.login_id, cast(Role, role), may_write=bool(may_write))
