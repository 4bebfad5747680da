"""The viewers of tokens that were verified a moment ago, so that not every call asks the database who asks."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from nexus.kernel import metrics
from nexus.kernel.viewer import Viewer

KEPT_S: Final = 10.0
# A replica may not know yet that a login has ended; together this is less than KEPT_S.
KEPT_FROM_REPLICA_S: Final = 4.0
SIZE: Final = 4096


class VerifiedTokens:
    """At most `size` tokens, each for KEPT_S and never longer than it is valid; the least used one goes first."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[Viewer, float, bool]] = OrderedDict()
        self._forgotten = 0

    def get(self, token: str, *, by_primary: bool = False) -> Viewer | None:
        """The viewer of a token that was verified less than KEPT_S ago; `by_primary`: not at a replica."""
        with self._lock:
            viewer, until, is_by_primary = self._entries.get(token, (None, 0.0, False))
            if viewer is not None and time.monotonic() < until and is_by_primary >= by_primary:
                self._entries.move_to_end(token)
                metrics.CACHE.labels("viewer", "hit").inc()
                return viewer
            self._entries.pop(token, None)
        metrics.CACHE.labels("viewer", "miss").inc()
        return None

    def remember(
        self, token: str, ends_at: float, read: Callable[[], Viewer], is_by_primary: Callable[[], bool] = lambda: True
    ) -> Viewer:
        """`read()`, kept unless something was forgotten while it ran: it may have read what was true before."""
        before, begun_at = self._forgotten, time.monotonic()
        left_s = ends_at - time.time()
        viewer = read()
        by_primary = is_by_primary()
        kept_s = min(KEPT_S if by_primary else KEPT_FROM_REPLICA_S, left_s)
        with self._lock:
            if self._forgotten == before and kept_s > 0:
                self._entries[token] = (viewer, begun_at + kept_s, by_primary)
                self._entries.move_to_end(token)
                if len(self._entries) > self._size:
                    self._entries.popitem(last=False)
        return viewer

    def forget(self, *, user_id: int | None = None, login_id: int | None = None) -> None:
        """Drops the tokens of a user or of a login, in this process."""
        with self._lock:
            self._forgotten += 1
            for token, (viewer, _, _) in list(self._entries.items()):
                if (user_id is not None and viewer.user_id == user_id) or (
                    login_id is not None and viewer.login_id == login_id
                ):
                    del self._entries[token]

    def __len__(self) -> int:
        return len(self._entries)


verified: Final = VerifiedTokens()
