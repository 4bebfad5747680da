"""A folder for the state of one test, and what is in it removed afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.ports import free_port
from local.tests.command import remove


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a run keeps its state."""
    yield tmp_path / "state"
    remove(tmp_path / "state")


@pytest.fixture
def doors() -> dict[str, str]:
    """Free ports for what people know by 8443 and 8080."""
    return {"NEXUS_PROXY_HTTPS_PORT": str(free_port()), "NEXUS_PROXY_HTTP_PORT": str(free_port())}
