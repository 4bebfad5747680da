"""After healing: is every node's data what the clients were told, once, and has everything had its effect once?"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from drills.cluster import Cluster
from drills.people import AUDITED
from drills.records import Record, by_user

EFFECTS_S = 90.0
REPLAY_S = 30.0
STATES = {
    "like_post": ("like", True),
    "unlike_post": ("like", False),
    "follow_user": ("follow", True),
    "unfollow_user": ("follow", False),
}
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Findings:
    """One sentence for each thing that is not as promised; all empty is good."""

    lost: tuple[str, ...] = ()
    duplicated: tuple[str, ...] = ()
    done_although_refused: tuple[str, ...] = ()
    out_of_order: tuple[str, ...] = ()
    own_writes_not_read: tuple[str, ...] = ()
    reads_went_back: tuple[str, ...] = ()
    effects_missing: tuple[str, ...] = ()
    effects_twice: tuple[str, ...] = ()
    timelines_incomplete: tuple[str, ...] = ()
    split_brain: tuple[str, ...] = ()

    @property
    def all(self) -> list[str]:
        """Every sentence, with its kind."""
        return [f"{each.name.replace('_', ' ')}: {line}" for each in fields(self) for line in getattr(self, each.name)]


@dataclass(frozen=True, slots=True)
class Stored:
    """What one node has of a load's people."""

    posts: list[tuple[int, int, str, int | None, int, int]]  # id, author, text, parent, likes, comments
    likes: frozenset[Pair]
    follows: frozenset[Pair]
    told: Counter[tuple[int, str, int | None, int]]  # recipient, kind, post, actor
    people: dict[int, tuple[int, int, int]]  # followers, following, posts


def check(
    cluster: Cluster,
    records: Sequence[Record],
    people: Mapping[str, str],
    audit: Callable[[], Mapping[str, list[int]]],
    split_brain: Sequence[str] = (),
) -> Findings:
    """The cluster is healthy again and the load has ended. `audit` reads the home timelines."""
    ids = [int(person) for person in people]
    undone = wait_until_everything_has_had_its_effect(cluster)
    homes = audit()  # not before: the last posts were on their way to them
    primary = cluster.primary()
    nodes = [primary, *cluster.standbys()]
    _wait_until_replayed(cluster, primary)
    stored = {node: _read(cluster, node, ids) for node in nodes}
    truth = stored[primary]
    return Findings(
        lost=tuple(line for node in nodes for line in _lost(node, records, stored[node])),
        duplicated=tuple(line for node in nodes for line in _duplicated(node, stored[node])),
        done_although_refused=tuple(_done_although_refused(records, truth)),
        out_of_order=tuple(_out_of_order(records)),
        own_writes_not_read=tuple(_own_writes_not_read(records)),
        reads_went_back=tuple(_reads_went_back(records)),
        effects_missing=(*undone, *_effects(truth, is_missing=True), *_counters(truth)),
        effects_twice=tuple(_effects(truth, is_missing=False)),
        timelines_incomplete=tuple(_timelines_incomplete(truth, homes)),
        split_brain=tuple(split_brain),
    )


def wait_until_everything_has_had_its_effect(cluster: Cluster, seconds: float = EFFECTS_S) -> list[str]:
    """Until the outbox is empty; what is left of it when the time is over, and what died."""
    left = (
        "SELECT name FROM nexus_outboxevent UNION ALL"
        " SELECT reaction || coalesce(': ' || left(nullif(last_error, ''), 200), '') FROM nexus_delivery LIMIT 5"
    )
    deadline = time.monotonic() + seconds
    while (rows := cluster.sql(cluster.primary(), left)) and time.monotonic() < deadline:
        time.sleep(0.25)
    dead = cluster.sql(cluster.primary(), "SELECT reaction, left(last_error, 200) FROM nexus_deadletter LIMIT 5")
    return [f"not done: {name}" for (name,) in rows] + [f"given up: {name}: {error}" for name, error in dead]


def _wait_until_replayed(cluster: Cluster, primary: str) -> None:
    ((end,),) = cluster.sql(primary, "SELECT pg_current_wal_lsn()::text")
    deadline = time.monotonic() + REPLAY_S
    for node in cluster.standbys():
        behind = "SELECT pg_last_wal_replay_lsn() < %s::pg_lsn"
        while cluster.sql(node, behind, end)[0][0] and time.monotonic() < deadline:
            time.sleep(0.1)


def _read(cluster: Cluster, node: str, ids: list[int]) -> Stored:
    def rows(statement: str) -> list[tuple[Any, ...]]:
        return cluster.sql(node, statement, ids)

    posts = rows(
        "SELECT id, author_id, text, reply_to_id, like_count, comment_count FROM nexus_post WHERE author_id = ANY(%s)"
    )
    told = rows("SELECT recipient_id, kind, post_id, actor_id FROM nexus_notificationactor WHERE actor_id = ANY(%s)")
    people = rows("SELECT id, follower_count, following_count, post_count FROM nexus_user WHERE id = ANY(%s)")
    return Stored(
        posts=[(row[0], row[1], row[2], row[3], row[4], row[5]) for row in posts],
        likes=frozenset((u, p) for u, p in rows("SELECT user_id, post_id FROM nexus_like WHERE user_id = ANY(%s)")),
        follows=frozenset(
            (f, t) for f, t in rows("SELECT follower_id, followee_id FROM nexus_follow WHERE follower_id = ANY(%s)")
        ),
        told=Counter((row[0], row[1], row[2], row[3]) for row in told),
        people={row[0]: (row[1], row[2], row[3]) for row in people},
    )


