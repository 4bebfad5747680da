"""Who asks."""

from typing import cast

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db.models import Exists, OuterRef, Value

from nexus.domain.identity.models import Login
from nexus.domain.identity.tokens import Claims, claims_of
from nexus.domain.identity.viewers import verified
from nexus.kernel import nodes, replicas, stale
from nexus.kernel.errors import NotAuthenticated
from nexus.kernel.viewer import Role, Viewer


def viewer_of(access_token: str, *, for_write: bool = False) -> Viewer:
    """The person behind an access token, with the role of this moment; raises NotAuthenticated.

    What was read once is believed for ten seconds: a login that another process ends may live that much longer here.
    `for_write` believes the primary only, as long as it is there.
    """
    viewer = verified.get(access_token, by_primary=for_write)
    if viewer is not None:
        return viewer
    claims = claims_of(access_token)
    is_by_primary = False

    def look() -> Viewer:
        nonlocal is_by_primary
        found = _viewer(claims)
        is_by_primary = nodes.alias() == nodes.PRIMARY
        return found

    def place() -> stale.Place:
        return stale.place("viewer", Viewer(claims.user_id, claims.login_id), {})

    return verified.remember(
        access_token,
        claims.ends_at,
        lambda: replicas.read(look, place=place, needs_primary=for_write),
        lambda: is_by_primary,
    )


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
