"""Answers that are kept for some seconds in Redis, and given up by name when what they were made of changes."""

import pickle
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from django.conf import settings
from django.db import transaction

from nexus.kernel import metrics, nodes, redis
from nexus.kernel.crypto import is_signed, signature

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

_SIGNATURE_BYTES: Final = 16
_RANDOM_BYTES: Final = 8
_GENERATION_BYTES: Final = 12
# So long after a change a replica may not have it; what is read there is then good for one caller, and not kept.
_REPLICA_BEHIND_S: Final = 6
# A generation outlives every answer that was kept under the one before.
_GENERATION_S: Final = 120
KEPT_MAX_S: Final = 60


def abandon(*names: str) -> None:
    """Gives up what is kept under these names once the transaction is committed (at once outside of one).

    While Redis is away nothing is given up: an answer that must never be stale is checked by its `is_current`.
    """
    if names:
        transaction.on_commit(lambda: redis.attempt("cache", lambda client: _abandon(client, names), None), robust=True)


def remembered(
    name: str, variant: str, compute: Callable[[], T], *, seconds: int, is_current: Callable[[T], bool]
) -> T:
    """`compute()`, or its answer of at most `seconds` ago if `name` was not abandoned since and `is_current(answer)`.

    `name` is what can be abandoned, such as `hashtag_timeline:nexus`; its part before the colon is the metric's label.
    """
    label = name.partition(":")[0]
    if redis.is_blocked():
        metrics.CACHE.labels(label, "off").inc()
        return compute()
    generation_key, answer_key = _generation_key(name), f"cache:{{{name}}}:{variant}"
    found = redis.attempt("cache", lambda client: _look_up(client, generation_key, answer_key), None)
    if found is None:
        metrics.CACHE.labels(label, "off").inc()
        return compute()
    # Read before the answer is computed: what is abandoned meanwhile is stored under a generation that is over.
    generation, sealed = found
    kept = _opened(sealed, generation)
    if kept is not None and is_current(kept[0]):
        metrics.CACHE.labels(label, "hit").inc()
        answer: T = kept[0]
        return answer
    metrics.CACHE.labels(label, "miss").inc()
    fresh = compute()
    if nodes.alias() != nodes.PRIMARY and _is_new(generation):
        return fresh
    renewed = _sealed(fresh, generation)
    redis.attempt("cache", lambda client: client.set(answer_key, renewed, ex=min(seconds, KEPT_MAX_S)), None)
    return fresh


def _generation_key(name: str) -> str:
    return f"cache:{{{name}}}:generation"


def _look_up(client: "Redis", generation_key: str, answer_key: str) -> tuple[bytes, bytes | None]:
    generation, sealed = cast(list[bytes | None], client.mget(generation_key, answer_key))
    return generation or bytes(_GENERATION_BYTES), sealed


def _abandon(client: "Redis", names: tuple[str, ...]) -> None:
    pipeline = client.pipeline(transaction=False)
    for name in names:
        # Random, not counted: a number that Redis lost would come again.
        generation = secrets.token_bytes(_RANDOM_BYTES) + int(time.time()).to_bytes(4, "big")
        pipeline.set(_generation_key(name), generation, ex=_GENERATION_S)
    pipeline.execute()


def _is_new(generation: bytes) -> bool:
    return time.time() - int.from_bytes(generation[_RANDOM_BYTES:], "big") < _REPLICA_BEHIND_S


def _purpose() -> str:
    # Another release may have other classes: it does not read what this one wrote.
    return f"cache:{settings.NEXUS.release}"


def _sealed(answer: object, generation: bytes) -> bytes:
    """Signed, because whoever can write to Redis could otherwise run code here."""
    payload = generation + pickle.dumps((answer,), protocol=pickle.HIGHEST_PROTOCOL)
    return signature(_purpose(), payload, _SIGNATURE_BYTES) + payload


def _opened(sealed: bytes | None, generation: bytes) -> tuple[Any] | None:
    if sealed is None:
        return None
    given, payload = sealed[:_SIGNATURE_BYTES], sealed[_SIGNATURE_BYTES:]
    if not payload.startswith(generation) or not is_signed(_purpose(), payload, given):
        return None
    opened: tuple[Any] = pickle.loads(payload[_GENERATION_BYTES:])  # noqa: S301 (signed above)
    return opened
