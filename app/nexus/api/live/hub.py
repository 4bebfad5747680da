"""One connection to Redis for all streams of a process; who listens is told that something changed, never what."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Coroutine, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from nexus.api import health
from nexus.kernel import live, metrics, sentinel, traces
from nexus.kernel.logging import log

_ALIVE: Final = "live:alive"  # a subscription of our own, so that the connection always has one
_PAUSE_MAX_S: Final = 1.0
# After so long without a word Redis is asked for one, and left when none comes in the same time again.
_SILENCE_S: Final = 1.5
# A channel rings at most so often: a post that a thousand people like in a second is read twice for each who sees it.
_REST_S: Final = 0.5


class Mailbox:
    """What has changed for one stream since it looked last."""

    def __init__(self) -> None:
        self.is_closed = False
        self._changed: set[str] = set()
        self._bell = asyncio.Event()
        self._work: asyncio.Future[Any] | None = None

    def put(self, channels: Iterable[str]) -> None:
        """Something happened on `channels`."""
        self._changed.update(channels)
        if self._changed:
            self._bell.set()

    def close(self) -> None:
        """The process stops: the stream says so to its client and ends."""
        self.is_closed = True
        self._bell.set()
        if self._work is not None:
            self._work.cancel()

    @contextmanager
    def waiting_for(self, work: asyncio.Future[Any]) -> Iterator[None]:
        """`work` is cancelled when the mailbox is closed, and when nobody waits for it any more."""
        self._work = work
        try:
            yield
        finally:
            work.cancel()

    async def take(self, timeout: float) -> set[str]:
        """The channels on which something happened; waits up to `timeout` seconds for the first."""
        if not self._bell.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), timeout)
        if not self.is_closed:
            self._bell.clear()
        changed, self._changed = self._changed, set()
        return changed


class Hub:
    """Belongs to one event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._mailboxes: defaultdict[str, set[Mailbox]] = defaultdict(set)
        self._pubsub: PubSub | None = None
        self._lock = asyncio.Lock()  # of what is said to Redis, so that it is said in order
        self._touched: set[str] = set()
        self._subscribed: set[str] = set()
        self._confirmed: set[str] = set()
        self._resting: dict[str, bool] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._spawn(self._watch_for_the_end())
        if url:
            self._spawn(self._listen())

    @property
    def is_connected(self) -> bool:
        """Whether somebody would tell us of a change."""
        return self._pubsub is not None

    @contextmanager
    def listening(self, channels: Collection[str]) -> Iterator[Mailbox]:
        """A mailbox for `channels`. Each is in it once as soon as nothing can fall between any more."""
        mailbox = Mailbox()
        for channel in channels:
            self._mailboxes[channel].add(mailbox)
        mailbox.put(channel for channel in channels if channel in self._confirmed or not self.is_connected)
        if health.is_draining():
            mailbox.close()
        self._touch(channels)
        try:
            yield mailbox
        finally:
            for channel in channels:
                self._mailboxes[channel].discard(mailbox)
                if not self._mailboxes[channel]:
                    del self._mailboxes[channel]
            self._touch(channels)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _touch(self, channels: Collection[str]) -> None:
        self._touched.update(channels)
        if self.is_connected:
            self._spawn(self._tell_redis())

    async def _tell_redis(self) -> None:
        """Subscribes to what somebody listens to now, and no longer to what nobody does."""
        async with self._lock:
            touched, self._touched = self._touched, set()
            new = {channel for channel in touched if channel in self._mailboxes} - self._subscribed
            old = {channel for channel in touched if channel not in self._mailboxes} & self._subscribed
            if self._pubsub is None:
                return  # whoever connects subscribes to everything
            self._subscribed = (self._subscribed | new) - old
            self._confirmed -= old
            try:
                if new:
                    await self._pubsub.subscribe(*new)
                if old:
                    await self._pubsub.unsubscribe(*old)
            except (RedisError, OSError):
                self._pubsub = None  # who can tell what Redis has heard: the listener begins anew

    async def _listen(self) -> None:
        pause = 0.1
        while True:
            try:
                async with _client(self._url) as client, client.pubsub() as pubsub:
                    await self._connect(pubsub)
                    pause = 0.1
                    master = _Master(client)
                    while self.is_connected:
                        await self._receive(pubsub)
                        await master.check()
            except Exception as error:  # whatever it was: without this loop nobody would hear anything again
                metrics.REDIS_ERRORS.labels("live").inc()
                log.warning("live_hub_disconnected", error=str(error) or type(error).__name__)
            finally:
                self._pubsub = None
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, _PAUSE_MAX_S)

    async def _connect(self, pubsub: PubSub) -> None:
        async with self._lock:
            self._subscribed, self._confirmed = set(self._mailboxes), set()
            await pubsub.subscribe(_ALIVE, *self._subscribed)
            self._pubsub = pubsub
        self._touch(())  # what somebody began to listen to meanwhile

    async def _receive(self, pubsub: PubSub) -> None:
        received = await pubsub.get_message(timeout=_SILENCE_S)
        if received is None:
            await pubsub.ping()
            received = await pubsub.get_message(timeout=_SILENCE_S)
        if received is None:
            raise TimeoutError("Redis says nothing")
        channel = (received["channel"] or b"").decode()
        if received["type"] == "message" and (woken := live.WakeUp.of(received["data"])) is not None:
            delay = max(0.0, time.time() - woken.sent_at)
            metrics.LIVE_DELAY.observe(delay)
            with traces.following(woken.traceparent), traces.span("wake_streams", "consumer") as span:
                span.tell(streams=len(self._mailboxes.get(channel, ())), delay_ms=round(delay * 1000, 1))
        if received["type"] == "subscribe":
            self._confirmed.add(channel)
            self._ring(channel)
        elif received["type"] == "message" and channel not in self._resting:
            self._resting[channel] = False
            asyncio.get_running_loop().call_later(_REST_S, self._has_rested, channel)
            self._ring(channel)
        elif received["type"] == "message":
            self._resting[channel] = True

    def _has_rested(self, channel: str) -> None:
        if self._resting.pop(channel):
            self._ring(channel)

    def _ring(self, channel: str) -> None:
        for mailbox in self._mailboxes.get(channel, ()):
            mailbox.put((channel,))

    async def _watch_for_the_end(self) -> None:
        while not health.is_draining():
            await asyncio.sleep(0.25)
        for mailbox in set().union(*self._mailboxes.values()):
            mailbox.close()


