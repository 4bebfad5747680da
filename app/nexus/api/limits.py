"""Rate limits: atomic in Redis, told to the client in every answer (draft-ietf-httpapi-ratelimit-headers)."""

import ipaddress
import math
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from django.conf import settings
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis import ConnectionPool

from nexus.kernel import metrics, redis
from nexus.kernel.errors import RateLimited
from nexus.kernel.viewer import Viewer

Policy = Literal["default", "credentials"]
# Without Redis each process counts for itself, so each gets a part of the quota; only where guessing must be slow.
_FALLBACK_SHARE: Final = 4


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a quota, and in how many seconds it is whole again."""

    policy: Policy
    quota: int
    window_s: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """The fields of the answer."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={self.window_s}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset_s}',
        }


def network(address: str) -> str:
    """What counts as one place: an IPv4 address, or the /64 that one customer has in IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address


def count(policy: Policy, *, viewer: Viewer, address: str) -> Standing | None:
    """Counts one call of a user, or of a place for nobody; None where nothing is counted. Raises RateLimited."""
    if not settings.NEXUS.rate_limits:
        return None
    quota, window_s = settings.NEXUS.rate_limit_credentials if policy == "credentials" else settings.NEXUS.rate_limit
    who = f"u{viewer.user_id}" if viewer.user_id and policy == "default" else f"a{network(address)}"
    item = RateLimitItemPerSecond(quota, window_s, namespace="limit")
    counted = redis.attempt("limits", lambda client: _hit(_shared(client.connection_pool), item, policy, who), None)
    if counted is None:
        if policy == "default":
            return None
        item = RateLimitItemPerSecond(max(1, quota // _FALLBACK_SHARE), window_s, namespace="limit")
        counted = _hit(_own(), item, policy, who)
    is_allowed, remaining, reset_at = counted
    reset_s = max(1, math.ceil(reset_at - time.time()))
    if not is_allowed:
        metrics.RATE_LIMITED.labels(policy).inc()
        raise RateLimited(f"Wait for {reset_s} seconds.", retry_after=reset_s)
    return Standing(policy, quota, window_s, remaining, reset_s)


def _hit(
    limiter: SlidingWindowCounterRateLimiter, item: RateLimitItemPerSecond, policy: Policy, who: str
) -> tuple[bool, int, float]:
    is_allowed = limiter.hit(item, policy, who)
    stats = limiter.get_window_stats(item, policy, who)
    return is_allowed, stats.remaining, stats.reset_time


@lru_cache(maxsize=1)
def _shared(pool: "ConnectionPool") -> SlidingWindowCounterRateLimiter:
    return SlidingWindowCounterRateLimiter(RedisStorage("redis://", connection_pool=pool))


@lru_cache(maxsize=1)
def _own() -> SlidingWindowCounterRateLimiter:
    return SlidingWindowCounterRateLimiter(MemoryStorage())
