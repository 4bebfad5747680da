"""The registry of use-cases: one name from URL to dashboard, and the errors that each can give."""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Literal, ParamSpec, TypeVar, cast

from nexus.kernel import database, metrics, replicas, stale, traces
from nexus.kernel.errors import DomainError, EmailNotConfirmed
from nexus.kernel.logging import current_use_case as _current
from nexus.kernel.logging import failed_in, log
from nexus.kernel.viewer import Viewer

P = ParamSpec("P")
R = TypeVar("R")
Kind = Literal["operation", "query", "reaction"]

REGISTRY: Final[dict[str, "UseCase"]] = {}
# Tests switch this on: an error that its use-case has not declared is then a fault and not an answer.
is_strict = False

_door: ContextVar[str] = ContextVar("door", default="shell")
# Whoever waited so long may ask why: one line says so, with the use-case and the request.
SLOW_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class UseCase:
    """One thing that Nexus does for somebody."""

    name: str
    domain: str
    kind: Kind
    errors: tuple[type[DomainError], ...]
    function: Callable[..., Any]


@contextmanager
def through_door(name: str) -> Iterator[None]:
    """Use-cases inside are counted for this door."""
    token = _door.set(name)
    try:
        yield
    finally:
        _door.reset(token)


def current() -> str | None:
    """The name of the use-case that runs, for logs and error reports."""
    return _current.get()


def operation(*errors: type[DomainError], for_unconfirmed: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declares a function that changes something, and every error that it can raise on purpose.

    An actor who may not write is refused here; `for_unconfirmed` marks what such a one may do (confirm, log out).
    """
    if for_unconfirmed:
        return _declare("operation", errors)
    return _declare("operation", (*errors, EmailNotConfirmed), _actor_may_write)


def query(*errors: type[DomainError], is_of_process: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declares a function that answers something: on a replica where there is one, again on another node if need be.

    `is_of_process`: the process knows the answer, and no node is looked for.
    """
    return _declare("query", errors, needs_node=not is_of_process)


def reaction(function: Callable[P, R]) -> Callable[P, R]:
    """Declares what the worker does after an event or by schedule; its parameters are the event's fields."""
    return _declare("reaction", ())(function)


def _actor_may_write(actor: Viewer | None) -> None:
    if actor is not None and not actor.may_write:
        raise EmailNotConfirmed


def _declare(
    kind: Kind,
    errors: tuple[type[DomainError], ...],
    allow: Callable[[Viewer | None], None] = lambda actor: None,
    *,
    needs_node: bool = True,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def declare(function: Callable[P, R]) -> Callable[P, R]:
        name = function.__name__
        domain = function.__module__.split(".")[-2]

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            if _current.get() is not None:
                return function(*args, **kwargs)
            with traces.span(name, use_case=name, door=_door.get()), _counted(name, errors):
                allow(cast("Viewer | None", kwargs.get("actor")))
                if kind == "query" and needs_node:
                    return replicas.read(
                        lambda: function(*args, **kwargs),
                        place=lambda: stale.place(name, cast(Viewer, kwargs["viewer"]), kwargs),
                    )
                return function(*args, **kwargs)

        if name in REGISTRY:
            raise TypeError(f"two use-cases have the name {name}")
        REGISTRY[name] = UseCase(name, domain, kind, errors, run)
        return run

    return declare


@contextmanager
def _counted(name: str, declared: tuple[type[DomainError], ...]) -> Iterator[None]:
    token = _current.set(name)
    started = time.perf_counter()
    outcome = "internal"
    try:
        yield
        outcome = "ok"
    except DomainError as error:
        outcome = error.code
        if is_strict and not isinstance(error, declared):
            raise RuntimeError(f"{name} does not declare the error {error.code}") from error
        raise
    except Exception as error:
        if answer := database.as_unavailable(error):
            outcome = answer.code  # so will the door
        failed_in(name, error)
        raise
    finally:
        seconds, door = time.perf_counter() - started, _door.get()
        if seconds > SLOW_S:
            log.warning("use_case_slow", door=door, outcome=outcome, ms=round(seconds * 1000))
        _current.reset(token)
        metrics.USE_CASE_SECONDS.labels(name, door, outcome).observe(seconds)