@asynccontextmanager
async def _client(url: str) -> AsyncIterator["Redis"]:
    """Of one connection, which tries nothing again by itself: after a new one every stream has to look."""
    no_retry = Retry(NoBackoff(), 0)
    options = {"socket_connect_timeout": 1, "socket_timeout": _SILENCE_S, **sentinel.KEEPALIVE, "retry": no_retry}
    if not sentinel.is_sentinel(url):
        async with aclosing(Redis.from_url(url, **options)) as client:
            yield client
        return
    group = sentinel.Group.of(url)
    asked = {**sentinel.QUICK, **group.sentinel_credentials, "retry": no_retry}
    sentinels = Sentinel(group.sentinels, sentinel_kwargs=asked, **group.credentials, **options)
    async with aclosing(sentinels), aclosing(sentinels.master_for(group.master, db=group.database)) as client:
        yield client


class _Master:
    """The server that was the master when we connected: nobody publishes at it any more when another one is."""

    def __init__(self, client: "Redis") -> None:
        self._pool = client.connection_pool
        self._address = getattr(self._pool, "master_address", None)
        self._look_at = time.monotonic() + sentinel.LOOK_S

    async def check(self) -> None:
        """Asks the Sentinels now and then; raises ConnectionError when they name another one."""
        if not isinstance(self._pool, SentinelConnectionPool) or time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + sentinel.LOOK_S
        try:
            address = await self._pool.get_master_address()
        except RedisError:
            self._look_at = time.monotonic() + sentinel.LOOK_AFTER_FAILURE_S
            return
        if address != self._address:
            raise RedisConnectionError("another Redis is the master now")
