"""A whole Nexus for a test, a picture or a drill, watched as by `make watch` and used by people."""

import json
import threading
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from haproxy.tests.load import Call, Load
from local.ports import free_port
from local.prometheus import RULES, Watcher, configuration
from tests.stack.sse import Live
from tests.stack.stack import PASSWORD, Person, Stack

Body = Mapping[str, Any]
LIKES: Final = 20  # one call of so many


@contextmanager
def watching(
    stack: Stack, folder: Path, *, rules: Sequence[Path] = RULES, alertmanager: str = "127.0.0.1:1"
) -> Iterator[Watcher]:
    """Prometheus with the rules, on every role of the stack."""
    folder.mkdir(exist_ok=True)
    roles = [*stack.webs, stack.live, stack.worker, *stack.relays, stack.meter]
    addresses = [(role.role, urllib.parse.urlsplit(role.metrics).netloc) for role in roles]
    addresses.append(("proxy", f"127.0.0.1:{stack.door.metrics_port}"))
    targets = folder / "targets.json"
    targets.write_text(json.dumps([{"targets": [address], "labels": {"role": role}} for role, address in addresses]))
    settings = folder / "prometheus.json"
    settings.write_text(json.dumps(configuration(targets, {}, alertmanager, rules)))
    options = [f"--config.file={settings}", f"--storage.tsdb.path={folder / 'data'}"]
    with Watcher("prometheus", folder, free_port(), options, "/-/ready", {}) as running:
        yield running


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
def used(stack: Stack, rate: float = 8.0) -> Iterator[None]:
    """Somebody does everything, again and again, and somebody listens."""
    reader, author = (stack.sign_up(f"{name}_{uuid.uuid4().hex[:8]}") for name in ("reader", "author"))
    stack.call("PUT", f"/api/v1/users/{author.id}/follow", None, reader.headers)
    posts = [stack.call("POST", "/api/v1/posts", {"text": "liked"}, author.headers)[1]["id"] for _ in range(5)]
    is_over = threading.Event()

    def come_in() -> None:
        while not is_over.wait(2.0):
            for password in (PASSWORD, "wrong"):
                _try(stack, "POST", "/api/v1/identity/log-in", {"login": reader.handle, "password": password})
            handle = f"new_{uuid.uuid4().hex[:8]}"
            body = {"handle": handle, "email": f"{handle}@example.org", "password": PASSWORD}
            _try(stack, "POST", "/api/v1/identity/sign-up", body)
            _try(stack, "GET", "/")

    def listen() -> None:
        while not is_over.is_set():
            with suppress(Exception), Live(stack.door.port, reader.headers, tls=stack.door.client_tls()) as stream:
                for _ in stream:
                    if is_over.is_set():
                        return
            is_over.wait(1.0)

    threads = [threading.Thread(target=come_in), threading.Thread(target=listen, daemon=True)]
    for each in threads:
        each.start()
    try:
        with Load(stack.door.url, stack.door.ca, rate, clients=8, mix=Everything(reader, author, posts)):
            yield
    finally:
        is_over.set()
        threads[0].join()


def _try(stack: Stack, method: str, path: str, body: Body | None = None) -> None:
    with suppress(OSError, HTTPException, ValueError):  # away, or a page, which is no JSON
        stack.call(method, path, body)
