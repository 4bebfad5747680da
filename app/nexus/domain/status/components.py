"""How each part of Nexus is now, out of what the process knows."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from nexus.domain.status.history import EVENTS_MIN, History, Knowledge
from nexus.domain.status.objectives import BY_NAME, WORK, Objective
from nexus.domain.status.shapes import ComponentShape, State

COMPONENTS: Final = {
    "api": "API",
    "sign_in": "Sign-in",
    "live": "Live stream",
    "work": "Background work",
    "database": "Database",
    "cache": "Cache",
}
# A budget that burns so much faster than it may is what pages an operator (monitoring/objectives.py).
_BURN: Final = 14.4
_DOWN: Final = 0.5
# The relay looks every 15 s.
_SILENT: Final = timedelta(minutes=2)
_ORDER: Final[tuple[State, ...]] = ("operational", "unknown", "degraded", "down")
_NOT_MEASURED: Final = "Not measured at the moment"
_NEEDS_DATABASE: Final = "Needs the database"
_LATE: Final = "News comes late: database or cache do not answer"
_Found = tuple[State, str]
_WELL: Final[_Found] = ("operational", "Works")


def components(known: Knowledge, *, is_primary_away: bool, has_cache: bool) -> tuple[ComponentShape, ...]:
    """All of them; the cache only where there is one."""
    database, cache = _database(known, is_primary_away), _cache(known)
    late: _Found = ("degraded", _LATE) if "down" in (database[0], cache[0]) else _WELL
    # Nobody can log in, and nothing is done, where nothing can be written.
    needs: _Found = ("down", _NEEDS_DATABASE) if database[0] == "degraded" else _needing(database)
    found: dict[str, _Found] = {
        "api": _worst(_needing(database), _doors(known, "rest", "graphql")),
        "sign_in": _worst(needs, _doors(known, "sign_in")),
        "live": _worst(late, _doors(known, "live")),
        "work": _worst(needs, _work(known)),
        "database": database,
        "cache": cache,
    }
    return tuple(
        ComponentShape(name, title, *found[name]) for name, title in COMPONENTS.items() if name != "cache" or has_cache
    )


def overall(found: Iterable[ComponentShape]) -> State:
    """In one word: down only where the API is; else degraded where anything is not as it should be."""
    states = {each.name: each.state for each in found}
    if states["api"] == "down":
        return "down"
    return "degraded" if {"down", "degraded"} & set(states.values()) else max(states.values(), key=_ORDER.index)


def _needing(database: _Found) -> _Found:
    return (database[0], _WELL[1] if database[0] == "operational" else _NEEDS_DATABASE)


def _database(known: Knowledge, is_primary_away: bool) -> _Found:
    if is_primary_away or known.is_database_up is False:
        if known.is_database_up and known.history is not None and known.history.of_replica:
            return "degraded", "Read-only: what is written now waits or is refused"
        return "down", "Does not answer"
    if not known.is_fresh:
        return "unknown", "Has not been asked yet"
    return _WELL


def _cache(known: Knowledge) -> _Found:
    if known.is_cache_up is None:
        return "unknown", "Has not been asked yet"
    return _WELL if known.is_cache_up else ("down", "Does not answer: slower, and nothing is lost")


def _doors(known: Knowledge, *doors: str) -> _Found:
    if not _is_measured(known):
        return "unknown", _NOT_MEASURED
    assert known.history is not None  # noqa: S101 (that it is measured says so)
    about = [each for each in BY_NAME.values() if each.door in doors]
    return _worst(_WELL, *(_recently(known.history, each) for each in about))


def _work(known: Knowledge) -> _Found:
    if known.history is None or not known.is_fresh or known.history.looked_at is None:
        return "unknown", _NOT_MEASURED
    if not _is_measured(known):
        return "down", "Stands still"
    seen = known.history.recent.get(WORK.name)
    if seen is not None and seen.bad / seen.total >= _DOWN:
        return "down", "What is to be done waits for longer than 30 s"
    late = [each for each in BY_NAME.values() if each.reactions]
    return _worst(_WELL, *(_recently(known.history, each) for each in (*late, WORK)))


def _is_measured(known: Knowledge) -> bool:
    """Whether the relay, which counts, has done so of late."""
    history = known.history
    if history is None or not known.is_fresh or history.looked_at is None:
        return False
    return history.read_at - history.looked_at < _SILENT


def _recently(history: History, objective: Objective) -> _Found:
    seen = history.recent.get(objective.name)
    # Looks are few and each counts; requests of a quiet night do not.
    if seen is None or (objective.door and seen.total < EVENTS_MIN):
        return _WELL
    share = seen.bad / seen.total
    said = f"{objective.meaning}: {1 - share:.1%} in the last five minutes"
    if share >= _DOWN and objective.name.endswith("-availability"):
        return "down", said
    return ("degraded", said) if share > _BURN * (1 - objective.target) else _WELL


def _worst(*found: _Found) -> _Found:
    """Among equals the first."""
    return max(found, key=lambda each: _ORDER.index(each[0]))
