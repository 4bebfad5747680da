"""What the laboratory itself asks of its hosts: by threads that live in their networks."""

import http.client
import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any, Final, TypeVar

import psycopg2

from drills.lab.network import HOSTS, Network

THREADS: Final = 6
CONNECT_S: Final = 2
T = TypeVar("T")


class Inside:
    """Threads on each host; on the client's there is nothing that a fault could stop."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._threads = {
            host: ThreadPoolExecutor(THREADS, f"inside-{host}", initializer=network.enter, initargs=(host,))
            for host in HOSTS
        }

    def submit(self, host: str, call: Callable[[], T]) -> "Future[T]":
        """Begins the call on the host."""
        return self._threads[host].submit(call)

    def run(self, host: str, call: Callable[[], T]) -> T:
        """What the call answers on the host."""
        return self.submit(host, call).result()

    def close(self) -> None:
        """Leaves the hosts; what still waits for an answer is left alone and ends by its time-out."""
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)


def connect(address: str, port: int, user: str, **options: Any) -> "psycopg2.extensions.connection":
    """A connection that commits each statement."""
    connection: psycopg2.extensions.connection = psycopg2.connect(
        host=address,
        port=port,
        user=user,
        password="nexus",
        dbname="nexus",
        connect_timeout=CONNECT_S,
        tcp_user_timeout=3000,
        application_name="lab",
        **options,
    )
    connection.autocommit = True
    return connection


def rows(address: str, port: int, user: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What one statement answers."""
    connection = connect(address, port, user, options="-c statement_timeout=15s")
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


def ask(address: str, port: int, method: str, path: str, body: Any = None, seconds: float = 5) -> tuple[int, str]:
    """Status and text of an HTTP answer."""
    with closing(http.client.HTTPConnection(address, port, timeout=seconds)) as connection:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
