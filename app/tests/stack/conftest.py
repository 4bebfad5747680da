"""One stack for all tests of this folder."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.collector import Collector
from tests.stack.stack import Stack


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Gets the spans of traces that a test wants to be recorded; nobody else's."""
    with Collector() as running:
        yield running


@pytest.fixture(scope="session")
def stack(collector: Collector) -> Iterator[Stack]:
    """Everything that `make run` starts; a test that breaks something mends it."""
    # Not pytest's folder: each new run of pytest closes that for others, and as root Postgres is another user.
    with tempfile.TemporaryDirectory(prefix="nexus-stack-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        traced = {"NEXUS_TRACES_ENDPOINT": collector.endpoint, "NEXUS_TRACES_SHARE": "0"}
        with Stack(directory, variables=traced) as running:
            yield running
