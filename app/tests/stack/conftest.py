"""One stack for all tests of this folder."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Everything that `make run` starts; a test that breaks something mends it."""
    # Not pytest's folder: each new run of pytest closes that for others, and as root Postgres is another user.
    with tempfile.TemporaryDirectory(prefix="nexus-stack-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        with Stack(directory) as running:
            yield running
