"""What happens to accounts and addresses. No event holds a key or a token: those are made when the mail is sent."""

from dataclasses import dataclass

from nexus.kernel.outbox import Event


@dataclass(frozen=True, slots=True)
class EmailConfirmationRequested(Event):
    """Somebody wants to show that an address is theirs; without `user_id`, whoever claims it."""

    user_id: int | None
    email: str


@dataclass(frozen=True, slots=True)
class AddressOwnerWarned(Event):
    """Somebody has signed up with an address that another account has confirmed."""

    email: str


@dataclass(frozen=True, slots=True)
class PasswordResetRequested(Event):
    """Somebody has forgotten the password of the account with this address, if there is one.

    The worker looks that up: the call does the same work for known and unknown addresses.
    """

    email: str
