"""The servers of a test run: there for every process of it, apart from every other run, gone with it."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.ports import is_free
from local.state import ROOT
from local.tests.command import environment

SETTINGS = "[pytest]\naddopts = -p local.pytest_services -p no:django -p no:cacheprovider\n"
TEST = """
import os, time
import psycopg2, pytest, redis

@pytest.mark.parametrize("number", range(4))
def test_both_answer(number):
    psycopg2.connect(os.environ["NEXUS_DATABASE_URL"]).close()
    redis.Redis.from_url(os.environ["NEXUS_REDIS_URL"]).ping()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    with open("seen", "a") as seen:
        print(worker, *(os.environ[f"NEXUS_{name}_URL"] for name in ("DATABASE", "REDIS", "BROKER")), file=seen)
    time.sleep(float(os.environ.get("SLEEP", "0.2")))
"""


def start(folder: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    folder.mkdir()
    (folder / "pytest.ini").write_text(SETTINGS)
    (folder / "test_both.py").write_text(TEST)
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", *arguments],
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT), **variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def seen(folder: Path) -> list[list[str]]:
    return [line.split() for line in (folder / "seen").read_text().splitlines()]


def ports(folder: Path) -> set[int]:
    return {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", (folder / "seen").read_text())}


def test_one_process_alone_has_both_and_leaves_nothing(tmp_path: Path) -> None:
    run = start(tmp_path / "run")
    output = run.communicate(timeout=120)[0]
    assert run.returncode == 0, output
    assert len(ports(tmp_path / "run")) == 2
    assert all(is_free(port) for port in ports(tmp_path / "run"))


def test_workers_share_the_servers_and_no_redis_database(tmp_path: Path) -> None:
    run = start(tmp_path / "run", "-n", "2")
    output = run.communicate(timeout=120)[0]
    assert run.returncode == 0, output
    rows = seen(tmp_path / "run")
    assert len({database for _, database, _, _ in rows}) == 1
    numbers = {worker: (cache[-1], broker[-1]) for worker, _, cache, broker in rows}
    assert numbers.items() <= {"gw0": ("0", "1"), "gw1": ("2", "3")}.items()


def test_two_runs_side_by_side_have_nothing_in_common(tmp_path: Path) -> None:
    runs = [start(tmp_path / name) for name in ("one", "two")]
    outputs = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert not ports(tmp_path / "one") & ports(tmp_path / "two")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_servers_end_with_a_run_that_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    run = start(tmp_path / "run", SLEEP="60")
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / "seen").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    run.send_signal(number)
    run.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while not all(is_free(port) for port in ports(tmp_path / "run")):
        assert time.monotonic() < deadline, "a server outlived its run"
        time.sleep(0.1)
