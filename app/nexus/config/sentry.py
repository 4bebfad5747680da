"""Error reports to Sentry, when there is a DSN: what failed and where, never whose data it was."""

import re
import sys
from typing import TYPE_CHECKING, Any, Final

from nexus.config.environment import Environment
from nexus.kernel import logging, use_cases

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

HEADERS_KEPT: Final = frozenset({"accept", "content-length", "content-type", "host", "user-agent", "x-request-id"})
_ADDRESS: Final = re.compile(r"[\w.+%-]+@[\w-]+(\.[\w-]+)+")
# What Postgres shows of a row that it refuses: Key (email)=(someone@example.org) already exists.
_ROW_VALUES: Final = re.compile(r"\)=\(.*?\)")
_URL_PASSWORD: Final = re.compile(r"(://[^:/@\s]*:)[^@\s]+@")


def start(environment: Environment, role: str) -> None:
    """Reports from here on; nothing happens without NEXUS_SENTRY_DSN."""
    if not environment.sentry_dsn:
        return
    import sentry_sdk
    from sentry_sdk.integrations.logging import LoggingIntegration

    sentry_sdk.init(
        dsn=environment.sentry_dsn,
        release=environment.release,
        environment=environment.environment,
        server_name=role,
        # Persons' data are off by default; what is sent all the same, _scrub removes.
        include_local_variables=False,  # arguments are passwords, tokens and people's texts
        max_request_body_size="never",
        max_breadcrumbs=20,
        shutdown_timeout=2,
        traces_sample_rate=0.0,
        integrations=[LoggingIntegration(level=None)],
        before_send=_scrub,
    )
    sentry_sdk.set_tag("role", role)


def flush() -> None:
    """Sends what waits, for a process that leaves without Python's own end."""
    if "sentry_sdk" in sys.modules:
        import sentry_sdk

        sentry_sdk.flush(timeout=2)


def _scrub(event: "Event", hint: "Hint") -> "Event":
    """Names the use-case; leaves out bodies, queries, cookies, users, and what looks like a person or a password."""
    if name := use_cases.current():
        event["transaction"] = name
    if value := logging.request_id():
        event.setdefault("tags", {})["request_id"] = value
    event.pop("user", None)
    event.pop("extra", None)
    event.pop("breadcrumbs", None)
    request: dict[str, Any] = event.get("request") or {}
    headers = request.get("headers") or {}
    kept: dict[str, Any] = {
        "method": request.get("method"),
        "url": str(request.get("url", "")).partition("?")[0],
        "headers": {name: value for name, value in headers.items() if name.lower() in HEADERS_KEPT},
    }
    event["request"] = kept
    _name_log_line(event, hint)
    exceptions: Any = event.get("exception") or {}
    for value in exceptions.get("values", ()):
        value["value"] = without_persons(str(value.get("value", "")))
    return event


def without_persons(text: str) -> str:
    """`text` without e-mail addresses, values of rows and passwords in addresses of servers."""
    return _ADDRESS.sub("[address]", _ROW_VALUES.sub(")=([value])", _URL_PASSWORD.sub(r"\1[password]@", text)))


def _name_log_line(event: "Event", hint: "Hint") -> None:
    """Of a log line of ours only its name: its other values may be anything."""
    record = hint.get("log_record")
    if record is None:
        return
    message = record.msg.get("event", "") if isinstance(record.msg, dict) else str(record.msg)
    event["logentry"] = {"message": without_persons(str(message)), "params": []}
