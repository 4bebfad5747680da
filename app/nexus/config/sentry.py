"""Error reports to Sentry, when there is a DSN: what failed and where, never whose data it was."""

import sys
from typing import TYPE_CHECKING, Any

from nexus.config.environment import Environment
from nexus.kernel import logging, traces
from nexus.kernel.privacy import without_persons

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint


def start(environment: Environment, role: str) -> None:
    """Reports from here on; nothing happens without NEXUS_SENTRY_DSN."""
    if not environment.sentry_dsn:
        return
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
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
        # What fails is logged: no library needs to be changed for that, and each change costs every request.
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(level=None), AtexitIntegration(callback=lambda pending, timeout: None)],
        before_send=_scrub,
    )
    sentry_sdk.set_tag("role", role)


def flush() -> None:
    """Sends what waits, for a process that leaves without Python's own end."""
    if "sentry_sdk" in sys.modules:
        import sentry_sdk

        sentry_sdk.flush(timeout=2)


def _scrub(event: "Event", hint: "Hint") -> "Event":
    """Names the use-case; leaves out requests, users, and what looks like a person or a password."""
    line = _line_of(hint)
    if name := line.get("use_case") or logging.current_use_case.get():
        event["transaction"] = name
    for tag, value in (("request_id", logging.request_id()), ("trace_id", traces.trace_id())):
        if value := line.get(tag) or value:
            event.setdefault("tags", {})[tag] = value
    event.pop("user", None)
    event.pop("extra", None)
    event.pop("breadcrumbs", None)
    event.pop("request", None)
    if "log_record" in hint:
        # Of a line only its name: its other values may be anything.
        name = line.get("event") or str(hint["log_record"].msg)
        event["logentry"] = {"message": without_persons(name), "params": []}
    exceptions: Any = event.get("exception") or {}
    for value in exceptions.get("values", ()):
        value["value"] = without_persons(str(value.get("value", "")))
    return event


def _line_of(hint: "Hint") -> dict[str, Any]:
    """The log line of ours that makes this report; empty when it is another's, or none."""
    record = hint.get("log_record")
    return record.msg if record is not None and isinstance(record.msg, dict) else {}
