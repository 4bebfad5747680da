"""What can be wrong about accounts, credentials and keys."""

from nexus.kernel.errors import DomainError


class HandleTaken(DomainError):
    """Somebody has this handle already. Choose another one."""

    code, status, title = "handle_taken", 409, "The handle is taken"


class InvalidCredentials(DomainError):
    """No account has this login and this password. Whether the login is known is not told."""

    code, status, title = "invalid_credentials", 401, "The login or the password is wrong"


class InvalidRefreshToken(DomainError):
    """The refresh token is unknown, expired or used a second time, or its login has ended. Log in again."""

    code, status, title = "invalid_refresh_token", 401, "The refresh token is not valid"


class InvalidKey(DomainError):
    """The key from the mail is wrong, expired or used. Ask for a new mail."""

    code, status, title = "invalid_key", 422, "The key is not valid"
