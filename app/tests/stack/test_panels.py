"""No panel is empty: every query of every dashboard, asked of a real Prometheus that has scraped the running whole."""

import json
import threading
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from haproxy.tests.door import wait_until
from local.failure import Failure
from local.ports import free_port
from local.prometheus import Watcher, configuration
from local.role import Role
from monitoring.panels import DASHBOARDS
from tests.stack.sse import Live
from tests.stack.stack import PASSWORD, Stack

pytestmark = pytest.mark.xdist_group("stack")

QUERIES = [
    (f"{board.name}: {panel.title}", expression.replace("[R]", "[1m]"))
    for board in DASHBOARDS
    for _, panels in board.rows
    for panel in panels
    if "run" in panel.places
    for expression, _ in panel.queries
]
PATIENCE_S = 120.0


def asked(prometheus: Watcher, query: str) -> list[object]:
    address = f"http://{prometheus.address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(address, timeout=10) as answer:
        found: list[object] = json.loads(answer.read())["data"]["result"]
    # A histogram without observations has a quantile that is no number.
    return [each for each in found if each["value"][1] != "NaN"]  # type: ignore[index]


@contextmanager
def watching(stack: Stack, folder: Path) -> Iterator[Watcher]:
    """Prometheus with the rules, on every role of the stack."""
    roles: list[Role] = [*stack.webs, stack.live, stack.worker, *stack.relays, stack.meter]
    addresses = [(role.role, urllib.parse.urlsplit(role.metrics).netloc) for role in roles]
    addresses.append(("proxy", f"127.0.0.1:{stack.door.metrics_port}"))
    targets = folder / "targets.json"
    targets.write_text(json.dumps([{"targets": [address], "labels": {"role": role}} for role, address in addresses]))
    settings = folder / "prometheus.json"
    settings.write_text(json.dumps(configuration(targets, {}, "127.0.0.1:1")))
    options = [f"--config.file={settings}", f"--storage.tsdb.path={folder / 'data'}"]
    with Watcher("prometheus", folder, free_port(), options, "/-/ready", {}) as running:
        yield running


@contextmanager
def used(stack: Stack) -> Iterator[None]:
    """Somebody does everything, again and again."""
    somebody = [stack.sign_up(f"{name}_{uuid.uuid4().hex[:8]}") for name in ("reader", "author")]
    reader, author = somebody
    stack.call("PUT", f"/api/v1/users/{author.id}/follow", None, reader.headers)
    is_over = threading.Event()

    def use() -> None:
        while not is_over.is_set():
            key = {**author.headers, "Idempotency-Key": str(uuid.uuid4())}
            stack.call("POST", "/api/v1/posts", {"text": f"hello @{reader.handle}"}, key)
            stack.call("POST", "/api/v1/identity/log-in", {"login": reader.handle, "password": PASSWORD})
            stack.sign_up(f"new_{uuid.uuid4().hex[:8]}")
            for path in ("/api/v1/timelines/home", "/api/v1/timelines/public", "/"):
                with suppress(ValueError):  # a page is no JSON
                    stack.call("GET", path, None, reader.headers)
            stack.call("POST", "/graphql", {"query": "{ instance { name } }"}, reader.headers)
            is_over.wait(0.5)

    def listen() -> None:
        with Live(stack.door.port, reader.headers, tls=stack.door.client_tls()) as stream:
            for _ in stream:
                if is_over.is_set():
                    return

    threads = [threading.Thread(target=use), threading.Thread(target=listen, daemon=True)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        is_over.set()
        threads[0].join()


def test_no_panel_is_empty(stack: Stack, tmp_path: Path) -> None:
    with watching(stack, tmp_path) as prometheus, used(stack):
        left = list(QUERIES)

        def is_all_there() -> bool:
            left[:] = [(title, query) for title, query in left if not asked(prometheus, query)]
            return not left

        with suppress(Failure):
            wait_until(is_all_there, "data in every panel", PATIENCE_S)
        assert left == []