def _lost(node: str, records: Sequence[Record], stored: Stored) -> Iterator[str]:
    by_id = {row[0]: row[2] for row in stored.posts}
    for record in records:
        if record.verdict == "ok" and record.kind in ("publish_post", "comment"):
            post = int(record.about["post"])
            if by_id.get(post) != record.about["text"]:
                yield f"post {post} “{record.about['text']}” is not on {node}"
    for (what, user, target), states in _final_states(records).items():
        is_there = (user, target) in (stored.likes if what == "like" else stored.follows)
        if is_there not in states:
            yield f"{user} {'un' if is_there else ''}{what} {target} on {node}"


def _final_states(records: Sequence[Record]) -> dict[tuple[str, int, int], set[bool]]:
    """What may be true of each like and each follow; an unknown write leaves both."""
    found: dict[tuple[str, int, int], set[bool]] = {}
    for record in sorted(records, key=lambda each: each.started):
        if record.kind in STATES:
            what, state = STATES[record.kind]
            states = found.setdefault((what, int(record.user), int(record.about["target"])), {False})
            if record.verdict == "ok":
                states.clear()
            if record.verdict != "fail":
                states.add(state)
    return found


def _duplicated(node: str, stored: Stored) -> Iterator[str]:
    for text, count in Counter(row[2] for row in stored.posts).items():
        if count > 1:
            yield f"“{text}” is {count} times on {node}"


def _done_although_refused(records: Sequence[Record], stored: Stored) -> Iterator[str]:
    texts = {row[2] for row in stored.posts}
    for record in records:
        if record.verdict == "fail" and record.about.get("text") in texts:
            yield f"“{record.about['text']}” was refused ({record.detail or record.status}) and is there"


def _out_of_order(records: Sequence[Record]) -> Iterator[str]:
    for own in by_user(records).values():
        posts = [(int(r.about["post"]), r.about["text"]) for r in own if r.verdict == "ok" and r.about.get("text")]
        for (earlier, first), (later, second) in pairwise(posts):
            if earlier >= later:
                yield f"“{second}” stands before “{first}”"


def _own_writes_not_read(records: Sequence[Record]) -> Iterator[str]:
    """Answers that say how old they are are another matter."""
    for record in records:
        if record.verdict == "ok" and record.stale is None and record.about.get("sees_own_write") is False:
            target = record.about.get("post") or record.about.get("user")
            yield f"{record.kind} {target} by {record.user} at {record.started:.2f}, status {record.status}"


def _reads_went_back(records: Sequence[Record]) -> Iterator[str]:
    for user, own in by_user(records).items():
        seen: dict[str, int] = {}
        for record in own:
            count = record.about.get("comment_count")
            if count is not None and record.stale is None:
                post = record.about["post"]
                if count < seen.get(post, 0):
                    yield f"{user} saw {seen[post]} comments, then {count}, at {record.started:.2f}"
                seen[post] = count


def _effects(stored: Stored, *, is_missing: bool) -> Iterator[str]:
    """Everybody concerned is told once of each like, follow and comment that is there, and of nothing else."""
    author = {row[0]: row[1] for row in stored.posts}
    due: Counter[tuple[int, str, int | None, int]]
    due = Counter((author[post], "liked", post, user) for user, post in stored.likes if author.get(post, user) != user)
    due.update((followee, "followed", None, follower) for follower, followee in stored.follows)
    due.update(
        (author[parent], "replied", post, writer)
        for post, writer, _, parent, *_ in stored.posts
        if parent in author and author[parent] != writer
    )
    for effect, count in ((due - stored.told) if is_missing else (stored.told - due)).items():
        recipient, kind, post, actor = effect
        yield f"{recipient} {'was not told' if is_missing else 'was told too often'}: {actor} {kind} {post} ({count})"


def _counters(stored: Stored) -> Iterator[str]:
    likes, comments = Counter(post for _, post in stored.likes), Counter(row[3] for row in stored.posts)
    for post, _, text, _, like_count, comment_count in stored.posts:
        if (like_count, comment_count) != (likes[post], comments[post]):
            yield f"“{text}” counts {like_count} likes of {likes[post]}, {comment_count} comments of {comments[post]}"
    followers, following = Counter(t for _, t in stored.follows), Counter(f for f, _ in stored.follows)
    posts = Counter(row[1] for row in stored.posts)
    for person, counted in stored.people.items():
        if counted != (true := (followers[person], following[person], posts[person])):
            yield f"{person} counts followers, following, posts {counted} of {true}"


def _timelines_incomplete(stored: Stored, homes: Mapping[str, list[int]]) -> Iterator[str]:
    """The own posts and those of people who are followed, with their answers to each other and to the reader."""
    author = {row[0]: row[1] for row in stored.posts}
    for reader, seen in homes.items():
        known = {followee for follower, followee in stored.follows if follower == int(reader)} | {int(reader)}
        due = [
            post
            for post, writer, _, parent, *_ in stored.posts
            if writer == int(reader) or (writer in known and (parent is None or author.get(parent) in known))
        ]
        due = sorted(due, reverse=True)[:AUDITED]
        if seen != due:
            missing, strange = set(due) - set(seen), set(seen) - set(due)
            yield f"home of {reader}: {len(missing)} missing, {len(strange)} strange, of {len(due)}"
