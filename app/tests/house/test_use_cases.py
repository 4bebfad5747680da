"""Every use-case is reachable, named alike everywhere, and tested."""

import inspect
from pathlib import Path

import pytest
import yaml

from nexus.api.rest.contract import PATH as OPENAPI
from nexus.api.rest.endpoints import Endpoint
from nexus.api.rest.urls import urlpatterns
from nexus.config import reactions, schedule
from nexus.kernel.outbox import EVENTS
from nexus.kernel.use_cases import REGISTRY, UseCase

TESTS = Path(__file__).resolve().parents[1]
# Operators reach these by the admin pages only: they are no part of the public contract.
OPERATORS_ONLY = frozenset({"deactivate_user", "reactivate_user"})

ALL = sorted(REGISTRY.values(), key=lambda each: (each.domain, each.name))
PUBLIC = [each for each in ALL if each.kind != "reaction" and each.name not in OPERATORS_ONLY]


def endpoints() -> list[Endpoint]:
    return [
        endpoint
        for pattern in urlpatterns
        for endpoint in getattr(getattr(pattern.callback, "cls", None), "endpoints", {}).values()
    ]


def test_every_public_use_case_has_exactly_one_rest_route() -> None:
    assert sorted(endpoint.use_case.name for endpoint in endpoints()) == sorted(each.name for each in PUBLIC)


@pytest.mark.parametrize("endpoint", endpoints(), ids=lambda endpoint: endpoint.use_case.name)
def test_a_handler_has_its_use_cases_name(endpoint: Endpoint) -> None:
    assert endpoint.handler.__name__ == endpoint.use_case.name


def test_the_committed_contract_names_every_use_case() -> None:
    paths = yaml.safe_load(OPENAPI.read_text(encoding="utf-8"))["paths"].values()
    named = [operation["operationId"] for methods in paths for operation in methods.values()]
    # The stream is a door and no use-case.
    assert sorted(named) == sorted(["live", *(each.name for each in PUBLIC)])


@pytest.mark.parametrize("use_case", [each for each in ALL if each.kind != "reaction"], ids=lambda each: each.name)
def test_a_use_case_has_a_test_file_of_its_name(use_case: UseCase) -> None:
    assert (TESTS / "domain" / use_case.domain / f"test_{use_case.name}.py").is_file()


@pytest.mark.parametrize("use_case", ALL, ids=lambda each: each.name)
def test_a_use_case_is_explained_and_takes_keywords_only(use_case: UseCase) -> None:
    parameters = list(inspect.signature(use_case.function).parameters.values())
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters)
    first = {"operation": ["actor"], "query": ["viewer"], "reaction": []}[use_case.kind]
    assert [parameter.name for parameter in parameters][: len(first)] == first
    assert use_case.function.__doc__


def test_every_reaction_has_a_cause() -> None:
    caused = {each.name for found in reactions.REACTIONS.values() for each in found}
    scheduled = {each.name for each in schedule.SCHEDULE}
    assert caused | scheduled == {each.name for each in ALL if each.kind == "reaction"}


def test_every_event_has_a_row_among_the_reactions() -> None:
    ours = {name for name, event in EVENTS.items() if event.__module__.startswith("nexus.")}
    assert {event.__name__ for event in reactions.REACTIONS} == ours
