"""The page on which people try the API."""

import hashlib
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from nexus.api.graphql import graphiql
from tests.api.calling import GRAPHQL
from tests.api.graphql.switches import switched

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
ASSETS = Path(graphiql.__file__).parent / "static" / "graphiql"


def test_a_browser_gets_the_page() -> None:
    response = Client().get(GRAPHQL, headers=BROWSER)
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/html")
    html = response.content.decode()
    named = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(named) == 6
    assert all(finders.find(name.removeprefix("/static/")) for name in named)


def test_the_page_takes_nothing_from_elsewhere_and_holds_no_script() -> None:
    response = Client().get(GRAPHQL, headers=BROWSER)
    policy = response["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in response.content.decode()
    assert re.findall(r"<script[^>]*>([^<]*)</script>", response.content.decode()) == [""] * 4
    assert " on" not in re.sub(r"<title>.*?</title>", "", response.content.decode())


@pytest.mark.parametrize("switch", [{"graphql_introspection": False}, {"graphql_trusted_only": True}])
def test_there_is_no_page_where_it_would_be_of_no_use(switch: dict[str, bool]) -> None:
    with switched(**switch):
        response = Client().get(GRAPHQL, headers=BROWSER)
    assert response.status_code == 422
    assert "html" not in response["Content-Type"]


def test_the_assets_are_the_ones_that_were_published() -> None:
    lines = [line.split() for line in (ASSETS / "SHA256SUMS").read_text().splitlines()]
    sums = {name: digest for digest, name in lines}
    assert {"graphiql.min.js", "react.production.min.js", "LICENSES.txt"} <= set(sums)
    for name, digest in sums.items():
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == digest
    assert {path.name for path in ASSETS.iterdir()} == {*sums, "SHA256SUMS", "page.js", "page.css"}
