"""Five promises and two controls, in one laboratory. Only counts turn red here: the machine may be busy."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills.__main__ import Labs
from drills.controls import CONTROLS
from drills.play import play
from drills.scenario import all_scenarios

pytestmark = pytest.mark.slow

SCENARIOS = {each.name: each for each in all_scenarios()}
PROMISES = ("app-worker-killed", "app-replica-silent", "primary-switchover", "primary-killed", "redis-master-killed")
SHORT_CONTROLS = {each.name: each for each in CONTROLS if each.name in ("keys-off", "failsafe-off")}


@pytest.fixture(scope="module")
def labs() -> Iterator[Labs]:
    """Closed at the end, whatever happened."""
    # Not pytest's folder: as root, Postgres is another user and must get through.
    with tempfile.TemporaryDirectory(prefix="nexus-drills-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        found = Labs(folder / "lab")
        yield found
        found.close()


@pytest.mark.parametrize("name", PROMISES)
def test_a_promise_holds(labs: Labs, name: str, tmp_path: Path) -> None:
    with labs.with_options(SCENARIOS[name].options) as lab:
        result = play(SCENARIOS[name], lab, tmp_path, judges_time=False)
    assert result.broken == []


@pytest.mark.parametrize("name", sorted(SHORT_CONTROLS))
def test_a_control_turns_red(labs: Labs, name: str, tmp_path: Path) -> None:
    control = SHORT_CONTROLS[name]
    with labs.with_options(control.scenario.options) as lab:
        result = play(control.scenario, lab, tmp_path)
    assert control.seen(result), result.broken
