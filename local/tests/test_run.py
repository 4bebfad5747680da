"""`make run` from the first start to the last process: what a visitor does, and what breaks."""

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from haproxy.tests.door import wait_until
from local import processes
from local.ports import free_port, is_free
from local.stack import ROLES, WATCHERS
from local.state import ROOT
from local.tests.command import READY, Command, left_behind, remove
from monitoring.questions import ask


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    return {"NEXUS_PROXY_HTTPS_PORT": str(free_port()), "NEXUS_PROXY_HTTP_PORT": str(free_port())}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("run") / "state"
    yield folder
    remove(folder)


@pytest.fixture(scope="module")
def run(place: Path, ports: dict[str, str]) -> Iterator[Command]:
    """One that is up, for all tests that leave it so."""
    command = Command("run", place, **ports)
    try:
        command.wait_for(READY)
        yield command
    finally:
        command.end()


def test_the_greeting_has_everything_and_its_call_works_when_pasted(run: Command) -> None:
    for words in ("/api/v1/docs/", "/api/v1/redoc/", "/graphql", "/admin/", "alice", "bob", "operator", "make logs"):
        assert words in run.output
    assert timelines(run)


def test_watch_scrapes_every_role_and_ends_with_all_that_it_started(run: Command) -> None:
    watch = Command("watch", run.folder)
    try:
        watch.wait_for(READY.partition(",")[0])
        (address,) = re.findall(r"metrics +(http://\S+)/targets", watch.output)

        def health() -> list[tuple[str, str]]:
            targets = ask(address, "targets")["activeTargets"]
            return sorted((each["labels"].get("replica", each["labels"]["job"]), each["health"]) for each in targets)

        names = sorted([*ROLES, "proxy", "node", "postgres", "redis"])
        wait_until(lambda: health() == [(name, "up") for name in names], "all targets up", 120.0)

        def firing() -> list[str]:
            alerts = ask(address, "alerts")["alerts"]
            return [each["labels"]["alertname"] for each in alerts if each["state"] == "firing"]

        wait_until(lambda: firing() == ["NexusWatchdog"], "the rules evaluated", 60.0)
    finally:
        assert watch.end() == 0
    started = [int(port) for port in re.findall(r"on 127\.0\.0\.1:(\d+)", watch.output)]
    assert len(started) == len(WATCHERS)
    assert all(is_free(port) for port in started)
    assert timelines(run)


def test_a_second_run_here_is_refused_and_disturbs_nothing(run: Command, ports: dict[str, str]) -> None:
    second = Command("run", run.folder, **ports)
    assert second.sentence() == (f"Nexus already runs from here (process {run.process.pid}); `make stop` ends it.")
    assert timelines(run)


def test_a_killed_replica_comes_back_and_nobody_notices(run: Command) -> None:
    killing = Command("replica-kill", run.folder, "2")
    answers: list[str] = []
    while "web-2 had died and was started again" not in run.output or len(answers) < 20:
        answers.append(timelines(run))
        assert len(answers) < 400, run.output
    assert all(answers)
    assert killing.wait() == 0
    assert killing.output.startswith("Killed web-2 (process ")


def test_every_role_that_dies_is_started_again(run: Command) -> None:
    for name in ("worker-1", "relay-2", "live-1", "redis", "proxy"):
        os.kill(pid_of(run.folder, name), signal.SIGKILL)
        run.wait_for(f"{name} had died and was started again", seconds=60)
    wait_until_it_answers(run)


def test_the_secrets_are_readable_by_their_owner_only(run: Command) -> None:
    assert (run.folder.stat().st_mode & 0o777) == 0o700
    for name in ("settings.json", "supervisord.conf", "tls/server.pem"):
        assert (run.folder / name).stat().st_mode & 0o077 == 0


def test_the_database_and_the_logs_are_at_hand(run: Command) -> None:
    logs = Command("logs", run.folder, "relay")
    logs.wait_for("relay_started")
    assert logs.end(signal.SIGTERM) == -signal.SIGTERM


def test_ctrl_c_ends_everything_and_the_next_start_keeps_data_and_secrets(run: Command, ports: dict[str, str]) -> None:
    before, settings = timelines(run), (run.folder / "settings.json").read_text()
    assert run.end(signal.SIGINT) == 0
    assert left_behind(run.folder, seconds=0) == []
    assert all(is_free(int(port)) for port in ports.values())

    again = Command("run", run.folder, **ports)
    try:
        again.wait_for(READY)
        assert timelines(again) == before
        assert (run.folder / "settings.json").read_text() == settings
    finally:
        assert again.end(signal.SIGHUP) == 0  # its terminal is closed
    assert left_behind(run.folder, seconds=0) == []


def test_after_kill_9_the_next_start_ends_the_remains_and_goes_on(place: Path, ports: dict[str, str]) -> None:
    first = Command("run", place, **ports)
    first.wait_for(READY)
    supervisor = int((place / "supervisord.pid").read_text())
    os.kill(first.process.pid, signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)
    first.wait()
    # One that does not listen to the kernel's SIGTERM either, as a hung one would.
    deaf = subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM INT; while :; do sleep 0.1; done"], env=processes.mark(place)
    )

    second = Command("run", place, **ports)
    try:
        second.wait_for(READY)
        assert "processes that an earlier run left behind" in second.output
        assert deaf.wait(5) == -signal.SIGKILL
        assert timelines(second)
    finally:
        assert Command("stop", place).wait() == 0
    assert second.wait() == 0
    assert left_behind(place, seconds=0) == []
    assert Command("stop", place).wait() == 0  # nothing to do, and no error


def test_when_the_supervisor_alone_is_killed_everything_ends_with_a_sentence(
    place: Path, ports: dict[str, str]
) -> None:
    run = Command("run", place, **ports)
    run.wait_for("Migrating the database")
    run.wait_for("Loading the demo community")
    os.kill(int((place / "supervisord.pid").read_text()), signal.SIGKILL)
    assert "supervisord" in run.sentence()
    assert left_behind(place, seconds=0) == []


def test_ctrl_c_during_the_start_ends_everything(place: Path, ports: dict[str, str]) -> None:
    run = Command("run", place, **ports)
    run.wait_for("PostgreSQL on")
    assert run.end(signal.SIGINT) == 0
    assert left_behind(place, seconds=0) == []


def timelines(run: Command) -> str:
    """What the printed call answers; fails as curl does."""
    line = next(line for line in run.output.splitlines() if "curl " in line)
    words = shlex.split(line[line.index("curl ") :])
    done = subprocess.run(
        [words[0], "-sS", "--fail", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"items":[{' in done.stdout
    return done.stdout


def wait_until_it_answers(run: Command) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            timelines(run)
            return
        except AssertionError:
            assert time.monotonic() < deadline, "it does not answer any more"
            time.sleep(0.2)


def pid_of(folder: Path, name: str) -> int:
    """The process that the supervisor's log says it started last under the name."""
    lines = (folder / "logs" / "supervisord.log").read_text().splitlines()
    return [int(line.rpartition(" ")[2]) for line in lines if f"spawned: '{name}' with pid" in line][-1]
