"""Which cluster is meant."""

from pathlib import Path

import pytest

from drills.kubernetes import kubectl


@pytest.mark.parametrize(
    ("answer", "runs"),
    [("exit 0", True), ("echo 'error: the cluster is not running' >&2; exit 1", False)],
)
def test_a_rig_runs_when_it_answers(answer: str, runs: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubectl, "RIG", tmp_path)
    assert not kubectl.rig_runs()
    program = tmp_path / "run"
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    assert kubectl.rig_runs() is runs
