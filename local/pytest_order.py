"""The pytest plugin that spreads a whole run over the cores: a file is one piece of work, long stories begin first."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Each shares one expensive stack among its tests; together they are most of the time of a run.
# (xdist's own marks for this, --dist loadgroup, have no effect in xdist 3.8 under pytest 9.2.)
STORIES = ("app/tests/stack/", "local/tests/test_run.py")
FIRST = (*STORIES, "drills/tests/test_drills.py", "haproxy/tests/")


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """The tests of a file, and those of a long story's folder, are done by one process."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((story for story in STORIES if file.startswith(story)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Begins with what comes first, not with the file that has the most tests."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long stories first; the others stay in their order."""
    items.sort(key=lambda item: _place(item.nodeid))


def _place(nodeid: str) -> int:
    return next((number for number, prefix in enumerate(FIRST) if nodeid.startswith(prefix)), len(FIRST))
