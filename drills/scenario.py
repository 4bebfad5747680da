"""What a scenario is: a promise in plain sentences, and the function that breaks the cluster under load."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from typing import Final, Literal

from drills import scenarios
from drills.lab.options import Options
from drills.run import Run

Refused = Literal["nothing", "writes", "anything"]
Target = Literal["any", "lab", "kubernetes"]


@dataclass(frozen=True, slots=True)
class Promise:
    """What must hold, besides the counts, which are 0 everywhere. Seconds; None: nothing is said about it.

    `refuses`: what may be refused with 503 while the fault lasts, and counts as failed without breaking the promise.
    """

    pause_s: float | None = None
    read_s: float | None = None
    stale_s: float | None = None
    refuses: Refused = "nothing"
    keeps_order: bool = True


@dataclass(frozen=True, slots=True)
class Load:
    """Who asks for what. Two thirds reads, one third writes."""

    users: int = 8
    rate: float = 24.0
    retries: bool = True
    keys: bool = True


@dataclass(frozen=True, slots=True)
class Scenario:
    """One promise. `row`: its number in the table of availability; 0 for what is found and not promised.

    `target`: where it can be tried, if not everywhere.
    """

    name: str
    row: int
    sentences: tuple[str, ...]
    act: Callable[[Run], None]
    promise: Promise
    load: Load = field(default_factory=Load)
    options: Options = field(default_factory=Options)
    needs_network: bool = False
    target: Target = "any"


REGISTRY: Final[dict[str, Scenario]] = {}


def scenario(
    row: int = 0,
    *,
    pause_s: float | None = None,
    read_s: float | None = None,
    stale_s: float | None = None,
    refuses: Refused = "nothing",
    keeps_order: bool = True,
    load: Load | None = None,
    options: Options | None = None,
    needs_network: bool = False,
    target: Target = "any",
) -> Callable[[Callable[[Run], None]], Callable[[Run], None]]:
    """The decorator of a scenario. Its name is the function's, its sentences are the docstring's."""

    def register(act: Callable[[Run], None]) -> Callable[[Run], None]:
        name = act.__name__.replace("_", "-")
        REGISTRY[name] = Scenario(
            name=name,
            row=row,
            sentences=tuple(_sentences(act)),
            act=act,
            promise=Promise(pause_s, read_s, stale_s, refuses, keeps_order),
            load=load or Load(),
            options=options or Options(),
            needs_network=needs_network,
            target=target,
        )
        return act

    return register


def all_scenarios(target: Target = "any") -> list[Scenario]:
    """Every scenario that can be tried there, by row; those without a row last."""
    for module in iter_modules(scenarios.__path__):
        import_module(f"{scenarios.__name__}.{module.name}")
    there = [each for each in REGISTRY.values() if "any" in (target, each.target) or target == each.target]
    return sorted(there, key=lambda each: each.row or 99)


def _sentences(act: Callable[[Run], None]) -> Iterator[str]:
    """Given .., When .., And .., Then ..; a line that begins otherwise belongs to the one before."""
    found: list[str] = []
    for line in (inspect.getdoc(act) or "").splitlines():
        if line.startswith(("Given ", "When ", "Then ", "And ")):
            found.append(line)
        elif line.strip():
            found[-1] += f" {line.strip()}"
    if [line.partition(" ")[0] for line in found if not line.startswith("And ")] != ["Given", "When", "Then"]:
        raise ValueError(f"{act.__name__} must say Given, When and Then")
    yield from found
