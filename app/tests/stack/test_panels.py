"""No panel is empty: every query of every dashboard, asked of a real Prometheus that has scraped the running whole."""

from contextlib import suppress
from pathlib import Path

import pytest

from haproxy.tests.door import wait_until
from local.failure import Failure
from monitoring.questions import empty, queries, values
from monitoring.used import used
from monitoring.watched import watching
from tests.stack.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

PATIENCE_S = 120.0


def test_no_panel_is_empty(stack: Stack, tmp_path: Path) -> None:
    with watching(stack, tmp_path) as prometheus, used(stack):
        ask_for, left = values(f"http://{prometheus.address}"), queries("run")
        assert len(left) > 50

        def is_all_there() -> bool:
            left[:] = empty(ask_for, left)
            return not left

        with suppress(Failure, AssertionError):  # what is missing says more
            wait_until(is_all_there, "data in every panel", PATIENCE_S)
        assert left == []
