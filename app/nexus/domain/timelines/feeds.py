"""The index of home timelines in Redis: for each reader who was here lately, the newest ids of what he follows.

A feed is one sorted set of equal scores, ordered by its members: ids in 19 digits (63 bits do not fit a score) and,
before them, one member `!<run>:<state>`. Run is the Redis process that the feed was built in: after a restart or a
failover the feed may have missed posts and is given up. State is the low-water mark (the feed has everything from this
id up), or the token of the one who is building it. All this is one key, so that it is lost as a whole or not at all.
"""

import random
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from nexus.domain.timelines.spans import Span
from nexus.kernel import metrics, redis

if TYPE_CHECKING:
    from redis.commands.core import Script

SIZE_MAX: Final = 800
# A push trims when so many are too many: seldom, not each time.
TRIM_SLACK: Final = 50
# What a new feed begins with. It grows by what is pushed; what is older is seldom read.
BUILT_SIZE: Final = 240
# Reading does not prolong it: building anew costs little, and heals whatever a feed may have missed.
_LIFE_S: Final = 6 * 3600
_BUILDING_S: Final = 20
_DIGITS: Final = 19
_TOKEN_BYTES: Final = 8

_META: Final = """
local meta = redis.call('ZRANGEBYLEX', KEYS[1], '[!', '("')[1]
local function run() return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') end
local function state() return string.match(meta, ':(%w+)$') end
local function is_built() return #state() == 19 end
"""
# ARGV: where the span begins and ends, 1 for upward, count. Returns {} (cold) or {state, id, id, ..}.
_READ: Final = (
    _META
    + """
if not meta then return {} end
if string.match(meta, '^!(%x+):') ~= run() then redis.call('UNLINK', KEYS[1]) return {} end
if not is_built() then return {'building'} end
local ids
if ARGV[3] == '1' then
  ids = redis.call('ZRANGEBYLEX', KEYS[1], '(' .. ARGV[1], '(' .. ARGV[2], 'LIMIT', 0, ARGV[4])
else
  ids = redis.call('ZREVRANGEBYLEX', KEYS[1], '(' .. ARGV[2], '(' .. ARGV[1], 'LIMIT', 0, ARGV[4])
end
table.insert(ids, 1, state())
return ids
"""
)
# ARGV: token, seconds. Returns whether the caller is to build.
_BEGIN: Final = (
    _META
    + """
if meta then return 0 end
redis.call('ZADD', KEYS[1], 0, '!' .. run() .. ':' .. ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
)
# ARGV: token, mark, seconds, then a score and an id for each post.
_FINISH: Final = (
    _META
    + """
if not meta or meta ~= '!' .. run() .. ':' .. ARGV[1] then return 0 end
redis.call('ZREM', KEYS[1], meta)
redis.call('ZADD', KEYS[1], 0, '!' .. run() .. ':' .. ARGV[2])
if #ARGV > 3 then redis.call('ZADD', KEYS[1], unpack(ARGV, 4)) end
redis.call('ZREMRANGEBYLEX', KEYS[1], '[0', '(' .. ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
)
# ARGV: id, size, slack. A feed that is being built takes everything: its builder may have looked too early.
_PUSH: Final = (
    _META
    + """
if not meta or (is_built() and ARGV[1] < state()) then return 0 end
redis.call('ZADD', KEYS[1], 0, ARGV[1])
if is_built() and redis.call('ZCARD', KEYS[1]) > ARGV[2] + ARGV[3] then
  local lowest = redis.call('ZRANGE', KEYS[1], -ARGV[2], -ARGV[2])[1]
  redis.call('ZREMRANGEBYLEX', KEYS[1], '[0', '(' .. lowest)
  redis.call('ZREM', KEYS[1], meta)
  redis.call('ZADD', KEYS[1], 0, string.match(meta, '^(.*:)') .. lowest)
end
return 1
"""
)


@dataclass(frozen=True, slots=True)
class Feed:
    """The name of a reader's index. After a follow or a block the reader has another epoch and so another feed."""

    reader_id: int
    epoch: int

    @property
    def key(self) -> str:
        return f"feed:{{{self.reader_id}}}:{self.epoch}"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Ids of a span in reading order: all there are from `mark` up. Below it the index knows nothing."""

    ids: Sequence[int]
    mark: int


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no feed to read from. `is_cold`: nobody is building it either."""

    is_cold: bool


def read(feed: Feed, span: Span, count: int) -> Stretch | Missing:
    """Up to `count` ids of the span."""
    arguments: list[str | int] = [_member(span.above), _member(span.below), int(span.is_upward), count]
    answer = redis.attempt("feed", lambda client: _script(_READ)([feed.key], arguments, client=client), None)
    is_built = bool(answer) and answer[0] != b"building"
    metrics.CACHE.labels("feed", "off" if answer is None else "hit" if is_built else "miss").inc()
    if not is_built:
        return Missing(is_cold=answer == [])
    return Stretch(ids=[int(member) for member in answer[1:]], mark=int(answer[0]))


def begin(feed: Feed) -> str | None:
    """From now on the feed takes what is pushed; the token of whoever is to build it, None when somebody else does.

    It comes before the builder looks into Postgres: a post is then either there already or pushed later.
    """
    token = secrets.token_hex(_TOKEN_BYTES)
    is_ours = redis.attempt("feed", lambda client: _script(_BEGIN)([feed.key], [token, _BUILDING_S], client=client), 0)
    return token if is_ours else None


def finish(feed: Feed, token: str, ids: Sequence[int], mark: int) -> None:
    """The feed is complete from `mark` up; nothing happens if it was lost since `begin`."""
    life = int(_LIFE_S * random.uniform(0.9, 1.0))
    arguments: list[str | int] = [token, _member(mark), life]
    for post_id in ids:
        arguments += [0, _member(post_id)]
    redis.attempt("feed", lambda client: _script(_FINISH)([feed.key], arguments, client=client), 0)


def push(feeds: Iterable[Feed], post_id: int) -> int:
    """Adds a post to those of the feeds that exist, in one trip; returns to how many. Raises RedisError or OSError."""
    pipeline = redis.client().pipeline(transaction=False)
    script = _script(_PUSH)
    for feed in feeds:
        script([feed.key], [_member(post_id), SIZE_MAX, TRIM_SLACK], client=pipeline)
    return sum(pipeline.execute())


def _member(post_id: int) -> str:
    return str(post_id).zfill(_DIGITS)


@lru_cache(maxsize=8)
def _script(text: str) -> "Script":
    return redis.client().register_script(text)
