"""What happens to accounts."""

from dataclasses import dataclass

from nexus.kernel.outbox import Event


@dataclass(frozen=True, slots=True)
class UserDeactivated(Event):
    """An operator has closed somebody's account; nobody sees it until it is opened again."""

    user_id: int


@dataclass(frozen=True, slots=True)
class UserReactivated(Event):
    """An operator has opened somebody's account again."""

    user_id: int
