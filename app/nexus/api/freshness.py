"""What a client is told of how fresh an answer is, and what it may tell of what it has written (see kernel/written)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from nexus.kernel import nodes, written
from nexus.kernel.written import Caller

WRITTEN: Final = "X-Nexus-Written"
STALE: Final = "X-Nexus-Stale"
COOKIE: Final = "nexus-written"


@contextmanager
def agreed_with(request: HttpRequest) -> Iterator[Caller | None]:
    """Answers inside are no older than what the client has written or seen; None where there are no replicas."""
    if not nodes.has_replica():
        yield None
        return
    with written.called(request.headers.get(WRITTEN), request.COOKIES.get(COOKIE)) as caller:
        yield caller


def tell(response: HttpResponseBase, caller: Caller) -> None:
    """The headers, and after a change the cookie, which does the same for who knows nothing of headers."""
    if 0 < caller.seen < written.UNKNOWN:
        token = written.token_of(caller.seen)
        response[WRITTEN] = token
        if caller.has_written:
            response.set_cookie(
                COOKIE,
                token,
                max_age=written.KEPT_S,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Strict",
            )
    if caller.stale_s is not None and not caller.has_written:
        response[STALE] = str(caller.stale_s)
