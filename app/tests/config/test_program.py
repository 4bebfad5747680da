"""`python -m nexus.config`: what it says when it cannot start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.processes import APP


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "nexus.config", *arguments],
        env={**os.environ, "PYTHONPATH": str(APP), **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).strip()


@pytest.mark.parametrize("arguments", [(), ("proxy",), ("web", "live")])
def test_a_wrong_role_is_answered_with_the_right_ones(arguments: tuple[str, ...]) -> None:
    assert run(*arguments) == (1, "usage: python -m nexus.config web|live|worker|relay|migrate|fencer|meter")


@pytest.mark.parametrize("role", ["web", "live", "worker", "relay", "migrate", "fencer"])
def test_a_bad_variable_ends_every_role_with_a_sentence(role: str) -> None:
    assert run(role, NEXUS_WEB_THREADS="many") == (
        1,
        'nexus: NEXUS_WEB_THREADS: "many" must be a whole number from 1 to 64. It means: Threads of one web process.',
    )


def test_a_state_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    status, said = run("web", NEXUS_METRICS_BIND="127.0.0.1:1", NEXUS_STATE_DIRECTORY=str(file / "state"))
    assert status == 1
    assert said.startswith(f"nexus: {file}/state/web-")
    assert said.endswith("cannot be made (Not a directory): set NEXUS_STATE_DIRECTORY to a folder of mine.")


@pytest.mark.parametrize("role", ["worker", "relay"])
def test_work_needs_a_broker(role: str) -> None:
    assert run(role, NEXUS_REDIS_URL="", NEXUS_BROKER_URL="") == (
        1,
        f"nexus: the role {role} needs a broker: set NEXUS_BROKER_URL or NEXUS_REDIS_URL.",
    )


def test_the_fencer_is_off_until_all_of_it_is_set() -> None:
    assert run("fencer", NEXUS_FENCER_SCOPE="nexus", NEXUS_FENCER_ETCD="127.0.0.1:2379") == (
        1,
        "nexus: the role fencer is off: set NEXUS_FENCER_COMMAND, NEXUS_FENCER_NAME.",
    )
