"""The roles web and live as processes: probes, draining, killed workers, metrics."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.ports import free_port
from local.role import APP
from nexus.config.server import WholeAnswer
from tests.config.processes import Role, eventually

pytestmark = pytest.mark.django_db(transaction=True)

INSTANCE = "/api/v1/instance"


class Replica(Role):
    """A role that listens."""

    def __init__(self, role: str, directory: Path, **environment: str) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        super().__init__(
            role,
            directory,
            {
                "NEXUS_BIND": f"127.0.0.1:{self.port}",
                "NEXUS_METRICS_BIND": f"127.0.0.1:{self.metrics_port}",
                "NEXUS_DRAIN_SECONDS": "1",
                **environment,
            },
        )

    def ask(self, path: str, port: int | None = None, timeout: float = 5) -> tuple[int, str]:
        """Status and body; status 0 when there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        """The sum of a metric's samples, by the start of its line."""
        _, text = self.ask("/metrics", self.metrics_port)
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))

    def ready(self) -> "Replica":
        """Itself, when it serves."""
        eventually(lambda: self.ask("/readyz")[0] == 200, "ready", role=self)
        return self


Make = Callable[..., Replica]


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Make]:
    made: list[Replica] = []

    def make(role: str, **environment: str) -> Replica:
        started = Replica(role, tmp_path, **environment)
        made.append(started)
        started.start()
        return started.ready()

    yield make
    for each in made:
        if each.is_running:
            each.kill()


@pytest.mark.parametrize("role", ["web", "live"])
def test_probes_answer_each_its_own_question(replica: Make, role: str) -> None:
    one = replica(role)
    assert one.ask("/livez") == (200, "Alive(): OK\n")
    assert one.ask("/readyz") == (200, "Serving(): OK\n")
    assert one.ask("/startupz") == (200, "Migrated(): OK\n")
    assert one.ask("/metrics")[0] == 404
    assert one.metric("nexus_build_info") == 1


@pytest.mark.parametrize("role", ["web", "live"])
def test_without_postgres_and_redis_a_replica_lives_and_is_ready_and_has_not_started(replica: Make, role: str) -> None:
    nobody = free_port()
    one = replica(
        role,
        NEXUS_DATABASE_URL=f"postgres://nexus:nexus@127.0.0.1:{nobody}/nexus",
        NEXUS_REDIS_URL=f"redis://127.0.0.1:{nobody}/0",
    )
    assert one.ask("/livez")[0] == 200
    assert one.ask("/readyz")[0] == 200
    assert one.ask("/startupz") == (503, "Migrated(): Unavailable: the database cannot be asked\n")


def test_a_replica_that_stops_says_so_first_and_fails_no_request(replica: Make) -> None:
    web = replica("web")
    answers: list[int] = []
    failures: list[BaseException] = []
    is_over = threading.Event()

    def use(keeps_connection: bool) -> None:
        """A proxy that has not seen the probe yet."""
        connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=5)
        while not is_over.is_set():
            try:
                connection.request("GET", INSTANCE)
                response = connection.getresponse()
                response.read()
                answers.append(response.status)
            except (OSError, http.client.HTTPException) as error:
                failures.append(error)
                return
            if not keeps_connection:
                connection.close()

    clients = [threading.Thread(target=use, args=(number % 2 == 0,)) for number in range(6)]
    for client in clients:
        client.start()
    eventually(lambda: len(answers) > 50, "traffic")
    web.terminate()
    eventually(lambda: web.ask("/readyz") == (404, "Serving(): Unavailable: draining\n"), "it says that it drains", 0.5)
    assert web.ask("/livez")[0] == 200
    served_before = len(answers)
    time.sleep(0.5)  # HAProxy asks each 500 ms, and 100 ms after what is unusual
    is_over.set()
    for client in clients:
        client.join()
    assert len(answers) > served_before
    assert failures == []
    assert set(answers) == {200}
    assert web.wait(timeout=10) == 0


def test_a_request_on_an_idle_connection_of_a_stopping_worker_is_answered(replica: Make) -> None:
    web = replica("web", NEXUS_DRAIN_SECONDS="0")
    idle = http.client.HTTPConnection("127.0.0.1", web.port, timeout=5)
    idle.request("GET", INSTANCE)
    idle.getresponse().read()
    web.terminate()
    eventually(lambda: web.has_logged("draining"), "it stops", role=web)
    time.sleep(0.5)
    idle.request("GET", INSTANCE)
    response = idle.getresponse()
    assert (response.status, response.getheader("Connection")) == (200, "close")


def test_a_web_process_that_stands_still_in_a_transaction_keeps_its_locks_for_a_second() -> None:
    code = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "nexus.config.settings"
from nexus.config.environment import load
from nexus.config.server import Server
Server(load(os.environ), "web").load()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SHOW idle_in_transaction_session_timeout")
    print(cursor.fetchone()[0])
