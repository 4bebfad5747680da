"""JSON log lines that carry the request's id and the use-case through every role; docs/guide/logs.md."""

import logging
import logging.config
import sys
from contextvars import ContextVar
from typing import Any

import orjson
import structlog

from nexus.kernel import privacy, traces

_request_id: ContextVar[str] = ContextVar("request_id", default="")
# Of kernel.use_cases, which knows what runs; here because everything that logs may not know that.
current_use_case: ContextVar[str | None] = ContextVar("use_case", default=None)

# Each request, each reaction and the begin of draining has one line of ours; theirs would be a second.
_SAID_BY_US = ("django.request", "django.server", "celery.app.trace", "health_check")
# Whoever scans the internet sends any host name, and is refused: no fault of ours, no traceback.
_OF_NO_INTEREST = ("django.security.DisallowedHost",)

log = structlog.stdlib.get_logger("nexus")


def request_id() -> str:
    """The id that HAProxy gave the request that all this is for; empty when nobody asked."""
    return _request_id.get()


def bind_request(value: str) -> None:
    """Log lines from here on, and events published from here on, carry this id."""
    _request_id.set(value)


def _add_context(_logger: Any, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    found = (
        ("request_id", _request_id.get()),
        ("trace_id", traces.trace_id()),
        ("use_case", current_use_case.get()),
    )
    for name, value in found:
        if value:
            event.setdefault(name, value)
    return event


def failed_in(use_case: str, error: BaseException) -> None:
    """Whoever tells of the error later, names what failed with it."""
    error.use_case = use_case  # type: ignore[attr-defined]  # an exception takes any attribute


def _add_exception(_logger: Any, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """The traceback of `exc_info`, which stays for Sentry, and what failed; nobody's data in any error."""
    if isinstance(event.get("error"), str):
        event["error"] = privacy.without_persons(event["error"])
    told = event.get("exc_info")
    if told is True:
        told = sys.exc_info()
    error = told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        event["exc_info"], event["exception"] = error, privacy.traceback_of(error)
        if name := getattr(error, "use_case", None):
            event.setdefault("use_case", name)
    return event


def _hand_over(logger: Any, method: str, event: structlog.types.EventDict) -> tuple[tuple[Any], dict[str, Any]]:
    error = event.pop("exc_info", None)
    arguments, options = structlog.stdlib.ProcessorFormatter.wrap_for_formatter(logger, method, event)
    return arguments, {**options, "exc_info": error}


def _without_exc_info(_logger: Any, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    event.pop("exc_info", None)
    return event


def _to_json(event: structlog.types.EventDict, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


def configure(*, level: str, role: str) -> None:
    """One JSON object a line on standard output, for our own lines and those of every library."""

    def add_role(_logger: Any, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        event["role"] = role
        return event

    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        add_role,
        _add_context,
        _add_exception,
    ]
    structlog.configure(
        processors=[*shared, _hand_over],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _without_exc_info,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
    }
    logging.captureWarnings(True)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": formatter},
            "handlers": {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
            "root": {"handlers": ["out"], "level": level.upper()},
            "loggers": {
                **{name: {"level": "ERROR"} for name in _SAID_BY_US},
                **{name: {"level": "CRITICAL"} for name in _OF_NO_INTEREST},
            },
        }
    )
