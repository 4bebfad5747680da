"""What can be wrong about two people."""

from nexus.kernel.errors import DomainError


class OwnAccount(DomainError):
    """Nobody can follow or block themselves."""

    code, status, title = "own_account", 422, "That is your own account"


class UserIsBlocked(DomainError):
    """The caller blocks this user. Unblock first, then follow."""

    code, status, title = "user_is_blocked", 409, "You block this user"
