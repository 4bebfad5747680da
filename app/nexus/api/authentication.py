"""From the Authorization header to a Viewer."""

from django.http import HttpRequest

from nexus.domain.identity.queries import viewer_of
from nexus.kernel import database
from nexus.kernel.errors import NotAuthenticated
from nexus.kernel.viewer import ANONYMOUS, Viewer


def viewer_from(request: HttpRequest) -> Viewer:
    """Who asks. Nobody without the header; raises NotAuthenticated for a token that is not, or no longer, valid."""
    header = request.headers.get("Authorization")
    if header is None:
        return ANONYMOUS
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated("Send the access token as: Authorization: Bearer TOKEN.")
    viewer = database.retrying(lambda: viewer_of(token.strip()))
    request.user_id = viewer.user_id  # type: ignore[attr-defined]  # for the log line
    return viewer
