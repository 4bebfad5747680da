"""A name server that is lost costs nobody seconds: names are remembered."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from nexus.kernel import names, waiting
from nexus.kernel.names import Names

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 5432))]
OTHER = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.2", 5432))]


class NameServer:
    """Answers, refuses, or says nothing until it is let go."""

    def __init__(self) -> None:
        self.answer: list[Any] | OSError = FOUND
        self.answers = threading.Event()
        self.answers.set()
        self.asked = 0

    def ask(self, *_: object) -> list[Any]:
        self.asked += 1
        self.answers.wait()
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    monkeypatch.setattr(names, "FRESH_S", 0.0)
    server = NameServer()
    yield server
    server.answers.set()


@pytest.fixture
def ask(server: NameServer) -> Callable[[], list[Any]]:
    known = Names(server.ask)
    return lambda: known.getaddrinfo("db.example", 5432)


def test_a_known_name_is_answered_while_the_name_server_is_silent(
    server: NameServer, ask: Callable[[], list[Any]]
) -> None:
    ask()
    server.answers.clear()
    asked = server.asked
    assert [ask() for _ in range(20)] == [FOUND] * 20
    assert server.asked == asked + 1  # one is out, and nobody asks beside it


def test_once_it_answers_again_the_new_address_counts(server: NameServer, ask: Callable[[], list[Any]]) -> None:
    ask()
    server.answers.clear()
    ask()
    server.answer = OTHER
    server.answers.set()
    deadline = time.monotonic() + 10
    while ask() != OTHER:
        assert time.monotonic() < deadline


def test_a_name_that_is_gone_is_not_remembered_against_the_answer(
    server: NameServer, ask: Callable[[], list[Any]]
) -> None:
    ask()
    server.answer = socket.gaierror(socket.EAI_NONAME, "unknown")
    with pytest.raises(socket.gaierror):
        ask()


def test_a_name_server_that_is_ill_takes_no_name_away(server: NameServer, ask: Callable[[], list[Any]]) -> None:
    ask()
    server.answer = socket.gaierror(socket.EAI_AGAIN, "try again")
    assert ask() == FOUND


def test_that_it_fails_is_told_once(
    server: NameServer, ask: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("nexus.kernel.names.log.warning", lambda event, **_: told.append(event))
    server.answer = socket.gaierror(socket.EAI_AGAIN, "try again")
    for _ in range(5):
        with pytest.raises(socket.gaierror):
            ask()
    server.answer = FOUND
    assert ask() == FOUND
    server.answer = socket.gaierror(socket.EAI_AGAIN, "try again")
    assert ask() == FOUND
    assert told == ["name_not_resolved"] * 2


def test_an_unknown_name_is_waited_for_no_longer_than_the_budget(
    server: NameServer, ask: Callable[[], list[Any]]
) -> None:
    server.answers.clear()
    with waiting.limit(0.2), pytest.raises(socket.gaierror, match="no answer yet"):
        ask()


def test_what_is_fresh_is_not_asked_for_again(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "FRESH_S", 60.0)
    known = Names(server.ask)
    for _ in range(5):
        known.getaddrinfo("db.example", 5432)
    assert server.asked == 1


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7", b"192.0.2.7", None, ""])
def test_an_address_is_no_question(server: NameServer, address: object) -> None:
    known = Names(server.ask)
    known.getaddrinfo(address, 80)
    known.getaddrinfo(address, 80)
    assert server.asked == 2


def test_libpq_gets_every_address_with_the_name_that_certificates_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "NAMES", Names(lambda *_: [*FOUND, *FOUND, *OTHER]))
    assert names.located("db.example", 5432) == {"host": "db.example,db.example", "hostaddr": "192.0.2.1,192.0.2.2"}
    assert names.located("/run/postgresql", None) == {"host": "/run/postgresql"}
    assert names.located("a,b", None) == {"host": "a,b"}
    assert names.located("", None) == {}


@pytest.mark.django_db(transaction=True)
def test_every_library_of_a_role_asks_here(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = names.NAMES.getaddrinfo

    def seen(host: Any, *question: Any, **options: Any) -> list[Any]:
        asked.append(str(host))
        return real(host, *question, **options)

    assert socket.getaddrinfo == names.NAMES.getaddrinfo
    monkeypatch.setattr(names.NAMES, "getaddrinfo", seen)
    monkeypatch.setitem(connection.settings_dict, "HOST", "localhost")
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert asked == ["localhost"]
    assert connection.connection.info.host == "localhost"
    connection.close()
