"""One rule per use-case: each scenario ends in the same way, and leaves the same rows, whichever door it came by."""

from collections.abc import Collection, Iterable

import pytest

from nexus.domain.identity import logins
from nexus.kernel.use_cases import REGISTRY
from tests.api.doors import DOORS, FIELDS, ROUTES, Asked, Outcome
from tests.api.scenarios import SCENARIOS, Scenario
from tests.api.worlds import StoppedClock, later, run_from, state

# Not part of the public contract, and why.
OPERATORS_ONLY = {
    "deactivate_user": "closes somebody else's account: done in the admin pages, behind their own login",
    "reactivate_user": "opens it again: the same",
}
PUBLIC = {each.name for each in REGISTRY.values() if each.kind != "reaction"} - set(OPERATORS_ONLY)
ROWS = [(name, scenario) for name, scenarios in SCENARIOS.items() for scenario in scenarios]


@pytest.mark.django_db
@pytest.mark.parametrize(("use_case", "scenario"), ROWS, ids=[f"{name}: {each.says}" for name, each in ROWS])
def test_every_door_gives_the_same(use_case: str, scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = StoppedClock(monkeypatch)
    person, arguments = scenario.given()
    asked = Asked(use_case, None if person is None else logins.begin(person).access_token, arguments)
    before, moment = state(), later(clock)
    outcomes, states = {}, {}
    for name, door in DOORS.items():
        with run_from(moment, clock, monkeypatch):
            outcomes[name], states[name] = door(asked), state()
    expected: Outcome = outcomes["operation"]
    assert expected.code == scenario.code
    assert outcomes["rest"] == expected
    assert outcomes["graphql"] == expected
    assert states["rest"] == states["operation"]
    assert states["graphql"] == states["operation"]
    if scenario.code != "ok" or REGISTRY[use_case].kind == "query":
        assert states["operation"] == before


def gaps(routes: Collection[str], fields: Collection[str], rows: Iterable[str]) -> set[tuple[str, str]]:
    """What a public use-case lacks, and what has no public use-case behind it."""
    found = {"route": set(routes), "field": set(fields), "row": set(rows)}
    return {(kind, name) for kind, names in found.items() for name in names ^ PUBLIC}


def test_every_public_use_case_has_a_route_a_field_and_rows() -> None:
    assert gaps(ROUTES, FIELDS, SCENARIOS) == set()


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_removing_a_route_a_field_or_a_row_is_noticed(name: str) -> None:
    def without(names: Collection[str]) -> set[str]:
        return set(names) - {name}

    assert gaps(without(ROUTES), FIELDS, SCENARIOS) == {("route", name)}
    assert gaps(ROUTES, without(FIELDS), SCENARIOS) == {("field", name)}
    assert gaps(ROUTES, FIELDS, without(SCENARIOS)) == {("row", name)}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_use_case_succeeds_once_and_fails_once_if_it_can(name: str) -> None:
    ends = {scenario.code for scenario in SCENARIOS[name]}
    declared = {error.code for error in REGISTRY[name].errors}
    assert "ok" in ends
    assert ends - {"ok"} or not declared
    assert ends - {"ok"} <= declared


def test_what_is_for_operators_only_is_a_use_case_and_has_no_door() -> None:
    assert set(OPERATORS_ONLY) <= set(REGISTRY)
    assert not set(OPERATORS_ONLY) & (set(ROUTES) | set(FIELDS) | set(SCENARIOS))
