"""Every error that a client can be given: one class, one stable code. The registry writes the documentation."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one value of the input; `pointer` is a JSON pointer (RFC 6901) such as `/text`."""

    pointer: str
    code: str
    detail: str


class DomainError(Exception):
    """Base of all. `detail` tells this caller what to do; the class's docstring tells everybody what the code means."""

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]

    def __init__(
        self, detail: str | None = None, *, errors: Iterable[FieldError] = (), retry_after: int | None = None
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = tuple(errors)
        self.retry_after = retry_after

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if REGISTRY.setdefault(cls.code, cls) is not cls:
            raise TypeError(f"two errors have the code {cls.code}")


REGISTRY: Final[dict[str, type[DomainError]]] = {}


class InvalidInput(DomainError):
    """A value has the wrong type, is too long, is missing or is not known. `errors[]` names each one."""

    code, status, title = "invalid_input", 422, "The input is not valid"

    @classmethod
    def at(cls, pointer: str, code: str, detail: str) -> "InvalidInput":
        """One field's error as the whole answer."""
        return cls(detail, errors=[FieldError(pointer, code, detail)])


class Malformed(DomainError):
    """The request cannot be read: broken JSON, broken encoding, a header that makes no sense."""

    code, status, title = "malformed", 400, "The request cannot be read"


class InvalidCursor(DomainError):
    """The cursor is not one that this list gave out. Start again without a cursor."""

    code, status, title = "invalid_cursor", 400, "The cursor is not valid"


class NotAuthenticated(DomainError):
    """The call needs a valid access token. Log in, or refresh the tokens."""

    code, status, title = "not_authenticated", 401, "Log in first"


class Forbidden(DomainError):
    """The caller is known and may not do this."""

    code, status, title = "forbidden", 403, "You may not do this"


class EmailNotConfirmed(DomainError):
    """This installation lets only those write who have confirmed their e-mail address. Use the key in the mail."""

    code, status, title = "email_not_confirmed", 403, "Confirm your e-mail address first"


class NotFound(DomainError):
    """There is no such thing, or it is not for the caller's eyes: the two answers are the same on purpose."""

    code, status, title = "not_found", 404, "Not found"


class MethodNotAllowed(DomainError):
    """The path exists and does not know this method; `Allow` lists those it knows."""

    code, status, title = "method_not_allowed", 405, "Method not allowed"


class NotAcceptable(DomainError):
    """The answer cannot be given in a format that the `Accept` header allows."""

    code, status, title = "not_acceptable", 406, "Not acceptable"


class RequestTimeout(DomainError):
    """The whole request did not arrive in time."""

    code, status, title = "request_timeout", 408, "The request took too long"


class Conflict(DomainError):
    """The thing has changed at the same moment in a way that excludes this change. Read it again and decide."""

    code, status, title = "conflict", 409, "Conflict"


class LengthRequired(DomainError):
    """A body must come with its `Content-Length`, not in chunks."""

    code, status, title = "length_required", 411, "The length of the body is missing"


class PreconditionFailed(DomainError):
    """`If-Match` names a version that is no longer the current one. Read the thing again before changing it."""

    code, status, title = "precondition_failed", 412, "It has been changed in the meantime"


class PayloadTooLarge(DomainError):
    """The body is larger than any valid input."""

    code, status, title = "payload_too_large", 413, "The body is too large"


class UriTooLong(DomainError):
    """The address is longer than any valid one."""

    code, status, title = "uri_too_long", 414, "The address is too long"


class UnsupportedMediaType(DomainError):
    """The body is not `application/json`."""

    code, status, title = "unsupported_media_type", 415, "Send application/json"


class IdempotencyKeyInvalid(DomainError):
    """`Idempotency-Key` must have 16 to 128 ASCII characters, no space and no quotation mark; a random UUID is good."""

    code, status, title = "idempotency_key_invalid", 400, "The Idempotency-Key is not valid"


class IdempotencyInProgress(DomainError):
    """A call with this Idempotency-Key is running. Send the same call again after `Retry-After` seconds."""

    code, status, title = "idempotency_in_progress", 409, "The same call is still running"


class IdempotencyKeyReused(DomainError):
    """This Idempotency-Key was used with another call. Take a new key for each call."""

    code, status, title = "idempotency_key_reused", 422, "The Idempotency-Key belongs to another call"


class IdempotencyAnswerExpired(DomainError):
    """The call was done, and its answer held tokens that are kept for 60 seconds only. Log in instead."""

    code, status, title = "idempotency_answer_expired", 409, "The call was done; its answer is gone"


class RateLimited(DomainError):
    """Too many calls. Wait for `Retry-After` seconds."""

    code, status, title = "rate_limited", 429, "Too many calls"


class HeadersTooLarge(DomainError):
    """The headers are larger than any valid ones."""

    code, status, title = "headers_too_large", 431, "The headers are too large"


class Internal(DomainError):
    """A fault of ours; it has been recorded under `trace_id`."""

    code, status, title = "internal", 500, "Something went wrong on our side"


class Unavailable(DomainError):
    """Nexus cannot do this right now and has not done it. Send the same call again after `Retry-After` seconds."""

    code, status, title = "unavailable", 503, "Not available right now"


class Timeout(DomainError):
    """No answer came in time, and the outcome is not known. Send the same call with the same Idempotency-Key again;
    without a key, look before you repeat it."""

    code, status, title = "timeout", 504, "The answer took too long"


class OutcomeUnknown(DomainError):
    """The connection ended while the change was being stored, or its answer was lost (502): it may or may not have
    happened. Send the same call with the same Idempotency-Key again; without a key, look before you repeat it."""

    code, status, title = "outcome_unknown", 503, "The outcome is not known"
