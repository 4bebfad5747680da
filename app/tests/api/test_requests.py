"""Whether the one who asked is still there, by the connection that gunicorn has with him."""

import socket
from collections.abc import Iterator

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from nexus.api.requests import is_client_there


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
