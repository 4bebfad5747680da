"""GET /api/v1/live: notifications and changes of posts on screen, as server-sent events that resume."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from nexus.api import health, limits
from nexus.api.authentication import token_ends_at, viewer_from
from nexus.api.errors import as_domain_error, problem_response
from nexus.api.live import messages
from nexus.api.live.hub import Hub, Mailbox
from nexus.api.requests import client_address, read_request_id
from nexus.domain.notifications.queries import last_sequence, notifications_since
from nexus.domain.notifications.shapes import NotificationShape
from nexus.domain.posts.queries import visible_posts
from nexus.kernel import live, logging, metrics
from nexus.kernel.errors import InvalidInput, Malformed, NotAuthenticated, Unavailable
from nexus.kernel.ids import parse_id
from nexus.kernel.viewer import Viewer

T = TypeVar("T")

HEARTBEAT_S: Final = 15.0
# A push can be lost while both ends think that they are connected: so often a stream looks by itself.
LOOK_S: Final = 60.0
REPLAY_BATCH: Final = 100
POSTS_MAX: Final = 100

# Streams hold no database connection: these few threads have one each and work for all of them.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="live-database")
_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


async def stream(request: HttpRequest) -> HttpResponseBase:
    """Opens a stream; Last-Event-ID replays what came after it, `?posts=` names up to 100 posts on screen."""
    logging.bind_request(read_request_id(request.headers.get("X-Request-ID", "")))
    try:
        if request.method != "GET":
            return HttpResponse(status=405, headers={"Allow": "GET"})
        post_ids = _read_post_ids(request)
        last_seen = _read_last_event_id(request)
        viewer = await _in_thread(partial(viewer_from, request))
        viewer.must_be_known()
        await _in_thread(partial(limits.count, "default", viewer=viewer, address=client_address(request)))
        if health.is_draining():
            raise Unavailable(retry_after=1)
    except Exception as error:
        return problem_response(as_domain_error(error), request)
    logging.log.info("live_stream_opened", user_id=viewer.user_id, posts=len(post_ids), resumes=last_seen is not None)
    return StreamingHttpResponse(
        _events(request, viewer, post_ids, last_seen),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _read_post_ids(request: HttpRequest) -> frozenset[int]:
    named = [part for part in request.GET.get("posts", "").split(",") if part]
    ids = {parse_id(part) for part in named}
    if None in ids or len(named) > POSTS_MAX:
        raise InvalidInput.at("/posts", "invalid", f"posts must be up to {POSTS_MAX} ids, separated by commas.")
    return frozenset(each for each in ids if each is not None)


def _read_last_event_id(request: HttpRequest) -> int | None:
    header = request.headers.get("Last-Event-ID")
    if header is None:
        return None
    if not (header.isascii() and header.isdigit() and len(header) < 19):
        raise Malformed("Last-Event-ID must be the id of an event of this stream.")
    return int(header)


async def _in_thread(work: Callable[[], T]) -> T:
    def run() -> T:
        close_old_connections()
        return work()

    return await asyncio.get_running_loop().run_in_executor(_threads, run)


def _hub() -> Hub:
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(settings.NEXUS.redis_url)
    return _hubs[loop]


async def _events(
    request: HttpRequest, viewer: Viewer, post_ids: frozenset[int], last_seen: int | None
) -> AsyncIterator[bytes]:
    user_id = viewer.must_be_known()
    channels = {live.user_channel(user_id), *map(live.post_channel, post_ids)}
    metrics.LIVE_STREAMS.inc()
    try:
        with _hub().listening(channels) as mailbox:
            # After the subscription, so that nothing falls between.
            place = await _in_thread(partial(last_sequence, user_id)) if last_seen is None else last_seen
            yield messages.hello(place)
            mailbox.put(live.user_channel(user_id))
            async for chunk in _follow(request, viewer, post_ids, place, mailbox):
                yield chunk
    finally:
        metrics.LIVE_STREAMS.dec()


async def _follow(
    request: HttpRequest, viewer: Viewer, post_ids: frozenset[int], place: int, mailbox: Mailbox
) -> AsyncIterator[bytes]:
    own = live.user_channel(viewer.must_be_known())
    look_at = _next_look(request)
    while not mailbox.is_closed:
        changed = await mailbox.take(HEARTBEAT_S)
        if not changed:
            yield messages.HEARTBEAT
        try:
            if time.time() >= look_at:
                await _in_thread(partial(viewer_from, request))
                look_at = _next_look(request)
                changed.add(own)
            while own in changed and (found := await _in_thread(partial(_since, viewer, place))):
                for shape in found:
                    place = shape.sequence
                    yield messages.notification(shape)
            gone = {each for each in post_ids if live.post_channel(each) in changed}
            for post in await _in_thread(partial(visible_posts, viewer, sorted(gone))) if gone else ():
                gone.discard(post.id)
                yield messages.post(post)
            for post_id in gone:
                yield messages.post_gone(post_id)
        except NotAuthenticated:
            yield messages.ended()
            return
        except (DatabaseError, InterfaceError) as error:
            # The rows wait where they are; so do we.
            logging.log.warning("live_database_unavailable", error=str(error).strip())
            await asyncio.sleep(random.uniform(0.5, 2.0))
            for channel in changed:
                mailbox.put(channel)
    yield messages.reconnect()


def _since(viewer: Viewer, place: int) -> tuple[NotificationShape, ...]:
    return notifications_since(viewer.must_be_known(), place, REPLAY_BATCH)


def _next_look(request: HttpRequest) -> float:
    """When the stream looks at its rows and its token unasked: about each minute, and when the token ends."""
    return min(time.time() + random.uniform(0.5, 1.0) * LOOK_S, token_ends_at(request))
