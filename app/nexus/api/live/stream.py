"""GET /api/v1/live: notifications and changes of posts on screen, as server-sent events that resume."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from nexus.api import health, limits
from nexus.api.authentication import token_ends_at, viewer_from
from nexus.api.errors import as_domain_error, problem_response
from nexus.api.live import messages
from nexus.api.live.hub import Hub, Mailbox
from nexus.api.live.messages import Message
from nexus.api.live.reader import Batch, Reader, in_thread
from nexus.api.requests import client_address
from nexus.domain.notifications.queries import last_sequence
from nexus.kernel import database, live, logging, metrics, replicas, traces
from nexus.kernel.errors import InvalidInput, Malformed, MethodNotAllowed, NotAuthenticated, RateLimited, Unavailable
from nexus.kernel.ids import parse_id

HEARTBEAT_S: Final = 15.0
# A push can be lost while both ends think that they are connected, and a block pushes nothing: so often a stream looks
# by itself.
LOOK_S: Final = 60.0
LOOK_WITHOUT_REDIS_S: Final = 15.0
# Redis confirms subscriptions in a moment, and the stream looks then; so long it waits for that.
FIRST_LOOK_S: Final = 1.0
OPENING_S: Final = 5.0
POSTS_MAX: Final = 100
STREAMS_OF_ONE_USER_MAX: Final = 20

_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}
_streams_of: Counter[int] = Counter()


@dataclass(frozen=True, slots=True)
class Opening:
    """All that a stream begins with."""

    user_id: int
    post_ids: frozenset[int]
    place: int
    token_ends_at: float
    headers: dict[str, str]

    @property
    def channels(self) -> frozenset[str]:
        """Where its changes are told."""
        return frozenset({live.user_channel(self.user_id), *map(live.post_channel, self.post_ids)})


async def stream(request: HttpRequest) -> HttpResponseBase:
    """Opens a stream; Last-Event-ID replays what came after it, `?posts=` names up to 100 posts on screen."""
    try:
        with traces.span("open_stream", "server", door="live"):
            opening = await _open(request)
    except Exception as error:
        logging.failed_in("open_stream", error)
        refusal = as_domain_error(error)
        metrics.REQUESTS.labels("live", refusal.status).inc()
        response = problem_response(refusal, request)
        if isinstance(refusal, MethodNotAllowed):
            response["Allow"] = "GET"
        if request.method == "HEAD":
            response.content = b""
        return response
    metrics.REQUESTS.labels("live", 200).inc()
    traces.record_no_more()
    return StreamingHttpResponse(
        _sent(request, opening),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", **opening.headers},
    )


async def _open(request: HttpRequest) -> Opening:
    request.get_host()  # refuses a host name that is not ours
    if request.method != "GET":
        raise MethodNotAllowed
    post_ids = _read_post_ids(request)
    last_seen = _read_last_event_id(request)
    if health.is_draining():
        raise Unavailable("This server stops.", retry_after=1)
    try:
        opening = await asyncio.wait_for(in_thread(partial(_look_up, request, post_ids, last_seen)), OPENING_S)
    except TimeoutError:
        raise Unavailable("Too much to do right now.", retry_after=random.randint(2, 10)) from None
    if _streams_of[opening.user_id] >= STREAMS_OF_ONE_USER_MAX:
        raise RateLimited(f"Close one of your {STREAMS_OF_ONE_USER_MAX} streams first.", retry_after=10)
    return opening


def _look_up(request: HttpRequest, post_ids: frozenset[int], last_seen: int | None) -> Opening:
    viewer = viewer_from(request)
    user_id = viewer.must_be_known()
    standing = limits.count("default", viewer=viewer, address=client_address(request))
    last = replicas.read(lambda: last_sequence(user_id), needs_primary=True)
    return Opening(
        user_id,
        post_ids,
        # A client can know more than a database that was restored to an earlier moment: it goes on from there.
        place=last if last_seen is None else min(last_seen, last),
        token_ends_at=token_ends_at(request),
        headers=standing.headers() if standing else {},
    )


def _read_post_ids(request: HttpRequest) -> frozenset[int]:
    for name in request.GET:
        if name != "posts" or len(request.GET.getlist(name)) > 1:
            raise InvalidInput.at(f"/{name}", "unknown_parameter", "There is one parameter here: posts, sent once.")
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


def _hub() -> Hub:
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(settings.NEXUS.redis_url)
    return _hubs[loop]


async def _sent(request: HttpRequest, opening: Opening) -> AsyncIterator[bytes]:
    with _counted(opening), _hub().listening(opening.channels) as mailbox:
        async for found in Stream(request, opening, mailbox, _hub()).run():
            for message in found:
                metrics.LIVE_MESSAGES.labels(message.kind).inc()
            yield b"".join(message.text for message in found)


@contextmanager
def _counted(opening: Opening) -> Iterator[None]:
    begun = time.monotonic()
    _streams_of[opening.user_id] += 1
    metrics.LIVE_STREAMS.inc()
    logging.log.info("live_stream_opened", user_id=opening.user_id, posts=len(opening.post_ids), place=opening.place)
    try:
        yield
    finally:
        metrics.LIVE_STREAMS.dec()
        _streams_of[opening.user_id] -= 1
        if not _streams_of[opening.user_id]:
            del _streams_of[opening.user_id]
        logging.log.info("live_stream_closed", user_id=opening.user_id, seconds=round(time.monotonic() - begun, 1))


class Stream:
    """One client: waits in its mailbox, has the rows read, never falls silent for longer than HEARTBEAT_S."""

    def __init__(self, request: HttpRequest, opening: Opening, mailbox: Mailbox, hub: Hub) -> None:
        self._opening = opening
        self._mailbox = mailbox
        self._hub = hub
        self._reader = Reader(partial(viewer_from, request), opening.post_ids, opening.place)
        self._heartbeat_at = 0.0
        self._look_at = time.time() + FIRST_LOOK_S
        self._to_look_at = set(opening.channels)

    async def run(self) -> AsyncIterator[Iterable[Message]]:
        """What to send, until the server stops or the login ends."""
        async for found in self._follow():
            if found:
                self._heartbeat_at = time.time() + HEARTBEAT_S
                yield found

    async def _follow(self) -> AsyncIterator[tuple[Message, ...]]:
        yield (messages.hello(self._opening.place),)
        while not self._mailbox.is_closed:
            changed = self._due(await self._mailbox.take(min(self._heartbeat_at, self._look_at) - time.time()))
            if time.time() >= self._heartbeat_at:
                yield (messages.HEARTBEAT,)
            if not changed:
                continue
            try:
                async for found in self._changes(changed):
                    yield found
            except NotAuthenticated:
                yield (messages.ended(),)
                return
            except (DatabaseError, InterfaceError) as error:
                if database.as_unavailable(error) is None:
                    raise
                # The rows wait where they are; so do we.
                logging.log.warning("live_database_unavailable", error=str(error).strip())
                self._mailbox.put(changed)
                await asyncio.sleep(random.uniform(0.5, 2.0))
        yield (messages.reconnect(),)

    async def _changes(self, changed: set[str]) -> AsyncIterator[tuple[Message, ...]]:
        is_last = False
        while not (is_last or self._mailbox.is_closed):
            reading = in_thread(partial(self._reader.read, changed))
            with self._mailbox.waiting_for(reading):
                while not reading.done():
                    await asyncio.wait({reading}, timeout=max(0.0, self._heartbeat_at - time.time()))
                    if not reading.done():
                        yield (messages.HEARTBEAT,)
            if reading.cancelled():
                return
            batch: Batch = reading.result()
            yield batch.messages
            is_last = batch.is_last
            changed = {live.user_channel(self._opening.user_id)}

    def _due(self, changed: set[str]) -> set[str]:
        """`changed` and, when it is time, every channel that was not looked at since the last time."""
        if time.time() >= self._look_at:
            changed = changed | self._to_look_at
        self._to_look_at -= changed
        if not self._to_look_at:
            self._to_look_at = set(self._opening.channels)
            pause = LOOK_S if self._hub.is_connected else LOOK_WITHOUT_REDIS_S
            self._look_at = min(time.time() + random.uniform(0.5, 1.0) * pause, self._opening.token_ends_at)
        return changed
