"""A primary that is to go asks Patroni for a switchover first; nobody is kept by one who cannot."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from helm.tests.charts import render
from local.ports import free_port
from local.state import ROOT

SCRIPT = ROOT / "helm" / "nexus-data" / "files" / "handover.py"
Asked = list[tuple[str, object]]


@contextmanager
def patroni(*, is_primary: bool, switches: bool = True) -> Iterator[tuple[str, Asked]]:
    """Its two answers that matter here; all else is `make e2e-full`, which drains nodes."""
    asked: Asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, None))
            self._answer(200 if is_primary else 503)

        def do_POST(self) -> None:
            asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self._answer(200 if switches else 412)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def hand_over(url: str) -> int:
    environment = {"PATRONI_URL": url, "PATRONI_NAME": "nexus-data-postgres-1"}
    return subprocess.run([sys.executable, str(SCRIPT)], env=environment, timeout=60, check=False).returncode


@pytest.mark.parametrize("switches", [True, False])
def test_a_primary_hands_over(switches: bool) -> None:
    with patroni(is_primary=True, switches=switches) as (url, asked):
        assert hand_over(url) == 0
    assert asked == [("/primary", None), ("/switchover", {"leader": "nexus-data-postgres-1"})]


def test_a_standby_has_nothing_to_hand_over() -> None:
    with patroni(is_primary=False) as (url, asked):
        assert hand_over(url) == 0
    assert asked == [("/primary", None)]


def test_nobody_is_kept_by_a_patroni_that_is_away() -> None:
    assert hand_over(f"http://127.0.0.1:{free_port()}") == 0


def test_kubernetes_runs_it_before_it_stops_a_pod() -> None:
    objects = {(each["kind"], each["metadata"]["name"]): each for each in render("nexus-data", {})}
    (container,) = objects["StatefulSet", "nexus-data-postgres"]["spec"]["template"]["spec"]["containers"]
    command = container["lifecycle"]["preStop"]["exec"]["command"]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert command == ["python3", f"{mounts['configuration']}/handover.py"]
    assert "handover.py" in objects["ConfigMap", "nexus-data-postgres"]["data"]
