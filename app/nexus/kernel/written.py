"""What a caller has written or seen: no later answer to him may be older (read your writes, monotonic reads).

It is a place in the primary's log (LSN). The client is told it in a header and, after a change, in a cookie, and may
send either back; for clients who do not, the last one of each user is kept in Redis for longer than a usable replica
can be behind. A write whose place cannot be kept there is answered when the replicas have it. Nothing of this happens
in an installation without replicas.
"""

import base64
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from django.db import DatabaseError, InterfaceError, connection

from nexus.kernel import redis, waiting
from nexus.kernel.crypto import is_signed, signature
from nexus.kernel.logging import log

if TYPE_CHECKING:
    from redis import Redis

KEPT_S: Final = 30
# Asked of the primary only. What it has written covers every commit that anybody can see.
_PLACE: Final = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"
# A replica tells how far it is when it gets something, so it is given something: a commit of a few bytes.
_NUDGE: Final = "SELECT pg_logical_emit_message(true, 'nexus', '')"
# Of a server that tells nothing of its replicas (no pg_monitor) they are taken for far enough.
_REPLAYED: Final = """
SELECT coalesce(bool_and(replay_lsn >= '0/0'::pg_lsn + %s), true) FROM pg_stat_replication WHERE state = 'streaming'
"""
# So long a write waits for it, while its place cannot be kept.
_REPLAYED_S: Final = 1.0
# "Nobody knows": no replica has come that far, so the primary answers.
UNKNOWN: Final = 0xFFFF_FFFF_FFFF_FFFF
# After Redis has failed or moved it may lack what it had; by then replicas have replayed what it forgot.
_DISTRUST_S: Final = 6.0
_NONCE_BYTES: Final = 6
_PLACE_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 7
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{28}")
# Never backwards: answers to calls of one user overtake each other. Sixteen digits each, so texts compare as numbers.
_RAISE: Final = """
local known = redis.call('GET', KEYS[1])
if not known or known < ARGV[1] then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
"""


@dataclass(slots=True)
class Caller:
    """One call: who makes it, what he has told, and what he is going to be told."""

    told: int = 0
    seen: int = 0
    user_id: int | None = None
    has_written: bool = False
    # The primary has answered a part of this call already: a replica would have to be as far as that.
    is_at_primary: bool = False
    # A part of this call has waited for it in vain; until then (monotonic) the others do not.
    primary_silent_until: float = 0.0
    # How old, in seconds, the oldest part of the answer may be; None for an answer that is as fresh as promised.
    stale_s: int | None = None
    _kept: int | None = None

    @property
    def needed(self) -> int:
        """How far a node must be to answer this caller; UNKNOWN when neither he nor Redis can tell."""
        if self._kept is None:
            self._kept = 0 if self.user_id is None else _look_up(self.user_id)
        kept = 0 if self._kept == UNKNOWN and self.told else self._kept
        return max(self.told, self.seen, kept)

    def saw(self, place: int) -> None:
        """An answer was made of the state at this place of the log."""
        self.seen = max(self.seen, place)

    def is_known_as(self, user_id: int | None) -> None:
        """The caller has turned out to be this user."""
        if user_id != self.user_id:
            self.user_id, self._kept = user_id, None


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


def current() -> Caller | None:
    """The caller of this moment; None for work that nobody waits for, and without replicas."""
    return _caller.get()


@contextmanager
def called(*tokens: str | None) -> Iterator[Caller]:
    """One call. `tokens` are what the client sent; what is none of ours counts as nothing."""
    caller = Caller(told=max(map(place_of, tokens)))
    token = _caller.set(caller)
    try:
        yield caller
    finally:
        _caller.reset(token)
        # What nobody could look up is not there for others either.
        known = 0 if caller._kept in (None, UNKNOWN) else caller._kept
        if caller.user_id is not None and caller.seen > known:
            _keep(caller.user_id, caller.seen, is_written=caller.has_written)


def note_commit() -> None:
    """To be called after each commit: the caller has to find it again wherever he looks."""
    caller = _caller.get()
    if caller is None:
        return
    caller.has_written = caller.is_at_primary = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(_PLACE)
            caller.saw(int(cursor.fetchone()[0]))
    except (DatabaseError, InterfaceError) as error:
        # The change is stored, and where is not known.
        log.warning("place_of_commit_unknown", error=str(error).strip())
        connection.close()
        caller.saw(UNKNOWN)


def token_of(place: int) -> str:
    """A place in the log, signed and hidden: how much was written between two calls is nobody's business.

    (It would tell, for instance, whether signing up with an address made an account.)
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    payload = nonce + (place ^ _pad(nonce)).to_bytes(_PLACE_BYTES, "big")
    return base64.urlsafe_b64encode(payload + signature("written", payload, _SIGNATURE_BYTES)).decode()


def place_of(token: str | None) -> int:
    """The place in the log that a token of ours names; 0 for anything else."""
    if token is None or not _TOKEN.fullmatch(token):
        return 0
    raw = base64.urlsafe_b64decode(token)
    payload, given = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    if not is_signed("written", payload, given):
        return 0
    nonce, hidden = payload[:_NONCE_BYTES], payload[_NONCE_BYTES:]
    return int.from_bytes(hidden, "big") ^ _pad(nonce)


def _pad(nonce: bytes) -> int:
    return int.from_bytes(signature("written-pad", nonce, _PLACE_BYTES), "big")


def _look_up(user_id: int) -> int:
    found = redis.attempt("written", lambda client: [client.get(_key(user_id))], None)
    if found is None or redis.may_have_forgotten(_DISTRUST_S):
        return UNKNOWN
    return int(cast(bytes, found[0]), 16) if found[0] else 0


def _keep(user_id: int, place: int, *, is_written: bool) -> None:
    """Other processes may reach Redis when this one does not: then a write is answered when the replicas have it."""
    until, pause = time.monotonic() + _REPLAYED_S, 0.01
    while not redis.attempt("written", lambda client: _raise(client, user_id, place), default=False):
        if not is_written or _is_replayed(place):
            return
        if time.monotonic() > until:
            log.warning("place_not_kept")
            return
        time.sleep(pause)
        pause *= 2


def _is_replayed(place: int) -> bool:
    """Whether all replicas that follow the primary are as far."""
    if place == UNKNOWN:
        return False
    try:
        with waiting.each(_REPLAYED_S), connection.cursor() as cursor:
            cursor.execute(_NUDGE)
            cursor.execute(_REPLAYED, [place])
            return bool(cursor.fetchone()[0])
    except (DatabaseError, InterfaceError):
        connection.close()
        return False


def _raise(client: "Redis", user_id: int, place: int) -> bool:
    client.eval(_RAISE, 1, _key(user_id), f"{place:016X}", str(KEPT_S))
    return True


def _key(user_id: int) -> str:
    return f"written:{{{user_id}}}"
