"""The only reader of environment variables: name, type, default and meaning of each, `_FILE` for secrets."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from nexus.kernel import sentinel

PREFIX: Final = "NEXUS_"
_REQUIRED: Final = object()


class BadEnvironment(Exception):
    """A variable is missing or has a value that cannot be used; the message is the sentence for the operator."""


def _text(value: str) -> str:
    return value


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return value

    return parse


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return parse


def _share(value: str) -> float:
    if not (value.replace(".", "", 1).isdigit() and value.isascii() and float(value) <= 1):
        raise ValueError("must be a number from 0 to 1, for example 0.01")
    return float(value)


def _switch(value: str) -> bool:
    if value not in ("on", "off"):
        raise ValueError("must be on or off")
    return value == "on"


def _names(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _url(*schemes: str, empty: bool = False) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value == "" and empty:
            return value
        parts = urlsplit(value)
        if parts.scheme not in schemes or not (parts.netloc or parts.path):
            raise ValueError(f"must be a URL that starts with {' or '.join(s + '://' for s in schemes)}")
        _ = parts.port  # raises ValueError for a port that is no number
        return value

    return parse


def _redis(*others: str) -> Callable[[str], str]:
    plain = _url("redis", "rediss", sentinel.SCHEME, *others, empty=True)

    def parse(value: str) -> str:
        if sentinel.is_sentinel(value):
            return sentinel.Group.of(value).url
        return plain(value)

    return parse


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if value and not (colon and host and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("must be address:port, for example 127.0.0.1:8000")
    return value


def _addresses(value: str) -> tuple[tuple[str, int], ...]:
    found = [_address(part).rpartition(":") for part in _names(value)]
    return tuple((host.strip("[]"), int(port)) for host, _, port in found)


def _quota(value: str) -> tuple[int, int]:
    calls, slash, seconds = value.partition("/")
    if not (slash and calls.isdigit() and seconds.isdigit() and int(calls) > 0 and int(seconds) > 0):
        raise ValueError("must be calls/seconds, for example 300/300")
    return int(calls), int(seconds)


def _secret_key(value: str) -> str:
    if len(value) < 50:
        raise ValueError("must have at least 50 characters; make one with: openssl rand -base64 48")
    return value


def _jwt_keys(value: str) -> tuple[tuple[str, str], ...]:
    keys = tuple((kid, secret) for kid, _, secret in (part.partition(":") for part in _names(value)))
    is_distinct = len({kid for kid, _ in keys}) == len(keys)
    if not keys or not is_distinct or any(not kid or len(secret) < 32 for kid, secret in keys):
        raise ValueError("must be kid:secret[,kid:secret] with distinct kids and secrets of at least 32 characters")
    return keys


@dataclass(frozen=True, slots=True)
class Variable:
    """What the documentation, the chart and the tests know of one variable."""

    name: str
    default: str | None  # None: must be set
    meaning: str
    secret: bool


def _variable(
    parse: Callable[[str], Any], meaning: str, default: str | object = _REQUIRED, *, secret: bool = False
) -> Any:
    return field(metadata={"parse": parse, "meaning": meaning, "default": default, "secret": secret})


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Every setting that may differ between two installations. A field `x_y` is the variable `NEXUS_X_Y`."""

    environment: str = _variable(_text, "Name of this installation in logs, metrics and Sentry", "production")
    release: str = _variable(_text, "Version that runs, as shown by GET /instance, logs and Sentry", "development")
    secret_key: str = _variable(_secret_key, "Signs cursors, mail links and admin sessions", secret=True)
    jwt_keys: tuple[tuple[str, str], ...] = _variable(
        _jwt_keys, "Keys of access tokens, kid:secret[,kid:secret]: the first signs, all verify", secret=True
    )
    database_url: str = _variable(
        _url("postgres", "postgresql"), "Postgres: postgres://user:password@host:port/name", secret=True
    )
    database_replica_url: str = _variable(
        _url("postgres", "postgresql", empty=True),
        "Postgres: a route to any healthy replica, for reads; empty: the primary answers them too",
        "",
        secret=True,
    )
    database_direct_url: str = _variable(
        _url("postgres", "postgresql", empty=True),
        "Postgres without a pooler, for migrations; empty: the same as NEXUS_DATABASE_URL",
        "",
        secret=True,
    )
    redis_url: str = _variable(
        _redis(),
        f"Redis for caches, timelines, limits, live: redis://host:6379/0 or {sentinel.FORM}; empty: none",
        "",
        secret=True,
    )
    broker_url: str = _variable(
        _redis("amqp", "amqps"),
        "Queue between relay and worker: Redis in these forms, or amqp://; empty: NEXUS_REDIS_URL with database 1",
        "",
        secret=True,
    )
    public_url: str = _variable(_url("https", "http"), "Address that users see, without a path")
    allowed_hosts: tuple[str, ...] = _variable(_names, "Host names that are answered, separated by commas")
    cors_origins: tuple[str, ...] = _variable(_names, "Origins of browsers' pages that may call the API", "")
    email_url: str = _variable(
        _url("smtp", "smtps", "file"),
        "Mail: smtp(s)://user:password@host:port, or file:///folder to capture it",
        secret=True,
    )
    email_from: str = _variable(_text, "Sender of mail", "Nexus <nexus@localhost>")
    bind: str = _variable(_address, "Address and port of web or live", "0.0.0.0:8000")
    meter_bind: str = _variable(
        _address, "Address and port (UDP) where the meter takes HAProxy's log", "127.0.0.1:5140"
    )
    meter_certificate: str = _variable(
        _text, "File with the door's certificate (PEM), whose end the meter tells; empty: none", ""
    )
    meters: tuple[tuple[str, int], ...] = _variable(
        _addresses,
        "Where the relay reads the metrics of all meters for the status page: host:port, separated by commas; a name "
        "means each of its addresses; empty: nothing is counted at the door",
        "",
    )
    metrics_bind: str = _variable(_address, "Address and port of this role's /metrics; empty: none", "")
    web_workers: int = _variable(_integer(1, 64), "Processes of one web replica", "2")
    web_threads: int = _variable(_integer(1, 64), "Threads of one web process", "8")
    worker_concurrency: int = _variable(_integer(1, 64), "Processes of one worker", "2")
    graceful_timeout: int = _variable(_integer(1, 600), "Seconds a stopping role may finish its work", "30")
    drain_seconds: int = _variable(
        _integer(0, 120), "Seconds for which a stopping web or live says so at /readyz before it takes no more", "2"
    )
    trusted_proxy_count: int = _variable(_integer(0, 5), "Proxies in front whose X-Forwarded-For counts", "1")
    static_root: str = _variable(_text, "Folder of collected static files", "/tmp/nexus-static")  # noqa: S108
    state_directory: str = _variable(_text, "Folder for metrics of several processes", "/tmp/nexus")  # noqa: S108
    log_level: str = _variable(_choice("debug", "info", "warning", "error"), "Least level that is logged", "info")
    sentry_dsn: str = _variable(
        _url("https", "http", empty=True), "Where errors are sent; empty: nowhere", "", secret=True
    )
    traces_endpoint: str = _variable(
        _url("https", "http", empty=True), "Collector of traces (OTLP over HTTP), http://host:4318; empty: none", ""
    )
    traces_share: float = _variable(
        _share, "Part of the traces that is recorded, 0 to 1, where who asks does not say it", "0.01"
    )
    rate_limits: bool = _variable(_switch, "Rate limits; off only for load tests", "on")
    rate_limit: tuple[int, int] = _variable(_quota, "Calls of one user (or address) in so many seconds", "300/300")
    rate_limit_credentials: tuple[int, int] = _variable(
        _quota, "Calls of one address that try credentials, in so many seconds", "10/300"
    )
    graphql_introspection: bool = _variable(_switch, "GraphQL introspection and GraphiQL", "on")
    graphql_trusted_only: bool = _variable(_switch, "Only documents that are on the trusted list", "off")
    require_confirmed_email: bool = _variable(_switch, "Writing needs a confirmed e-mail address", "off")
    fan_out_limit: int = _variable(
        _integer(0, 10_000_000),
        "Followers above which an author's posts are merged at read instead of fanned out",
        "10000",
    )
    statement_timeout_ms: int = _variable(_integer(100, 60_000), "Longest SQL statement of a request, ms", "2000")
    fencer_etcd: tuple[tuple[str, int], ...] = _variable(
        _addresses, "All members of Patroni's etcd, address:port, separated by commas; empty: no fencer", ""
    )
    fencer_scope: str = _variable(_text, "Patroni's scope, for the fencer", "")
    fencer_command: str = _variable(
        _text,
        "What the fencer runs, with a node's name as its last argument; status 0: the node is off for certain",
        "",
    )
    fencer_name: str = _variable(_text, "Name of this fencer among the (two or more) others", "")


