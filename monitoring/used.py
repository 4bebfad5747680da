"""People who do everything, again and again. Usage: python -m monitoring.used URL CA SECONDS"""

import json
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from haproxy.tests.load import Call, Load
from tests.stack.client import PASSWORD, Client, Person

Body = Mapping[str, Any]
LIKES: Final = 20  # one call of so many


class Everything:
    """Calls of all kinds, for Load: reads and posts, and one like of LIKES."""

    def __init__(self, reader: Person, author: Person, post_ids: Sequence[str]) -> None:
        self._reader, self._author, self._posts = reader, author, post_ids

    def __call__(self, number: int) -> Call:
        key = str(uuid.uuid4())
        keyed = {"Idempotency-Key": key}
        if number % LIKES == 0:
            method = "PUT" if number // LIKES // len(self._posts) % 2 == 0 else "DELETE"
            post = self._posts[number // LIKES % len(self._posts)]
            return Call(method, f"/api/v1/posts/{post}/like", {**self._reader.headers, **keyed}, None, key)
        if number % 4 == 1:
            body = json.dumps({"text": f"hello @{self._reader.handle}"}).encode()
            return Call("POST", "/api/v1/posts", {**self._author.headers, **keyed}, body, key)
        if number % 4 == 2:
            body = json.dumps({"query": "{ instance { name } }"}).encode()
            return Call("POST", "/graphql", self._reader.headers, body)
        return Call("GET", f"/api/v1/timelines/{'home' if number % 2 else 'public'}", self._reader.headers)


@contextmanager
def used(client: Client, rate: float = 8.0) -> Iterator[None]:
    """Somebody does everything, again and again, and somebody listens."""
    reader, author = (client.sign_up(f"{name}_{uuid.uuid4().hex[:8]}") for name in ("reader", "author"))
    client.call("PUT", f"/api/v1/users/{author.id}/follow", None, reader.headers)
    posts = [client.call("POST", "/api/v1/posts", {"text": "liked"}, author.headers)[1]["id"] for _ in range(5)]
    is_over = threading.Event()

    def come_in() -> None:
        while not is_over.wait(2.0):
            for password in (PASSWORD, "wrong"):
                _try(client, "POST", "/api/v1/identity/log-in", {"login": reader.handle, "password": password})
            handle = f"new_{uuid.uuid4().hex[:8]}"
            body = {"handle": handle, "email": f"{handle}@example.org", "password": PASSWORD}
            _try(client, "POST", "/api/v1/identity/sign-up", body)
            _try(client, "GET", "/")

    def listen() -> None:
        while not is_over.is_set():
            with suppress(Exception), client.listen(reader.headers) as stream:
                for _ in stream:
                    if is_over.is_set():
                        return
            is_over.wait(1.0)

    threads = [threading.Thread(target=come_in), threading.Thread(target=listen, daemon=True)]
    for each in threads:
        each.start()
    try:
        with Load(client.url, client.ca, rate, clients=8, mix=Everything(reader, author, posts)):
            yield
    finally:
        is_over.set()
        threads[0].join()


def _try(client: Client, method: str, path: str, body: Body | None = None) -> None:
    with suppress(OSError, HTTPException, ValueError):  # away, or a page, which is no JSON
        client.call(method, path, body)


if __name__ == "__main__":
    with used(Client(sys.argv[1], Path(sys.argv[2]))):
        time.sleep(float(sys.argv[3]))
