"""One control for each mechanism that the five classical ones leave out: without it, a drill named here turns red."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from drills.controls import Control
from drills.lab.options import Options
from drills.play import Result
from drills.scenario import all_scenarios


@dataclass(frozen=True, slots=True)
class _Mechanism:
    """`reason`: what the drill says when it is red for the expected reason."""

    name: str
    without: str
    drill: str
    options: Callable[[Options], Options]
    expected: str
    reason: str


def _lacks(name: str) -> Callable[[Options], Options]:
    return lambda options: replace(options, without=name)


def no_second_try(configuration: str) -> str:
    """haproxy.cfg that sends nothing again."""
    return re.sub(
        r"(?m)^\s*(retry-on|option redispatch) .*$", "", re.sub(r"(?m)^(\s*retries) \d+$", r"\1 0", configuration)
    )


def writes_take_all_threads(configuration: str) -> str:
    """haproxy.cfg without threads that are kept for reads."""
    return re.sub(r"(presetenv NEXUS_PROXY_WRITES_MAXCONN) \d+", r"\1 16", configuration)


_MECHANISMS: Final = (
    _Mechanism(
        "confirmation-off",
        "an application that believes every COMMIT which comes back",
        "commit-cancelled",
        _lacks("confirmation"),
        "acknowledged writes are lost",
        r"^lost:",
    ),
    _Mechanism(
        "lease-off",
        "a relay that sends nothing again",
        "broker-lost",
        _lacks("lease"),
        "tasks are never done",
        r"a task was not done|^effects missing: not done",
    ),
    _Mechanism(
        "wrong-node-off",
        "an application that tries nothing again on another connection",
        "primary-switchover",
        _lacks("wrong-node"),
        "keyed writes fail",
        r"\d+ keyed writes failed",
    ),
    _Mechanism(
        "replica-reads-off",
        "an application that reads at the primary only",
        "primary-node-lost",
        lambda options: replace(options, environment={"NEXUS_DATABASE_REPLICA_URL": ""}),
        "reads wait for the next primary",
        r"^a read took|reads failed",
    ),
    _Mechanism(
        "read-your-writes-off",
        "replicas that answer whatever they have replayed",
        "standbys-late",
        _lacks("read-your-writes"),
        "people do not see what they have written",
        r"^own writes not read:",
    ),
    _Mechanism(
        "parking-off",
        "writes that all wait for the primary, on any thread",
        "standbys-lost",
        lambda options: replace(options, without="parking", proxy_config=writes_take_all_threads),
        "reads find no thread",
        r"^a read took|reads failed",
    ),
    _Mechanism(
        "modest-readiness-off",
        "a readiness probe that asks the primary",
        "primary-node-lost-unfenced",
        _lacks("modest-readiness"),
        "no replica is left to answer reads",
        r"reads failed|^a read took",
    ),
    _Mechanism(
        "fencer-off",
        "nobody who switches a lost node off",
        "primary-node-lost-long-lease",
        lambda options: replace(options, fencer=False),
        "writes pause until the lease is over",
        r"^no write was acknowledged for",
    ),
    _Mechanism(
        "redis-timeouts-off",
        "an application that waits for Redis",
        "redis-silent",
        _lacks("redis-timeouts"),
        "everybody waits for Redis",
        r"failed|^no write was acknowledged for",
    ),
    _Mechanism(
        "second-try-off",
        "a proxy that sends nothing again",
        "app-worker-killed",
        lambda options: replace(options, proxy_config=no_second_try),
        "requests of the killed worker fail",
        r"(reads|keyed writes) failed",
    ),
)


def _control(mechanism: _Mechanism) -> Control:
    drill = next(each for each in all_scenarios() if each.name == mechanism.drill)
    given, *rest = drill.sentences
    scenario = replace(
        drill,
        name=mechanism.name,
        row=0,
        sentences=(f"{given}, and {mechanism.without}", *rest[:-1], f"Then {mechanism.expected}"),
        options=mechanism.options(drill.options),
    )

    def seen(result: Result) -> str | None:
        found = [line for line in result.broken if re.search(mechanism.reason, line)]
        return f"{mechanism.drill}: {found[0]}" if found else None

    return Control(scenario, mechanism.without, mechanism.expected, seen)


MECHANISMS: Final = tuple(_control(each) for each in _MECHANISMS)
