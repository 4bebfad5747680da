"""One stack for all tests of this folder."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector import Collector
from tests.sentry_server import Received
from tests.stack.stack import Stack


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Gets the spans of traces that a test wants to be recorded; nobody else's."""
    with Collector() as running:
        yield running


@pytest.fixture(scope="session")
def sentry() -> Iterator[Received]:
    """Gets every error of the stack."""
    with Received() as running:
        yield running


@pytest.fixture(scope="session")
def stack(collector: Collector, sentry: Received) -> Iterator[Stack]:
    """Everything that `make run` starts; a test that breaks something mends it."""
    # Not pytest's folder: each new run of pytest closes that for others, and as root Postgres is another user.
    with tempfile.TemporaryDirectory(prefix="nexus-stack-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        watched = {
            "NEXUS_TRACES_ENDPOINT": collector.endpoint,
            "NEXUS_TRACES_SHARE": "0",
            "NEXUS_SENTRY_DSN": sentry.dsn,
        }
        with Stack(directory, variables=watched) as running:
            yield running