"""
    shown = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(APP)}, capture_output=True, text=True
    )
    assert shown.stdout.splitlines()[-1] == "1s", shown.stderr


def test_a_running_request_is_finished_before_the_end(replica: Make) -> None:
    web = replica("web", NEXUS_DRAIN_SECONDS="0")
    with socket.create_connection(("127.0.0.1", web.port), timeout=10) as client:
        client.sendall(
            b"POST /api/v1/identity/refresh-tokens HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        )
        time.sleep(0.3)
        web.terminate()
        time.sleep(1)
        client.sendall(b"{}")
        assert re.match(rb"HTTP/1.1 4\d\d ", client.recv(65536))
    assert web.wait(timeout=10) == 0


def test_probes_are_answered_when_every_thread_waits(replica: Make) -> None:
    web = replica("web", NEXUS_WEB_WORKERS="1", NEXUS_WEB_THREADS="2")
    waiting = [socket.create_connection(("127.0.0.1", web.port), timeout=10) for _ in range(6)]
    for client in waiting:
        client.sendall(
            b"POST /api/v1/identity/log-in HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        )
    time.sleep(0.5)
    # The control: a request that is no probe finds no thread.
    assert web.ask(INSTANCE, timeout=1)[0] == 0
    started = time.perf_counter()
    assert [web.ask(path, timeout=1)[0] for path in ("/livez", "/readyz", "/startupz")] == [200, 200, 200]
    assert time.perf_counter() - started < 1
    for client in waiting:
        client.close()
    eventually(lambda: web.ask(INSTANCE)[0] == 200, "threads are free again", role=web)


def test_connections_that_send_nothing_hold_no_thread(replica: Make) -> None:
    web = replica("web", NEXUS_WEB_WORKERS="1", NEXUS_WEB_THREADS="2")
    silent = [socket.create_connection(("127.0.0.1", web.port), timeout=10) for _ in range(20)]
    started = time.perf_counter()
    assert web.ask(INSTANCE)[0] == 200
    assert time.perf_counter() - started < 1
    for client in silent:
        client.close()


def test_a_killed_worker_is_replaced_at_once_and_its_gauges_are_gone(replica: Make) -> None:
    web = replica("web", NEXUS_WEB_WORKERS="2")
    eventually(lambda: len(_listening(web)) == 2, "two workers", role=web)
    for _ in range(20):
        assert web.ask(INSTANCE)[0] == 200
    assert web.metric('nexus_requests_total{door="rest",status="200"}') == 20
    workers = _listening(web)
    with socket.create_connection(("127.0.0.1", web.port), timeout=10) as client:
        client.sendall(b"POST /api/v1/identity/log-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n")
        eventually(lambda: web.metric("nexus_requests_in_flight") == 1, "a request is in flight", role=web)
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        # Within the time that HAProxy gives to a request that finds nobody.
        eventually(lambda: web.ask(INSTANCE)[0] == 200, "it serves again", timeout=2, role=web)
        eventually(lambda: web.metric("nexus_requests_in_flight") == 0, "nothing is in flight", timeout=5, role=web)
        assert web.metric('nexus_requests_total{door="rest",status="200"}') == 21


def _listening(web: Replica) -> list[int]:
    """Children that are gunicorn's workers: they have its socket, the one of the metrics has not."""
    found = []
    for pid in web.children():
        links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
        sockets = {match[1] for match in (re.match(r"socket:\[(\d+)\]", each) for each in links) if match}
        inode = _inode_of(web.port)
        if inode in sockets:
            found.append(pid)
    return found


def _inode_of(port: int) -> str:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{port:04X}") and fields[3] == "0A":
            return fields[9]
    return ""


def test_the_metrics_process_ends_with_its_role_and_leaves_nothing(replica: Make, tmp_path: Path) -> None:
    web = replica("web")
    child = next(pid for pid in web.children() if pid not in _listening(web))
    os.kill(web.pid, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{child}/cmdline").exists() or not _cmdline(child), "the child ends", timeout=5)
    assert [each.name for each in (tmp_path / "state").iterdir()] == [f"web-{web.pid}"]
    web.wait()
    again = replica("web")
    assert [each.name for each in (tmp_path / "state").iterdir()] == [f"web-{again.pid}"]


def _cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_an_answer_is_sent_whole_with_one_call() -> None:
    ours, theirs = socket.socketpair()
    answer = WholeAnswer(ours)
    theirs.setblocking(False)
    answer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    with pytest.raises(BlockingIOError):
        theirs.recv(100)
    answer.sendall(b"body")
    answer.flush()
    assert theirs.recv(100) == b"HTTP/1.1 200 OK\r\n\r\nbody"
    answer.sendall(b"head:")
    with tempfile.TemporaryFile() as file:
        file.write(b"a static file")
        file.flush()
        # As gunicorn calls it.
        assert answer.sendfile(file, offset=2, count=6) == 6
    assert theirs.recv(100) == b"head:static"
    assert answer.fileno() == ours.fileno()
    ours.close()
    theirs.close()
