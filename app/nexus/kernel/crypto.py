"""Keys for one purpose each, derived from the installation's secret."""

import hashlib
import hmac
from functools import lru_cache

from django.conf import settings


@lru_cache(maxsize=32)
def derived_key(purpose: str) -> bytes:
    """32 bytes that are used for `purpose` and for nothing else."""
    return hmac.digest(settings.SECRET_KEY.encode(), b"nexus:" + purpose.encode(), "sha256")


def signature(purpose: str, message: bytes, size: int = 16) -> bytes:
    """A keyed BLAKE2b of `size` bytes."""
    return hashlib.blake2b(message, key=derived_key(purpose), digest_size=size).digest()


def is_signed(purpose: str, message: bytes, given: bytes) -> bool:
    """Whether `given` is the signature of `message`, compared in constant time."""
    return hmac.compare_digest(signature(purpose, message, len(given) or 1), given)
