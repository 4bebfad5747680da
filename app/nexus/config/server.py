"""gunicorn for the roles web and live: how many processes and threads, and how a replica leaves the farm unnoticed."""

import gc
import logging as stdlib_logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from socket import MSG_DONTWAIT, MSG_PEEK, socket
from typing import Any, Final

from django.conf import settings
from django.urls import get_resolver
from django.utils.module_loading import import_string
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker
from gunicorn.workers.gthread import TConn, ThreadWorker

from nexus.config import sentry, traces
from nexus.config.environment import Environment
from nexus.kernel.logging import log

# Longer than HAProxy keeps idle connections (its pool-purge-delay): it is always the proxy that closes one, and never
# the server just when a request is on its way.
KEEPALIVE_S: Final = 75
# HAProxy has the queue; here is room for what arrives while all threads are about to be free, and for probes.
BACKLOG: Final = 64
KEPT_MAX: Final = 262_144
STREAMS_MAX: Final = 10_000
_DRAIN_STEP_S: Final = 0.1
_PROBES: Final = (b"GET /livez", b"GET /readyz", b"GET /startupz")


class DrainingArbiter(Arbiter):  # type: ignore[misc]
    """On SIGTERM, /readyz says 404 for a while in which everything is served; then gunicorn's own graceful stop.

    A kernel that has accepted a connection for a listening socket resets it when the socket is closed, so nobody may be
    sending any more by then. gunicorn itself keeps idle connections open for two more seconds after that and answers a
    request on one with "Connection: close".
    """

    def __init__(self, app: "Server") -> None:
        self._seconds = app.environment.drain_seconds
        self._stop_at: float | None = None
        super().__init__(app)

    def handle_term(self) -> None:
        """The first SIGTERM begins; more of them change nothing. SIGINT and SIGQUIT stop at once."""
        if self._stop_at is None:
            from nexus.api import health

            health.begin_draining()
            self._stop_at = time.monotonic() + self._seconds
            log.info("draining", seconds=self._seconds)

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """While draining, the loop of the master goes on: a worker that dies meanwhile is replaced."""
        if self._stop_at is None:
            signals: list[int] = super().wait_for_signals(timeout)
            return signals
        if time.monotonic() >= self._stop_at:
            raise StopIteration
        return list(super().wait_for_signals(_DRAIN_STEP_S))


class ProbedWorker(ThreadWorker):  # type: ignore[misc]
    """gthread whose probes have a thread of their own: when all others wait for a slow database, it still answers them.

    Without it, HAProxy takes the whole farm away in just that moment. To know what a connection asks, it waits for the
    first bytes in the event loop instead of in a thread, which is also where a client belongs that sends nothing.
    """

    def init_process(self) -> None:
        """Starts the thread of the probes, and the one that keeps the status page's copy."""
        self._probes = ThreadPoolExecutor(max_workers=1, thread_name_prefix="probes")
        import_string("nexus.domain.status.history.COPY").stay_warm()
        super().init_process()

    def accept(self, listener: Any) -> None:
        """Waits for data in the loop; the rest is gunicorn's way with a connection that sends late."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        connection = TConn(self.cfg, client, address, listener.getsockname())
        connection.set_timeout()
        self.pending_conns.append(connection)
        self.poller.register(client, EVENT_READ, partial(self.on_pending_socket_readable, connection))

    def enqueue_req(self, conn: TConn) -> None:
        """A probe goes to its thread, everything else to the pool."""
        pool = self._probes if _is_probe(conn.sock) else self.tpool
        done = pool.submit(self.handle, conn)
        done.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))

    def handle_request(self, req: Any, conn: TConn) -> bool:
        """Sends each answer whole."""
        client, conn.sock = conn.sock, WholeAnswer(conn.sock)
        try:
            keeps_alive: bool = super().handle_request(req, conn)
            conn.sock.flush()
        finally:
            conn.sock = client
        return keeps_alive


class WholeAnswer:
    """A client's socket that is given headers and body with one call.

    gunicorn makes one call for each, and between them a busy process gives the interpreter to other threads for many
    milliseconds. Whoever kills it just then leaves half an answer, which no proxy can ask for again at another replica.
    """

    def __init__(self, client: socket) -> None:
        self._client = client
        self._kept = bytearray()

    def sendall(self, data: bytes) -> None:
        """Keeps it, up to a limit."""
        self._kept += data
        if len(self._kept) > KEPT_MAX:
            self.flush()

    def sendfile(self, *arguments: Any, **options: Any) -> int:
        """Goes on directly: a static file."""
        self.flush()
        return self._client.sendfile(*arguments, **options)

    def flush(self) -> None:
        """Sends what is kept."""
        if self._kept:
            data, self._kept = bytes(self._kept), bytearray()
            self._client.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def _is_probe(client: socket) -> bool:
    try:
        return client.recv(16, MSG_PEEK | MSG_DONTWAIT).startswith(_PROBES)
    except OSError:
        return False


class JsonLogger(Logger):  # type: ignore[misc]
    """gunicorn's lines go where ours go; its access log is off, because each request has a line of ours."""

    def setup(self, cfg: Any) -> None:
        """Leaves format and destination to the root logger."""
        self.error_log.propagate = True
        self.error_log.setLevel(stdlib_logging.NOTSET)
        self.access_log.disabled = True


