"""One connection to Redis for all streams of a process; who listens is told that something changed, never what."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from nexus.api import health
from nexus.kernel.logging import log

_ALIVE: Final = "live:alive"  # a subscription of our own, so that the connection always has one
_PAUSE_MAX_S: Final = 5.0


class Mailbox:
    """What has changed for one stream since it looked last."""

    def __init__(self) -> None:
        self.is_closed = False
        self._changed: set[str] = set()
        self._bell = asyncio.Event()

    def put(self, channel: str) -> None:
        """Something happened on `channel`."""
        self._changed.add(channel)
        self._bell.set()

    def close(self) -> None:
        """The process stops: say so to the client and end."""
        self.is_closed = True
        self._bell.set()

    async def take(self, timeout: float) -> set[str]:
        """The channels on which something happened; waits up to `timeout` seconds for the first."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._bell.wait(), timeout)
        self._bell.clear()
        changed, self._changed = self._changed, set()
        return changed


class Hub:
    """Belongs to one event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._mailboxes: defaultdict[str, set[Mailbox]] = defaultdict(set)
        self._pubsub: PubSub | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._spawn(self._watch_for_the_end())
        if url:
            self._spawn(self._listen())

    @contextmanager
    def listening(self, channels: set[str]) -> Iterator[Mailbox]:
        """A mailbox for `channels`."""
        mailbox = Mailbox()
        new = {channel for channel in channels if channel not in self._mailboxes}
        for channel in channels:
            self._mailboxes[channel].add(mailbox)
        self._spawn(self._tell("subscribe", new))
        try:
            yield mailbox
        finally:
            for channel in channels:
                self._mailboxes[channel].discard(mailbox)
            empty = {channel for channel in channels if not self._mailboxes[channel]}
            for channel in empty:
                del self._mailboxes[channel]
            self._spawn(self._tell("unsubscribe", empty))

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, command: str, channels: set[str]) -> None:
        if self._pubsub is not None and channels:
            # The listener meets the same error, connects anew and subscribes to everything.
            with suppress(RedisError, OSError):
                await getattr(self._pubsub, command)(*channels)

    async def _listen(self) -> None:
        pause = 0.1
        while True:
            client = Redis.from_url(self._url, socket_connect_timeout=1, socket_timeout=5, health_check_interval=5)
            try:
                async with client.pubsub() as pubsub:
                    await pubsub.subscribe(_ALIVE, *self._mailboxes)
                    self._pubsub, pause = pubsub, 0.1
                    self._wake_all()
                    while True:
                        await self._deliver(pubsub)
            except (RedisError, OSError) as error:
                log.warning("live_hub_disconnected", error=str(error))
            finally:
                self._pubsub = None
                await client.aclose()
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, _PAUSE_MAX_S)

    async def _watch_for_the_end(self) -> None:
        while not health.is_draining():
            await asyncio.sleep(0.25)
        for mailbox in set().union(*self._mailboxes.values()):
            mailbox.close()

    async def _deliver(self, pubsub: PubSub) -> None:
        received = await pubsub.get_message(ignore_subscribe_messages=True, timeout=5)
        if received is not None:
            channel = received["channel"].decode()
            for mailbox in self._mailboxes.get(channel, ()):
                mailbox.put(channel)

    def _wake_all(self) -> None:
        """Whatever was said while nobody listened: every stream looks once."""
        for channel, mailboxes in self._mailboxes.items():
            for mailbox in mailboxes:
                mailbox.put(channel)
