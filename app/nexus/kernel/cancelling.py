"""Asks a server to give up what one of our connections waits for, without waiting for the server.

psycopg2's own `cancel()` waits without a limit and stops every thread of the process meanwhile. libpq 17 has a form
that never waits; the wheel of psycopg2 brings that libpq along.
"""

import ctypes
import select
import time
from typing import Final

import psycopg2
from psycopg2.extensions import STATUS_BEGIN, STATUS_READY, connection

from nexus.kernel import metrics

_FAILED, _READING, _WRITING, _OK = 0, 1, 2, 3  # PostgresPollingStatusType
_EVENTS: Final = {_READING: select.POLLIN, _WRITING: select.POLLOUT}

# The symbols of libpq are found through the extension that is linked to it, wherever it lies.
_libpq: Final = ctypes.CDLL(psycopg2._psycopg.__file__)
_libpq.PQcancelCreate.restype = ctypes.c_void_p
_libpq.PQcancelCreate.argtypes = [ctypes.c_void_p]
for _function in (_libpq.PQcancelStart, _libpq.PQcancelPoll, _libpq.PQcancelSocket, _libpq.PQcancelFinish):
    _function.argtypes = [ctypes.c_void_p]


def cancel(busy: connection, seconds: float) -> bool:
    """Whether the server has taken the request within `seconds`; it then does what pg_cancel_backend() does."""
    if busy.status not in (STATUS_READY, STATUS_BEGIN):
        return False
    metrics.COMMITS_CANCELLED.inc()
    request = _libpq.PQcancelCreate(busy.pgconn_ptr)
    try:
        return bool(request and _libpq.PQcancelStart(request)) and _is_taken(request, time.monotonic() + seconds)
    finally:
        _libpq.PQcancelFinish(request)


def _is_taken(request: int, deadline: float) -> bool:
    state = _WRITING
    while state in _EVENTS:
        poller = select.poll()
        poller.register(_libpq.PQcancelSocket(request), _EVENTS[state])
        if not poller.poll(max(deadline - time.monotonic(), 0) * 1000):
            return False
        state = _libpq.PQcancelPoll(request)
    return bool(state == _OK)
