"""Asks a Prometheus what panels ask, and says which of them would be empty."""

import json
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any

from monitoring.panels import DASHBOARDS, Place

# What Grafana would choose for [R].
RATE = "[1m]"


def ask(url: str, path: str, **parameters: str) -> Any:
    """The data of an answer of Prometheus' API."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=10) as answer:
        return json.loads(answer.read())["data"]


def queries(place: Place) -> list[tuple[str, str]]:
    """Title and expression of all that has data in this environment."""
    return [
        (f"{board.name}: {panel.title}", expression.replace("[R]", RATE))
        for board in DASHBOARDS
        for _, panels in board.rows
        for panel in panels
        if place in panel.places
        for expression, _ in panel.queries
    ]


def values(url: str) -> Callable[[str], list[str]]:
    """Asks the Prometheus there for the values of an expression."""
    return lambda expression: [each["value"][1] for each in ask(url, "query", query=expression)["result"]]


def empty(ask_for: Callable[[str], list[str]], asked: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of the queries that return nothing now; of a histogram without observations that is no number."""
    return [(title, expression) for title, expression in asked if not set(ask_for(expression)) - {"NaN"}]
