"""Of thousands of log lines, those that explain a pause."""

import json
import re
from collections.abc import Iterable
from typing import Any, Final

LINES_MAX: Final = 60
REPEATED_MAX: Final = 3
LENGTH_MAX: Final = 220
# By who says it: what tells where the seconds went.
_TELLING: Final = {
    "patroni": re.compile(
        r"promot|demot|session lock|Setting (synchronous|leader)|failsafe|rewind|switchover|not healthy|"
        r"DCS is not|Demoting|starting as|new timeline|received .* shutdown|is (ready to accept|shut down)|canceling|"
        r"terminating (connection|walsender)|PANIC|No space|remaining connection slots|too many",
    ),
    "etcd": re.compile(r"elected|became leader|lost leader|no leader"),
    "haproxy": re.compile(r"is (UP|DOWN)|no server available|Former worker|expired|certificate|failed request"),
    "keepalived": re.compile(r"STATE|FAULT|failed|succeeded"),
    "sentinel": re.compile(r"switch-master|\+odown|\+failover-end "),
    "redis": re.compile(r"MASTER MODE|Ready to accept"),
}
_ANY: Final = re.compile(r"")
_DULL: Final = re.compile(r"no action|checkpoint|Service Unavailable:|a follower of a leader|I am a secondary|Security")
# These are the story itself; the others are left out first.
_TURNS: Final = re.compile(
    r"promoted|demot|switchover|switch-master|is (UP|DOWN)|STATE|received (promote|fast|smart)|session lock|fence|"
    r"new timeline|elected|primary_(away|back)|Setting leader",
    re.IGNORECASE,
)
Line = tuple[float, str, str]


def explaining(lines: Iterable[Line]) -> list[Line]:
    """In order of time, without those that only repeat what was said."""
    said: dict[tuple[str, str], int] = {}
    found: list[Line] = []
    for at, process, line in sorted(lines):
        role, text = process.partition("@")[0], _text(line)
        if text is None or _DULL.search(text) or not _TELLING.get(role, _ANY).search(text):
            continue
        kind = (role, re.sub(r"[0-9a-f]*\d[0-9a-f]*", "#", text)[:80])
        said[kind] = said.get(kind, 0) + 1
        if said[kind] <= REPEATED_MAX:
            found.append((at, process, text[:LENGTH_MAX]))
    turns = [line for line in found if _TURNS.search(line[2])]
    others = [line for line in found if not _TURNS.search(line[2])]
    return sorted([*turns, *others[: max(0, LINES_MAX - len(turns))]])


def _text(line: str) -> str | None:
    """A line of JSON in short; None for what is no more than the course of things."""
    if not line.startswith("{"):
        # The time is told beside it.
        return (
            re.sub(
                r"^(backend> )?(\w{3} )?(\d+:\w )?[\w:., -]*\d\d:\d\d:\d\d[.,\d]*( UTC)?( \d{4}:)?( \[\d+\])? ",
                "",
                line,
            ).strip()
            or None
        )
    try:
        told = json.loads(line)
    except ValueError:
        return line.strip()
    if told.get("role") == "proxy":
        return _request(told)
    if told.get("level") not in ("warning", "error", "critical"):
        return None
    skipped = ("time", "role", "logger", "level", "request_id", "event", "exception")
    rest = " ".join(f"{name}={value}" for name, value in told.items() if name not in skipped)
    return " ".join(f"{told.get('event', '')} {rest}".split())


def _request(told: dict[str, Any]) -> str | None:
    status = int(told.get("status") or 0)
    if told.get("event") != "request" or (status < 500 and str(told.get("retries", "0")) == "0"):
        return None
    where = f"{told.get('backend', '')}/{told.get('server', '')} {told.get('termination', '')}"
    return f"failed request: {told.get('method')} {told.get('path')} {status} {where} retries {told.get('retries')}"
