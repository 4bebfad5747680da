"""What happens between two people."""

from dataclasses import dataclass

from nexus.kernel.outbox import Event


@dataclass(frozen=True, slots=True)
class UserFollowed(Event):
    """Somebody reads somebody from now on."""

    follower_id: int
    followee_id: int


@dataclass(frozen=True, slots=True)
class UserUnfollowed(Event):
    """Somebody has stopped reading somebody."""

    follower_id: int
    followee_id: int


@dataclass(frozen=True, slots=True)
class UserBlocked(Event):
    """Two people do not see each other any more; the follows between them, of which nothing else tells, are gone."""

    blocker_id: int
    blocked_id: int


@dataclass(frozen=True, slots=True)
class UserUnblocked(Event):
    """Somebody has taken back a block."""

    blocker_id: int
    blocked_id: int
