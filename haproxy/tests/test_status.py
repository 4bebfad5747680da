"""The status page at the door: out of the cache for a crowd, and a page of its own when nobody is behind."""

import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from haproxy.tests.conftest import Farm, OpenDoor

MakeFarm = Callable[..., Farm]
PATHS = ("/status", "/status.atom", "/api/v1/status")
NOBODY = "127.0.0.1:1"


def client_of(farm: Farm) -> httpx.Client:
    return httpx.Client(base_url=farm.door.url, verify=farm.door.client_tls(), timeout=15)


def servers(farm: Farm, path: str) -> Counter[str]:
    """Who answered, by the door's own log."""
    return Counter(str(line["server"]) for line in farm.door.access_log() if line.get("path") == path)


@pytest.mark.parametrize("path", PATHS)
def test_what_is_asked_again_comes_out_of_the_cache_with_an_id_of_its_own(make_farm: MakeFarm, path: str) -> None:
    farm = make_farm()
    with client_of(farm) as client:
        answers = [client.get(path) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len({answer.headers["X-Request-ID"] for answer in answers}) == 5
    assert {answer.headers["Cache-Control"] for answer in answers} == {"public, max-age=15"}
    assert all("Strict-Transport-Security" in answer.headers for answer in answers)
    assert servers(farm, path)["<CACHE>"] == 4


@pytest.mark.slow
def test_a_crowd_reaches_web_no_more_than_once_a_second(make_farm: MakeFarm) -> None:
    farm = make_farm(variables={"RATE_LIMIT": "0"})
    begun = time.monotonic()
    with client_of(farm) as client, ThreadPoolExecutor(6) as crowd:
        # Longer than one answer is kept, so that the crowd also meets the moment in which there is none.
        while time.monotonic() < begun + 32:
            assert {answer.status_code for answer in crowd.map(lambda _: client.get("/status"), range(100))} == {200}
    seconds = time.monotonic() - begun
    counted = servers(farm, "/status")
    assert counted["<CACHE>"] > 10 * seconds
    assert sum(counted.values()) - counted["<CACHE>"] <= seconds


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/status?x=1", {}),
        ("/api/v1/status", {"Authorization": "Bearer somebody"}),
        ("/api/v1/posts", {}),
        ("/", {}),
    ],
)
def test_nothing_else_is_kept(make_farm: MakeFarm, path: str, headers: dict[str, str]) -> None:
    farm = make_farm()
    with client_of(farm) as client:
        for _ in range(3):
            client.get(path, headers=headers)
    assert servers(farm, path.partition("?")[0])["<CACHE>"] == 0


def test_what_somebody_with_a_login_gets_is_given_to_nobody_else(make_farm: MakeFarm) -> None:
    farm = make_farm()
    with client_of(farm) as client:
        first = client.get("/api/v1/status", headers={"Authorization": "Bearer somebody"})
        second = client.get("/api/v1/status")
    assert json.loads(first.text)["headers"]["HTTP_AUTHORIZATION"] == "Bearer somebody"
    assert "HTTP_AUTHORIZATION" not in json.loads(second.text)["headers"]


def test_without_a_replica_the_door_says_so_itself(open_door: OpenDoor) -> None:
    door = open_door(web=[NOBODY])
    with httpx.Client(base_url=door.url, verify=door.client_tls(), timeout=15) as client:
        page, document = client.get("/status"), client.get("/api/v1/status")
    assert (page.status_code, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert page.headers["Cache-Control"] == "no-store"
    assert "<h1>Nexus is down</h1>" in page.text
    assert page.headers["X-Request-ID"] in page.text
    assert 5 <= int(page.headers["Retry-After"]) <= 10
    assert (document.status_code, document.json()["code"]) == (503, "unavailable")
