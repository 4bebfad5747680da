"""One stack for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.stack.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything that `make run` starts; a test that breaks something mends it."""
    directory = tmp_path_factory.mktemp("stack")
    for folder in (directory, *directory.parents[:2]):
        folder.chmod(0o711)  # the user postgres goes through them when we are root
    with Stack(directory) as running:
        yield running