def _leave(_arbiter: Arbiter, worker: Worker) -> None:
    """Ends a worker that has served at once: Python would take apart the whole application first, for seconds."""
    if worker.booted:
        traces.stop()
        sentry.flush()
        stdlib_logging.shutdown()
        os._exit(0)


def _give_locks_back_soon() -> None:
    """A process that is stopped in the middle of a request keeps its locks for a second, not for a worker's longest."""
    options = settings.DATABASES["default"]["OPTIONS"]
    options["options"] += " -c idle_in_transaction_session_timeout=1000"


class Server(BaseApplication):  # type: ignore[misc]
    """One replica of web or live."""

    def __init__(self, environment: Environment, role: str) -> None:
        self.environment = environment
        self.role = role
        super().__init__()

    def load_config(self) -> None:
        """Settings from our environment only; gunicorn's own files and variables are not looked at."""
        for name, value in {**self._common(), **(self._web() if self.role == "web" else self._live())}.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application."""
        sentry.start(self.environment, self.role)
        traces.start(self.environment, self.role)
        if self.role == "web":
            _give_locks_back_soon()
        application: Any = import_string(f"nexus.config.{'wsgi' if self.role == 'web' else 'asgi'}.application")
        # Django would look at the routes, and import all that they name, when the first request is there.
        len(get_resolver().url_patterns)
        # What is there now stays: no worker's collector walks over it, and so copies it, again.
        gc.collect()
        gc.freeze()
        return application

    def run(self) -> None:
        """Serves until a signal says otherwise."""
        DrainingArbiter(self).run()

    def _common(self) -> dict[str, Any]:
        return {
            "bind": self.environment.bind,
            "backlog": BACKLOG,
            # Loaded once, then forked: a worker that was killed is back in a moment, the copies share memory, the
            # socket listens only when the application is there, and a fault in it stops the start with its traceback.
            # No thread and no connection is made on import.
            "preload_app": True,
            "graceful_timeout": self.environment.graceful_timeout,
            "timeout": 30,
            "max_requests": 0,
            "logger_class": JsonLogger,
            "loglevel": self.environment.log_level,
            # In a container /tmp may be a disk, and a heartbeat that waits for a disk is a dead worker.
            "worker_tmp_dir": "/dev/shm",  # noqa: S108
            # It would need a home directory to write to, and a thread in the process that forks.
            "control_socket_disable": True,
            "worker_exit": _leave,
            # X-Forwarded-* is Django's business (NEXUS_TRUSTED_PROXY_COUNT); nobody sets SCRIPT_NAME by a header.
            "forwarded_allow_ips": "",
        }

    def _web(self) -> dict[str, Any]:
        return {
            "worker_class": ProbedWorker,
            "workers": self.environment.web_workers,
            "threads": self.environment.web_threads,
            "keepalive": KEEPALIVE_S,
        }

    def _live(self) -> dict[str, Any]:
        return {
            "worker_class": "gunicorn.workers.gasgi.ASGIWorker",
            "workers": 1,
            "worker_connections": STREAMS_MAX,
            # A stream is a connection: nothing is gained by keeping one, and no idle one is closed while it is used.
            "keepalive": 0,
            "asgi_lifespan": "off",
            "asgi_disconnect_grace_period": 1,
        }
