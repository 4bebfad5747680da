"""What cannot work says so in one sentence that tells what to do, and leaves nothing running."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.ports import free_port
from local.postgres import Postgres
from local.state import ROOT
from local.tests.command import Command, environment, left_behind


def test_a_port_that_is_taken_is_named_with_who_has_it_and_how_to_choose_another(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = Command("run", folder, NEXUS_PROXY_HTTPS_PORT=port)
        name = Path("/proc/self/comm").read_text().strip()
        assert run.sentence() == (
            f"Port {port} is taken ({name}, process {os.getpid()}); stop that, or choose another one: "
            "NEXUS_PROXY_HTTPS_PORT=9443 make run"
        )
    assert left_behind(folder) == []


def test_a_port_that_is_no_port_is_refused(folder: Path) -> None:
    run = Command("run", folder, NEXUS_PROXY_HTTP_PORT="http")
    assert run.sentence() == ("NEXUS_PROXY_HTTP_PORT=http is no port; choose one from 1 to 65535, for example 8080.")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    apart = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk")
    small = tmp_path / "small"
    small.mkdir()
    script = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$1" -m local run'
    done = subprocess.run(
        [*apart, "sh", "-c", script, small, sys.executable],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=ROOT,
        env=environment(NEXUS_LOCAL_STATE=str(small / "state")),
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.sub(r" [01] MB", " 0 MB", done.stderr.strip()) == (
        f"The disk is full: {small}/state has 0 MB left and Nexus needs 500; make room, or name a folder on another "
        "disk: NEXUS_LOCAL_STATE=/path make run"
    )
    assert left_behind(small / "state") == []


def test_a_folder_that_may_not_be_written_is_named_with_its_owner() -> None:
    # Nobody, root included, makes a folder there.
    done = subprocess.run(
        [sys.executable, "-m", "local", "run"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=ROOT,
        env=environment(NEXUS_LOCAL_STATE="/sys/nexus"),
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip().startswith("No permission to write /sys/nexus; /sys belongs to root: run the command as")
    assert "Traceback" not in done.stderr


def test_a_postgres_that_refuses_to_start_is_quoted(folder: Path, doors: dict[str, str]) -> None:
    postgres = Postgres(folder, free_port(), throwaway=False)
    postgres.prepare()
    (postgres.data / "global" / "pg_control").unlink()
    run = Command("run", folder, **doors)
    sentence = run.sentence()
    assert sentence.startswith("postgres refuses to start: ")
    assert "pg_control" in sentence or "control file" in sentence
    assert sentence.endswith(f"(all of it: {folder}/logs/postgres.log)")
    assert left_behind(folder) == []


def test_settings_that_cannot_be_read_are_named(folder: Path, doors: dict[str, str]) -> None:
    folder.mkdir()
    (folder / "settings.json").write_text("{")
    run = Command("run", folder, **doors)
    assert run.sentence().startswith(f"{folder}/settings.json is damaged (")
    assert run.sentence().endswith("`make reset` makes everything anew.")


def test_an_old_python_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" != -V ] || { echo Python 3.9.2; exit 0; }\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["local/python"], cwd=ROOT, env=environment(PYTHON=str(old)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"Nexus needs Python 3.11 or newer and {old} is 3.9.2; name another: make PYTHON=/path/to/python3.11 ...\n"
    )


def test_without_apt_the_missing_packages_are_named(tmp_path: Path) -> None:
    (tmp_path / "id").symlink_to("/usr/bin/id")
    done = subprocess.run(
        # A Python without venv is what is missing; the PATH has no apt-get.
        ["/bin/bash", "local/packages", "run"],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "PYTHON": "/bin/false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Missing: ")
    assert "python3-venv" in done.stderr
    assert "this is no Debian" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_who_may_not_install_is_told_what_to_type(tmp_path: Path) -> None:
    script = (ROOT / "local" / "packages").read_text()
    nobody = 65534
    done = subprocess.run(
        # As an ordinary user on a machine without sudo.
        ["/bin/bash", "-c", script.replace("command -v sudo", "command -v no-sudo-here"), "packages", "run"],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "PYTHON": "/bin/false"},
        capture_output=True,
        text=True,
        user=nobody if os.getuid() == 0 else None,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "Missing: python3-venv; as root, type: apt-get install --no-install-recommends python3-venv\n"
    )


def test_commands_without_a_run_say_how_to_start_one(folder: Path) -> None:
    folder.mkdir()
    for command in (["shell"], ["psql"], ["watch"], ["replica-kill", "2"]):
        assert Command(command[0], folder, *command[1:]).sentence() == (
            "Nexus does not run here; type `make run` in another terminal."
        )
    assert Command("logs", folder, "web").sentence() == ("There is no log of web; there are: none yet: type `make run`")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What local/python needs of one, with locks that cannot be installed."""
    (tmp_path / "local").mkdir()
    shutil.copy(ROOT / "local" / "python", tmp_path / "local")
    (tmp_path / "requirements.txt").write_text("no package has this name, with spaces\n")
    (tmp_path / "requirements-dev.txt").write_text("")
    return tmp_path


def install(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["local/python"], cwd=checkout, capture_output=True, text=True, check=False)


def test_packages_that_cannot_be_installed_are_not_taken_for_installed(checkout: Path) -> None:
    for _ in range(2):  # nor is the second try
        done = install(checkout)
        assert done.returncode == 1
        assert "could not be installed" in done.stderr
        assert not (checkout / ".venv" / ".made-of").exists()


def test_an_environment_of_another_checkout_is_not_emptied(checkout: Path) -> None:
    other = checkout / "other"
    other.mkdir()
    (other / "python").touch()
    (checkout / ".venv").symlink_to(other)
    done = install(checkout)
    assert done.returncode == 1
    assert "rm .venv" in done.stderr
    assert (other / "python").exists()
