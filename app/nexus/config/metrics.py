"""/metrics of a role: a small process of its own, so that no server thread is alive in a process that forks."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from nexus.config import ended
from nexus.config.environment import Environment
from nexus.config.state import seconds_since_life
from nexus.kernel.logging import log

# Worker and relay show life each few seconds; a stop of the whole process is seen by that too.
LIFE_S: Final = 30.0
NAME: Final = "nexus-metrics"  # in lists of processes
_PARENT_CHECK_S: Final = 0.5


def start(environment: Environment, role: str, directory: Path) -> None:
    """Serves the metrics that this process and its children write into `directory` for as long as this process lives.

    Called before anything else is imported: what forks here is small and has no threads.
    """
    parent = os.getpid()
    if os.fork() != 0:
        return
    status = 1
    try:
        _serve(environment, role, directory, parent)
        status = 0
    except BaseException:
        log.exception("metrics_failed")
    finally:
        os._exit(status)


class _Build(Collector):
    """Which release this is."""

    def __init__(self, environment: Environment, role: str) -> None:
        self._labels = {"release": environment.release, "environment": environment.environment, "role": role}

    def collect(self) -> Iterator[Metric]:
        """One sample, always 1."""
        build = GaugeMetricFamily("nexus_build_info", "The release that runs", labels=list(self._labels))
        build.add_metric(list(self._labels.values()), 1)
        yield build


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A scrape each few seconds is nothing to tell."""


def _application(environment: Environment, role: str, directory: Path) -> Callable[..., Iterable[bytes]]:
    registry = CollectorRegistry()
    registry.register(_Build(environment, role))
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]
    metrics = make_wsgi_app(registry)
    one_at_a_time = threading.Lock()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/metrics":
            with one_at_a_time:
                ended.gather(directory)  # nobody who is killed does it for himself
                scraped: Iterable[bytes] = metrics(environ, start_response)
            return scraped
        # web and live are asked themselves; worker and relay have no other ear.
        if environ["PATH_INFO"] == "/livez" and role in ("worker", "relay", "fencer", "meter"):
            is_alive = seconds_since_life(directory) < LIFE_S
            start_response("200 OK" if is_alive else "503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"alive\n" if is_alive else b"its loop does not turn\n"]
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"not found\n"]

    return application


def _serve(environment: Environment, role: str, directory: Path, parent: int) -> None:
    # Both come to the whole group of processes, and metrics are wanted to the end.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Path("/proc/self/comm").write_text(NAME)
    application = _application(environment, role, directory)
    is_listening = False
    while os.getppid() == parent:
        is_listening = is_listening or _listen(environment.metrics_bind, application)
        time.sleep(_PARENT_CHECK_S)


def _listen(bind: str, application: Callable[..., Iterable[bytes]]) -> bool:
    """Serves in a thread; False when the port is taken, for instance by the run before this one, which just ends."""
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server_class = type("_FamilyServer", (_Server,), {"address_family": family})
    try:
        server: Any = make_server(host, int(port), application, server_class=server_class, handler_class=_Handler)
    except OSError as error:
        log.warning("metrics_port_taken", bind=bind, error=error.strerror)
        return False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return True
