"""From the Authorization header to a Viewer."""

from django.http import HttpRequest

from nexus.domain.identity.queries import viewer_of
from nexus.domain.identity.tokens import ends_at
from nexus.kernel import written
from nexus.kernel.errors import NotAuthenticated
from nexus.kernel.viewer import ANONYMOUS, Viewer


def viewer_from(request: HttpRequest, *, for_write: bool = False) -> Viewer:
    """Who asks. Nobody without the header; raises NotAuthenticated for a token that is not, or no longer, valid."""
    token = _token(request)
    if token is None:
        return ANONYMOUS
    viewer = viewer_of(token, for_write=for_write)
    request.user_id = viewer.user_id  # type: ignore[attr-defined]  # for the log line
    if caller := written.current():
        caller.is_known_as(viewer.user_id)
    return viewer


def token_ends_at(request: HttpRequest) -> float:
    """When the access token of a request that `viewer_from` accepted ends, in seconds since 1970."""
    return ends_at(_token(request) or "")


def _token(request: HttpRequest) -> str | None:
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated("Send the access token as: Authorization: Bearer TOKEN.")
    return token.strip()
