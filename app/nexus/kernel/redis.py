"""Redis, which holds only what can be rebuilt: every caller says what it does without."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from django.conf import settings
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from nexus.kernel import metrics
from nexus.kernel.logging import log

if TYPE_CHECKING:
    import redis

T = TypeVar("T")

# After a failure this process does not wait for Redis again for so long; then one call tries.
_PAUSE_S: Final = 1.0
_blocked_until = 0.0


def client() -> "redis.Redis":
    """The connection pool's client, with short time-outs. Most callers want `attempt`."""
    connection: redis.Redis = get_redis_connection("default")
    return connection


def is_blocked() -> bool:
    """Whether Redis is switched off, or failed a moment ago."""
    return not settings.NEXUS.redis_url or time.monotonic() < _blocked_until


def attempt(purpose: str, run: Callable[["redis.Redis"], T], default: T) -> T:
    """`run(client)`, or `default` when Redis is switched off, away or too slow."""
    global _blocked_until
    if is_blocked():
        return default
    try:
        return run(client())
    except (RedisError, OSError) as error:
        _blocked_until = time.monotonic() + _PAUSE_S
        metrics.REDIS_ERRORS.labels(purpose).inc()
        log.warning("redis_failed", purpose=purpose, error=str(error))
        return default
