"""A call that is sent twice has one effect: its key, its answer and its effect are stored in one transaction."""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

from cryptography.fernet import Fernet, InvalidToken
from django.db import OperationalError, connection, models

from nexus.kernel import clock, database, metrics
from nexus.kernel.crypto import derived_key, signature
from nexus.kernel.errors import (
    IdempotencyAnswerExpired,
    IdempotencyInProgress,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
)

T = TypeVar("T")

KEPT: Final = timedelta(hours=24)
SECRET_KEPT: Final = timedelta(seconds=60)
# Visible ASCII, bare or quoted.
KEY_PATTERN: Final = r'^([!#-~]{16,128}|"[!#-~]{16,128}")$'


class IdempotencyKey(models.Model):
    """The call that a client named by a key, and its answer. Neither the key nor an answer with tokens can be read."""

    principal = models.CharField(max_length=80)
    key_hash = models.BinaryField(max_length=32)
    request_hash = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    is_secret = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    replayed_at = models.DateTimeField(null=True)
    pk = models.CompositePrimaryKey("principal", "key_hash")

    class Meta:
        app_label = "nexus"
        indexes = [models.Index(fields=["expires_at"], name="idempotency_expiry")]

    def __str__(self) -> str:
        return f"{self.principal} at {self.created_at}"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it goes to the client. `is_secret`: it holds tokens and is stored encrypted, for 60 seconds."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """A client's key together with what it stands for."""

    principal: str
    text: str
    request_hash: bytes

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(self.text.encode()).digest()

    @property
    def cipher(self) -> Fernet:
        """Made from the client's key, which is not stored: a stolen database cannot open the answers."""
        raw = hashlib.blake2b(self.text.encode(), key=derived_key("idempotency-answer"), digest_size=32).digest()
        return Fernet(base64.urlsafe_b64encode(raw))


class Undo(Exception):
    """Raised by an operation to give `answer` and store nothing (a GraphQL document that ended in errors)."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("undo")
        self.answer = answer


def read_key(header: str | None, *, user_id: int | None, method: str, path: str, body: bytes) -> Key | None:
    """The key of a call, from its Idempotency-Key header (bare, or quoted as in the IETF draft); None without one."""
    if header is None:
        return None
    text = header.strip('"')
    if not re.fullmatch(KEY_PATTERN, header):
        raise IdempotencyKeyInvalid
    request_hash = hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).digest()
    # Nobody is known yet: the key and the request itself stand for the caller.
    principal = f"user:{user_id}" if user_id else "call:" + signature("principal", request_hash, 16).hex()
    return Key(principal, text, request_hash)


def once(key: Key | None, operation: Callable[[], T], render: Callable[[T], Answer]) -> Answer:
    """The answer to `operation()`, which takes effect once however often the call with this key is sent.

    Owns the transaction, and the retry when the database turns out to be the wrong node. `render` must be pure. Raises
    IdempotencyKeyReused, IdempotencyInProgress, IdempotencyAnswerExpired, and whatever `operation` raises.
    """
    try:
        if key is None:
            return database.in_transaction(lambda: render(operation()), is_repeatable=False)
        # Whoever holds the key is about to end: a worker that died is missed by Postgres within a moment.
        still_running = (IdempotencyInProgress,)
        answer = database.in_transaction(
            lambda: _keyed(key, operation, render), is_repeatable=True, again_on=still_running
        )
    except Undo as undo:
        return undo.answer
    if answer is None:
        raise IdempotencyAnswerExpired  # only now: it says that the call was done, and that has been confirmed
    return answer


def _keyed(key: Key, operation: Callable[[], T], render: Callable[[T], Answer]) -> Answer | None:
    now = clock.now()
    if not _claim(key, now):
        return _replay(key, now)
    answer = render(operation())
    body = key.cipher.encrypt(answer.body) if answer.is_secret else answer.body
    IdempotencyKey.objects.filter(principal=key.principal, key_hash=key.hash).update(
        status=answer.status, headers=answer.headers, body=body, is_secret=answer.is_secret
    )
    return answer


def _claim(key: Key, now: datetime) -> bool:
    """Whether the key is ours now. Waits while another transaction holds it; an expired row is taken over."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO nexus_idempotencykey AS kept
                    (principal, key_hash, request_hash, status, headers, body, is_secret, created_at, expires_at)
                VALUES (%s, %s, %s, 0, '{}', '', false, %s, %s)
                ON CONFLICT (principal, key_hash) DO UPDATE
                SET request_hash = excluded.request_hash, created_at = excluded.created_at,
                    expires_at = excluded.expires_at, replayed_at = NULL
                WHERE kept.expires_at < excluded.created_at
                RETURNING 1
                """,
                [key.principal, key.hash, key.request_hash, now, now + KEPT],
            )
            return cursor.fetchone() is not None
    except OperationalError as error:
        if database.is_lock_timeout(error):
            raise IdempotencyInProgress(retry_after=1) from error
        raise


def _replay(key: Key, now: datetime) -> Answer | None:
    """The stored answer, None when its time is over.

    Either is an acknowledgement, so it makes a commit of its own that the database must confirm.
    """
    row = IdempotencyKey.objects.get(principal=key.principal, key_hash=key.hash)
    if bytes(row.request_hash) != key.request_hash:
        raise IdempotencyKeyReused
    IdempotencyKey.objects.filter(principal=key.principal, key_hash=key.hash).update(replayed_at=now)
    metrics.IDEMPOTENT_REPLAYS.inc()
    body = bytes(row.body)
    if row.is_secret:
        try:
            body = key.cipher.decrypt(body, ttl=int(SECRET_KEPT.total_seconds()))
        except InvalidToken:
            return None
    headers = {**row.headers, "Idempotent-Replayed": "true"}
    return Answer(row.status, body, headers, row.is_secret)


def purge_expired(limit: int = 10_000) -> int:
    """Deletes keys whose time is over, at most `limit`; returns how many."""
    expired = IdempotencyKey.objects.filter(expires_at__lt=clock.now()).values("principal", "key_hash")[:limit]
    with connection.cursor() as cursor:
        sql, params = expired.query.sql_with_params()
        cursor.execute(f"DELETE FROM nexus_idempotencykey WHERE (principal, key_hash) IN ({sql})", params)  # noqa: S608
        return int(cursor.rowcount)