def variables() -> Iterator[Variable]:
    """Every variable, in the order of the documentation."""
    for each in fields(Environment):
        default = each.metadata["default"]
        yield Variable(
            name=PREFIX + each.name.upper(),
            default=None if default is _REQUIRED else default,
            meaning=each.metadata["meaning"],
            secret=each.metadata["secret"],
        )


def _read(source: Mapping[str, str], variable: Variable) -> str:
    value = source.get(variable.name)
    path = source.get(variable.name + "_FILE") if variable.secret else None
    if value is not None and path is not None:
        raise BadEnvironment(f"{variable.name} and {variable.name}_FILE are both set: remove one of them.")
    if path is not None:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadEnvironment(f"{variable.name}_FILE: {path} cannot be read ({error}).") from error
    if value is None and variable.default is None:
        also = f" (or {variable.name}_FILE with the path of a file)" if variable.secret else ""
        raise BadEnvironment(f"{variable.name} is not set{also}. It means: {variable.meaning}.")
    return (variable.default or "") if value is None else value


# A role that stands beside the proxy gets no secrets: all else is None there.
_OF_ROLE: Final = {
    "meter": frozenset(
        {"environment", "release", "log_level", "state_directory", "metrics_bind", "meter_bind", "meter_certificate"}
    )
    | {"traces_endpoint", "traces_share"}
}


def load(source: Mapping[str, str], role: str = "") -> Environment:
    """The environment in `source`; raises BadEnvironment with a sentence that names the variable, never its secret."""
    values: dict[str, Any] = {}
    for each, variable in zip(fields(Environment), variables(), strict=True):
        if each.name not in _OF_ROLE.get(role, (each.name,)):
            values[each.name] = None
            continue
        text = _read(source, variable)
        try:
            values[each.name] = each.metadata["parse"](text)
        except ValueError as error:
            shown = "its value" if variable.secret else f'"{text}"'
            raise BadEnvironment(f"{variable.name}: {shown} {error}. It means: {variable.meaning}.") from None
    known = {v.name for v in variables()} | {v.name + "_FILE" for v in variables() if v.secret}
    for name in source:
        if name.startswith(PREFIX) and not name.startswith(PREFIX + "PROXY_") and name not in known:
            raise BadEnvironment(f"{name} is not a variable of Nexus: remove it or correct its name.")
    return Environment(**values)


def load_or_exit(role: str = "") -> Environment:
    """The process's own environment; a bad one ends the process with one sentence and status 1."""
    try:
        return load(os.environ, role)
    except BadEnvironment as error:
        sys.exit(f"nexus: {error}")
