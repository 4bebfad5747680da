"""The pytest plugin that gives a test run its own PostgreSQL and Redis (`-p local.pytest_services`).

The process that the person started (xdist's controller, or pytest itself) starts both once, in a temporary directory on
free ports, and tells where they are by environment variables before Django reads its settings. xdist's workers inherit
them: each has its own Redis databases here and, from pytest-django, its own Postgres database.
"""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from types import FrameType

import pytest

from local.failure import Failure
from local.ports import free_port
from local.postgres import Postgres
from local.redis import Redis
from local.server import Server
from local.test_environment import clean, variables

WORKER = os.environ.get("PYTEST_XDIST_WORKER")

_servers: list[Server] = []
_directory: Path | None = None


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None, object, object]:
    """Runs around every plugin's own implementation, and so before pytest-django reads the settings."""
    if WORKER:
        _use_redis_databases_of(int(WORKER.removeprefix("gw")))
    elif not {"-h", "--help", "-V", "--version"} & set(sys.argv):
        try:
            _start()
        except Failure as failure:
            _stop()
            raise pytest.UsageError(str(failure)) from failure
    return (yield)


def pytest_unconfigure() -> None:
    """Ends the servers with the run, after Ctrl-C too."""
    _stop()


def _start() -> None:
    global _directory
    signal.signal(signal.SIGTERM, _end)
    # A shell starts what it puts into the background deaf to SIGINT, and so would be every server stopped by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _directory = Path(tempfile.mkdtemp(prefix="nexus-tests-"))
    _directory.chmod(0o711)  # the user postgres goes through it when we are root
    postgres = Postgres(_directory, free_port())
    redis = Redis(_directory, free_port())
    for server in (postgres, redis):
        _servers.append(server)
        server.start()
    for folder in ("static", "roles", "mail"):
        (_directory / folder).mkdir()
    _export(postgres, redis, _directory)


def _stop() -> None:
    while _servers:
        server = _servers.pop()
        server.stop()
        if isinstance(server, Postgres):
            server.remove()
    if _directory is not None:
        shutil.rmtree(_directory, ignore_errors=True)


def _end(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends a run as Ctrl-C does, so that nothing stays behind."""
    raise KeyboardInterrupt


def _export(postgres: Postgres, redis: Redis, directory: Path) -> None:
    kept = clean()
    os.environ.clear()
    os.environ |= kept
    os.environ |= variables(directory, postgres.url, redis.database_url(0), redis.database_url(1))


def _use_redis_databases_of(worker: int) -> None:
    server = os.environ["NEXUS_REDIS_URL"].rpartition("/")[0]
    os.environ["NEXUS_REDIS_URL"] = f"{server}/{2 * worker}"
    os.environ["NEXUS_BROKER_URL"] = f"{server}/{2 * worker + 1}"
