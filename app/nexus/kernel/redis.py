"""Redis, which holds only what can be rebuilt: every caller says what it does without."""

import copy
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import django_redis.pool
from django.conf import settings
from django_redis import get_redis_connection
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool, SentinelConnectionPoolProxy

from nexus.kernel import metrics, sentinel, traces
from nexus.kernel.logging import log

if TYPE_CHECKING:
    import redis
    from redis.connection import Connection

T = TypeVar("T")

# After a failure this process does not wait for Redis again for so long; then one call tries, and the others go on
# without until it has succeeded.
_PAUSE_S: Final = 1.0
_blocked_until = 0.0
_is_doubtful = False
_doubted_at = -math.inf
_turn: Final = threading.Lock()


def client() -> "redis.Redis":
    """The connection pool's client, with short time-outs. Most callers want `attempt`."""
    connection: redis.Redis = get_redis_connection("default")
    return connection


def is_blocked() -> bool:
    """Whether Redis is switched off, or failed a moment ago."""
    return not settings.NEXUS.redis_url or time.monotonic() < _blocked_until


def may_have_forgotten(seconds: float) -> bool:
    """Whether this process has seen it fail, or move to another master, within the last `seconds`.

    What was just written may be lost then, or may never have come that far.
    """
    return time.monotonic() < _doubted_at + seconds


def attempt(purpose: str, run: Callable[["redis.Redis"], T], default: T) -> T:
    """`run(client)`, or `default` when Redis is switched off, away or too slow."""
    if is_blocked() or (_is_doubtful and not _is_our_turn()):
        return default
    try:
        with traces.span("redis", "client", purpose=purpose):
            answer = run(client())
    except (RedisError, OSError) as error:
        _block()
        _doubt()
        metrics.REDIS_ERRORS.labels(purpose).inc()
        log.warning("redis_failed", purpose=purpose, error=str(error))
        return default
    if _is_doubtful:
        _unblock()
    return answer


def _block() -> None:
    global _blocked_until, _is_doubtful
    _blocked_until = time.monotonic() + _PAUSE_S
    _is_doubtful = True


def _unblock() -> None:
    global _blocked_until, _is_doubtful
    _blocked_until = 0.0
    _is_doubtful = False


def _doubt() -> None:
    global _doubted_at
    _doubted_at = time.monotonic()


def _is_our_turn() -> bool:
    """Of all threads that find the pause over, one tries."""
    with _turn:
        if is_blocked():
            return False
        _block()
        return True


class ConnectionFactory(django_redis.pool.ConnectionFactory):  # type: ignore[misc]
    """Connections to the one Redis of the address or, through Sentinels, to whichever is the master now."""

    def get_connection_pool(self, params: dict[str, Any]) -> Any:
        """A pool for the whole process. No connection of it tries anything twice: who calls goes on without."""
        if not sentinel.is_sentinel(params["url"]):
            return super().get_connection_pool(params)
        group = sentinel.Group.of(params["url"])
        others = {name: value for name, value in params.items() if name != "url"}
        return _MasterPool(
            group.master, _sentinels(group), db=group.database, **group.credentials, **others, **self.pool_cls_kwargs
        )


class _KnownMaster(SentinelConnectionPoolProxy):
    """Where the master was at the last look: a new connection goes there at once, and fails quickly if it is gone.

    redis-py asks the Sentinels each time, and the first of them may have gone with the master.
    """

    def get_master_address(self) -> Any:
        """Asks only when nobody has looked yet."""
        return self.master_address or self.look()

    def look(self) -> Any:
        """Asks the Sentinels; idle connections to a former master end."""
        former = self.master_address
        found = super().get_master_address()  # type: ignore[no-untyped-call]  # redis-py has no types
        if former not in (None, found):
            _doubt()
        return found


class _MasterPool(SentinelConnectionPool):
    """Leaves a master that is one no longer within a second or two.

    One that was replaced while it lived, or while it hung, goes on believing in itself until a Sentinel tells it so ten
    seconds later, and then loses all that was written to it meanwhile.
    """

    _look_at = 0.0

    def __init__(self, name: str, sentinels: Sentinel, **options: Any) -> None:
        # redis-py has no types here, which is all that is ignored.
        super().__init__(name, sentinels, **options)  # type: ignore[no-untyped-call]
        known = _KnownMaster(self, self.is_master, self.check_connection, name, sentinels)  # type: ignore[no-untyped-call]
        self._known = self.proxy = known
        self.connection_kwargs["connection_pool"] = known

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> "Connection":
        """One to the master of about now."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + sentinel.LOOK_S
            # Nobody waits for it: a Sentinel may be as silent as the master that it would tell of.
            threading.Thread(target=self._look, name="redis-master", daemon=True).start()
        return super().get_connection()

    def _look(self) -> None:
        # Without Sentinels, or while they have chosen no other master yet, what is known stays so.
        with suppress(RedisError):
            self._known.look()


class _Sentinels(Sentinel):
    """All that are known, in an order of its own for each question.

    redis-py moves the one that answered to the front by an exchange in the common list; of two threads that do so at
    once, one can overwrite what the other has moved, and a Sentinel is forgotten for good.
    """

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Where the master is; raises MasterNotFoundError when none of them knows."""
        asking = copy.copy(self)
        asking.sentinels = list(self.sentinels)
        found: tuple[str, int] = Sentinel.discover_master(asking, service_name)
        self.sentinels = asking.sentinels
        return found


def _sentinels(group: sentinel.Group) -> _Sentinels:
    options = {**sentinel.QUICK, **group.sentinel_credentials, "retry": Retry(NoBackoff(), 0)}
    return _Sentinels(group.sentinels, sentinel_kwargs=options)  # type: ignore[no-untyped-call]
