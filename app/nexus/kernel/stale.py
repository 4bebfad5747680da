"""The last good answers, for a time in which no database can be asked: better than none, and labelled with their age.

Each belongs to one viewer in one login. It lives for a minute in Redis, signed, because whoever can write to Redis
could otherwise run code here or show somebody what is not for his eyes.
"""

import hashlib
import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from django.conf import settings
from django.db import transaction

from nexus.kernel import metrics, redis
from nexus.kernel.crypto import is_signed, signature
from nexus.kernel.viewer import Viewer

if TYPE_CHECKING:
    from redis import Redis

KEPT_S: Final = 60
SIZE_MAX: Final = 65_536
# A copy is renewed by each process at most so often: what it costs does not grow with the number of reads.
RENEWED_S: Final = 5.0
_RENEWALS_MAX: Final = 20_000
# For so long after a log-out another process may still believe the login, and make copies of what it sees.
BELIEVED_S: Final = 11.0
_SIGNATURE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where the answer to one question of one viewer is kept."""

    key: str
    user_id: int | None


@dataclass(frozen=True, slots=True)
class Copy:
    """An answer, and how many seconds ago it was true."""

    answer: Any
    age_s: float


def place(question: str, viewer: Viewer, arguments: Mapping[str, object]) -> Place:
    """The same for the same question with the same arguments by the same viewer; `question` is a name in our code."""
    told = repr((question, viewer.user_id, viewer.login_id, sorted(arguments.items())))
    return Place(f"stale:{question}:{hashlib.blake2b(told.encode(), digest_size=16).hexdigest()}", viewer.user_id)


def keep(where: Place, answer: object, begun_at: float) -> None:
    """Keeps what was read from `begun_at` (seconds since 1970) on, unless this process has done so a moment ago."""
    if redis.is_blocked() or not _renewals.is_due(where.key):
        return
    payload = pickle.dumps((begun_at, answer), protocol=pickle.HIGHEST_PROTOCOL)
    if len(payload) > SIZE_MAX:
        return
    sealed = signature(_purpose(), _signed(where, payload), _SIGNATURE_BYTES) + payload
    redis.attempt("stale", lambda client: client.set(where.key, sealed, ex=KEPT_S), None)


def kept(where: Place) -> Copy | None:
    """The last answer, of at most KEPT_S ago; None when there is none, or a login of its viewer has ended since."""
    nothing: tuple[bytes | None, bytes | None] = (None, None)
    sealed, ended_at = redis.attempt("stale", lambda client: _look_up(client, where), nothing)
    if sealed is None:
        return None
    given, payload = sealed[:_SIGNATURE_BYTES], sealed[_SIGNATURE_BYTES:]
    if not is_signed(_purpose(), _signed(where, payload), given):
        return None
    begun_at, answer = pickle.loads(payload)  # noqa: S301 (signed above)
    age_s = time.time() - begun_at
    if age_s > KEPT_S or (ended_at is not None and begun_at < float(ended_at) + BELIEVED_S):
        return None
    metrics.READS.labels("stale").inc()
    return Copy(answer, max(age_s, 0.0))


def forget(where: Place) -> None:
    """Drops an answer that has turned out to be over, if it was this process that kept it."""
    if _renewals.forget(where.key):
        redis.attempt("stale", lambda client: client.delete(where.key), None)


def end(user_id: int) -> None:
    """A login of the user ends with this transaction: no copy of what any login of his has seen is shown after it."""
    transaction.on_commit(lambda: _end(user_id), robust=True)


def _end(user_id: int) -> None:
    lives = int(KEPT_S + BELIEVED_S) + 5
    redis.attempt("stale", lambda client: client.set(_ended_key(user_id), str(time.time()), ex=lives), None)


def _look_up(client: "Redis", where: Place) -> tuple[bytes | None, bytes | None]:
    keys = [where.key] if where.user_id is None else [where.key, _ended_key(where.user_id)]
    sealed, ended_at = [*cast(list[bytes | None], client.mget(keys)), None][:2]
    return sealed, ended_at


def _ended_key(user_id: int) -> str:
    return f"stale:ended:{user_id}"


def _purpose() -> str:
    # Another release may have other classes: it does not read what this one wrote.
    return f"stale:{settings.NEXUS.release}"


def _signed(where: Place, payload: bytes) -> bytes:
    """With its key, so that an answer is worth nothing at another viewer's place."""
    return where.key.encode() + b"\0" + payload


class _Renewals:
    """When this process last kept what."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept_at: OrderedDict[str, float] = OrderedDict()

    def is_due(self, key: str) -> bool:
        """Whether to keep it now; then it is not due again for RENEWED_S."""
        now = time.monotonic()
        with self._lock:
            if now - self._kept_at.get(key, -RENEWED_S) < RENEWED_S:
                return False
            self._kept_at[key] = now
            self._kept_at.move_to_end(key)
            if len(self._kept_at) > _RENEWALS_MAX:
                self._kept_at.popitem(last=False)
        return True

    def forget(self, key: str) -> bool:
        """Whether it was kept at all."""
        with self._lock:
            return self._kept_at.pop(key, None) is not None


_renewals: Final = _Renewals()
