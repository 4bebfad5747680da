"""Of thousands of log lines, those that explain a pause."""

import json
import re
from collections.abc import Iterable
from typing import Final

LINES_MAX: Final = 80
REPEATED_MAX: Final = 2
LENGTH_MAX: Final = 240
_TELLING: Final = re.compile(
    r"promot|demot|leader|lock|fail[eo]|fenc|\bDOWN\b|\bUP\b|MASTER|BACKUP|switch|terminat|FATAL|PANIC|unavailable|"
    r"breaker|recovery|timeline|synchronous|quorum|lost|refused|timed out|time-?out|drain|killed|exit|starting|paus|"
    r"parked|stale|elected|election|down|disk|space left|certificate|connections",
    re.IGNORECASE,
)
_DULL: Final = re.compile(
    r"no action|watchdog|HTTP/1\.[01]\" 200|checkpoint|GET /(livez|readyz|metrics)", re.IGNORECASE
)


def explaining(lines: Iterable[tuple[float, str, str]]) -> list[tuple[float, str, str]]:
    """In order of time, without those that only repeat what was said."""
    said: dict[tuple[str, str], int] = {}
    found = []
    for at, process, line in sorted(lines):
        text = _text(line)
        if text is None or _DULL.search(text) or not _TELLING.search(text):
            continue
        kind = (process, re.sub(r"[0-9a-f]*\d[0-9a-f]*", "#", text)[:80])
        said[kind] = said.get(kind, 0) + 1
        if said[kind] <= REPEATED_MAX:
            found.append((at, process, text[:LENGTH_MAX]))
    return found[:LINES_MAX]


def _text(line: str) -> str | None:
    """A JSON line in short; None for requests that went well."""
    if not line.startswith("{"):
        return line.strip() or None
    try:
        told = json.loads(line)
    except ValueError:
        return line.strip()
    if told.get("event") == "request":
        status = int(told.get("status") or 0)
        if status < 500 and str(told.get("retries", "0")) == "0":
            return None
        where = f"{told.get('backend', '')}/{told.get('server', '')}".strip("/")
        return f"failed request: {told.get('method')} {told.get('path')} {status} {where} retries {told.get('retries')}"
    skipped = ("time", "role", "logger", "level", "request_id", "event", "exception")
    rest = " ".join(f"{name}={value}" for name, value in told.items() if name not in skipped)
    return f"{told.get('event', '')} {rest}".strip()
