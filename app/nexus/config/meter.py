"""The meter: what users get at the door, counted where they get it, out of HAProxy's log.

The log comes by UDP, from the same pod or machine: nobody waits for the meter, and without it only figures are missing.
"""

import signal
import socket
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final

import orjson
from cryptography import x509

from nexus.config.environment import Environment
from nexus.config.state import show_life
from nexus.kernel import metrics, traces
from nexus.kernel.logging import log
from nexus.kernel.traces import Place, Span

# What waits while this process does not run: some thousand lines.
_BUFFER_BYTES: Final = 4 * 1024 * 1024
_LINE_MAX: Final = 8192
_LOOK_S: Final = 2.0
_REST: Final = "/api/"
# A crowd asks for it in an outage, out of the door's cache: that says nothing of what people came for.
_STATUS: Final = "/api/v1/status"
_SIGN_IN: Final = ("/api/v1/identity/log-in", "/api/v1/identity/refresh")


def run(environment: Environment) -> None:
    """Counts until SIGTERM."""
    is_stopped = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal is_stopped
        is_stopped = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    host, _, port = environment.meter_bind.rpartition(":")
    host = host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as lines:
        lines.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        lines.bind((host, int(port)))
        lines.settimeout(_LOOK_S)
        metrics.METER_BEGAN.set(round(time.time(), 6))
        log.info("meter_started", bind=environment.meter_bind)
        look_at = 0.0
        while not is_stopped:
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + _LOOK_S
                show_life()
                look_at_certificate(environment.meter_certificate)
            with suppress(TimeoutError):
                count(lines.recv(_LINE_MAX))
    log.info("meter_stopped")


def look_at_certificate(path: str) -> None:
    """Tells when it ends; one that cannot be read counts as ended, because HAProxy's next start would fail too."""
    if not path:
        return
    try:
        ends_at = x509.load_pem_x509_certificate(Path(path).read_bytes()).not_valid_after_utc.timestamp()
    except (OSError, ValueError):
        ends_at = 0.0
    metrics.CERTIFICATE_EXPIRES.set(ends_at)


def count(line: bytes) -> None:
    """One line of the log. Others are passed over: of connections that failed, and HAProxy's words of its servers."""
    if not line.startswith(b"{"):
        return
    try:
        row = orjson.loads(line)
        if row["event"] != "request" or row["frontend"] != "https":
            return
        door = door_of(row["path"])
        outcome = outcome_of(door, row["status"], row["termination"])
        # A stream lasts: its user waits until it begins.
        parts = ("queue_ms", "connect_ms", "response_ms") if (door, outcome) == ("live", "ok") else ("total_ms",)
        ms = sum(row[part] for part in parts)
    except (KeyError, TypeError, ValueError):
        metrics.METER_LINES_UNREAD.inc()
        return
    metrics.DOOR_SECONDS.labels(door, outcome).observe(max(0, ms) / 1000)
    if row.get("trace_flags") == "01":
        traces.record(span_of(row, door, outcome))


def span_of(row: dict[str, Any], door: str, outcome: str) -> Span:
    """The trace's first span, as HAProxy has measured it. No path and no address: they may be somebody's."""
    ended_ns = int(datetime.fromisoformat(row["time"]).timestamp() * 1000) * 1_000_000
    names = ("method", "status", "backend", "server", "retries", "termination", "queue_ms", "connect_ms", "response_ms")
    return Span(
        "proxy",
        "server",
        Place(row["trace_id"], row["span_id"], is_recorded=True),
        row["parent_span_id"].strip("-"),
        begun_ns=ended_ns - row["total_ms"] * 1_000_000,
        ended_ns=ended_ns,
        error="" if outcome in ("ok", "limited", "left") else outcome,
        attributes={"door": door, "outcome": outcome, **{name: row[name] for name in names}},
    )


def door_of(path: str) -> str:
    """Which way in a path belongs to."""
    path = path.rstrip("/")
    if path == "/api/v1/live":
        return "live"
    if path == "/graphql":
        return "graphql"
    if path in _SIGN_IN:
        return "sign_in"
    return "rest" if path.startswith(_REST) and path != _STATUS else "web"


def outcome_of(door: str, status: int, termination: str) -> str:
    """ok; limited (429); shed (503: too much at once, or no primary); error; left: the client did not wait."""
    if status == 429:
        return "limited"
    if status == 503:
        return "shed"
    if status >= 500:
        return "error"
    if door == "live" and status == 200:
        return "ok"  # who ends a stream, and how, is no error: it resumes
    # HAProxy's manual, 8.5: C and c are the client's abort and time-out, S and s those of the server.
    if termination[:1] in ("C", "c") or status < 0:
        return "left"
    return "error" if termination[:1] in ("S", "s") else "ok"
