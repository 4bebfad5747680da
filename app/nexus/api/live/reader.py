"""What a stream has to send: read from the rows, in one of a few threads that work for all streams."""

import asyncio
import contextvars
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from django.db import close_old_connections

from nexus.api.live import messages
from nexus.api.live.messages import Message
from nexus.domain.notifications.queries import last_sequence, notifications_since
from nexus.domain.notifications.shapes import NotificationShape
from nexus.domain.posts.queries import visible_posts
from nexus.kernel import database, live
from nexus.kernel.viewer import Viewer

T = TypeVar("T")

THREADS: Final = 4
BATCH: Final = 100
# A thread that waits for Postgres works for nobody: the stream tries again by itself, later.
_BUDGET_S: Final = 1.0

# Streams hold no database connection: these threads have one each. None is started before the first stream.
_threads: Final = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="live-database")


def in_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """`work()`, which may use the database; cancelling it while it waits for its turn takes it out of the queue."""
    context = contextvars.copy_context()

    def run() -> T:
        close_old_connections()
        with database.time_budget(_BUDGET_S):
            return work()

    return asyncio.get_running_loop().run_in_executor(_threads, context.run, run)


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages in order; `is_last` says that nothing is left to be read."""

    messages: tuple[Message, ...]
    is_last: bool


class Reader:
    """What the client of one stream has seen. Only one thread at a time uses it."""

    def __init__(self, authenticate: Callable[[], Viewer], post_ids: Collection[int], place: int) -> None:
        self._authenticate = authenticate
        self._post_ids = post_ids
        self._place = place
        self._looked_up_to = place
        self._seen: dict[int, int] = {}

    def read(self, changed: Collection[str]) -> Batch:
        """What is new in the channels; raises NotAuthenticated when the login or the token has ended."""
        viewer = self._authenticate()
        user_id = viewer.must_be_known()
        place, last = self._place, self._looked_up_to
        shapes: tuple[NotificationShape, ...] = ()
        if live.user_channel(user_id) in changed:
            # Almost always nothing is new, and this tells it for a tenth of the price.
            last = last_sequence(user_id)
            shapes = notifications_since(user_id, place, BATCH) if last > self._looked_up_to else ()
            place = max((shape.sequence for shape in shapes), default=place)
        posts = self._posts(viewer, [each for each in self._post_ids if live.post_channel(each) in changed])
        # Only now: what was read before the database went away was not sent.
        self._place = place
        is_last = not shapes or place >= last
        if is_last:
            self._looked_up_to = last
        return Batch((*map(messages.notification, shapes), *posts), is_last)

    def _posts(self, viewer: Viewer, post_ids: Collection[int]) -> list[Message]:
        visible = {shape.id: shape for shape in visible_posts(viewer, post_ids)} if post_ids else {}
        found = []
        for post_id in post_ids:
            shape = visible.get(post_id)
            message = messages.post_gone(post_id) if shape is None else messages.post(shape)
            if self._seen.get(post_id) != hash(message.text):
                self._seen[post_id] = hash(message.text)
                found.append(message)
        return found
