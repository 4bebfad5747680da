"""Time-sortable 64-bit ids made by the application, so that no sequence and no leased node number stands in the way.

An id is 42 bits of milliseconds since 2025 and 21 bits that start at random in each process and millisecond. Where two
processes make one in the same millisecond they collide about once in a million times; the primary key refuses the
second id, and `kernel.database.in_transaction` runs the operation again with new ones.
"""

import secrets
import threading
from datetime import UTC, datetime
from typing import Final

from nexus.kernel import clock

EPOCH_MS: Final = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp() * 1000)
_LOW_BITS: Final = 21
_LOW_LIMIT: Final = 1 << _LOW_BITS
MAX_ID: Final = (1 << 63) - 1

_lock = threading.Lock()
_last_ms = 0
_last_low = 0


def new_id() -> int:
    """An id greater than all that this process made before, also when the clock goes backward."""
    global _last_ms, _last_low
    with _lock:
        ms = clock.epoch_ms() - EPOCH_MS
        if ms > _last_ms:
            _last_ms = ms
            # Half of the range is left for counting on within the same millisecond.
            _last_low = secrets.randbelow(_LOW_LIMIT // 2)
        elif _last_low + 1 < _LOW_LIMIT:
            _last_low += 1
        else:
            _last_ms += 1
            _last_low = 0
        return (_last_ms << _LOW_BITS) | _last_low


def first_id_at(moment: datetime) -> int:
    """The smallest id that can be made at `moment`; ids made before are smaller."""
    return max(0, int(moment.timestamp() * 1000) - EPOCH_MS) << _LOW_BITS


def made_at(value: int) -> datetime:
    """When the id was made, to the millisecond."""
    return datetime.fromtimestamp(((value >> _LOW_BITS) + EPOCH_MS) / 1000, UTC)


def parse_id(text: str) -> int | None:
    """The id that a client sent as a string, or None when it cannot be one."""
    # One spelling of each: no zero in front.
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or text[0] == "0":
        return None
    value = int(text)
    return value if value <= MAX_ID else None
