"""Whether the one who asked is still there, and how long he has waited already."""

import socket
import time
from collections.abc import Iterator

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from nexus.api.requests import is_client_there, time_for


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The client's end and ours."""
    pair = socket.socketpair()
    yield pair
    for end in pair:
        end.close()


def request_on(ours: socket.socket | None) -> HttpRequest:
    request = RequestFactory().get("/")
    if ours:
        request.META["gunicorn.socket"] = ours
    return request


def test_a_client_that_waits_in_silence_is_there(ends: tuple[socket.socket, socket.socket]) -> None:
    assert is_client_there(request_on(ends[1]))


def test_a_client_that_sends_its_next_request_already_is_there(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].sendall(b"GET")
    assert is_client_there(request_on(ends[1]))
    assert ends[1].recv(3) == b"GET"


def test_a_client_that_has_closed_its_connection_has_left(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].close()
    assert not is_client_there(request_on(ends[1]))


def test_without_a_connection_to_look_at_he_is_taken_to_be_there() -> None:
    assert is_client_there(request_on(None))


@pytest.mark.parametrize(
    ("waited_s", "expected_s"),
    [(0, 10), (1, 5.5), (4, 5.5), (6, 4.5), (10, 2), (3600, 2), (-3600, 10)],
    ids=["first try", "a queue", "longer", "second try", "long queue", "our clock is late", "our clock is early"],
)
def test_a_request_gets_what_queues_and_tries_before_left(waited_s: float, expected_s: float) -> None:
    begun = int((time.time() - waited_s) * 1000)
    assert time_for(RequestFactory().get("/", headers={"X-Request-Start": f"t={begun}"})) == pytest.approx(
        expected_s, abs=0.4
    )


@pytest.mark.parametrize("header", ["", "t=", "t=x", "t=-1", "1700000000000", "t=" + "9" * 5000, "t=\u0661"])
def test_a_start_that_is_none_counts_as_now(header: str) -> None:
    assert time_for(RequestFactory().get("/", headers={"X-Request-Start": header})) == 10
