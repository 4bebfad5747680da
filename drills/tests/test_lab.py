"""The laboratory itself: it comes up whole, breaks what it is told to, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg2
import pytest

from drills.lab import leftovers
from drills.lab.health import answers_https
from drills.lab.inside import rows
from drills.lab.lab import Lab, NotPossible
from drills.lab.network import DATABASES, Namespaces, are_namespaces_permitted
from local.failure import Failure
from local.ports import free_port
from local.state import ROOT

pytestmark = pytest.mark.slow
needs_network = pytest.mark.skipif(not are_namespaces_permitted(), reason="needs network namespaces")

HEALED_S = 120.0


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Not pytest's own: as root, Postgres is another user and must get through."""
    with tempfile.TemporaryDirectory(prefix="nexus-lab-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def lab(folder: Path) -> Iterator[Lab]:
    with Lab(folder / "lab") as lab:
        yield lab


@pytest.fixture
def healed(lab: Lab) -> Iterator[Lab]:
    yield lab
    lab.faults.heal()
    lab.wait_until_healthy(HEALED_S)


def test_one_node_takes_writes_and_the_door_answers(lab: Lab) -> None:
    assert lab.writable_primaries() == [lab.primary()]
    assert sorted([lab.primary(), *lab.standbys()]) == list(DATABASES)
    assert lab.inside.run("client", partial(answers_https, lab.url, lab.ca))
    assert not any("unknown" in number for name, number in lab.versions.items() if name != "nexus")


def test_a_primary_that_is_killed_has_a_successor(healed: Lab) -> None:
    before = healed.primary()
    healed.faults.kill(f"postgres@{before}")
    _eventually(lambda: healed.writable_primaries() not in ([], [before]))
    healed.faults.heal()
    healed.wait_until_healthy(HEALED_S)
    assert len(healed.writable_primaries()) == 1


def test_what_is_stopped_is_silent_until_it_goes_on(healed: Lab) -> None:
    process = healed.processes["web@app1"].program
    healed.faults.stop("web@app1")
    assert not healed.inside.run("app1", process.is_ready)
    healed.faults.cont("web@app1")
    _eventually(lambda: healed.inside.run("app1", process.is_ready))


def test_a_log_line_has_a_time_and_a_name(healed: Lab) -> None:
    before = time.time()
    healed.faults.drain_role("relay@app1")
    healed.faults.restart_role("relay@app1")
    _eventually(lambda: any(name == "relay@app1" and at >= before for at, name, _ in healed.log_lines(before)))


@needs_network
def test_a_cut_can_be_in_one_direction_only(healed: Lab) -> None:
    healed.faults.cut("db1", ["app1"], incoming_only=True)
    assert _hears(healed, "app1", of="db1")
    assert not _hears(healed, "db1", of="app1")
    assert _hears(healed, "db1", of="app2")
    healed.faults.heal()
    assert _hears(healed, "db1", of="app1")


@needs_network
def test_a_lost_node_says_nothing_and_comes_back_with_its_data(healed: Lab) -> None:
    standby = healed.standbys()[0]
    healed.faults.lose_node(standby)
    assert leftovers.processes(healed.folder, standby) == []
    with pytest.raises(psycopg2.OperationalError):
        healed.sql(standby, "SELECT 1")
    healed.faults.restore_node(standby)
    healed.wait_until_healthy(HEALED_S)


@needs_network
def test_a_slow_database_answers_late_as_often_as_it_is_slow(healed: Lab) -> None:
    address = (healed.network.address("floating"), 5432, "application")
    for _ in range(2):
        healed.faults.slow_database(300)
        late = _seconds(healed, *address)
        assert late > 0.9  # a connection takes several answers
        healed.faults.slow_database(0)
        assert min(_seconds(healed, *address) for _ in range(5)) < late / 2


@needs_network
def test_a_full_disk_takes_nothing_more(healed: Lab) -> None:
    primary = healed.primary()
    healed.sql(primary, "CREATE TABLE filled (text text)")
    try:
        healed.faults.fill_disk(primary)
    except NotPossible as error:
        pytest.skip(str(error))
    with pytest.raises(psycopg2.Error, match="No space left"):
        healed.sql(primary, "INSERT INTO filled SELECT repeat(md5(n::text), 200) FROM generate_series(1, 20000) n")


def test_the_reduced_laboratory_says_what_it_cannot_do(folder: Path) -> None:
    with Lab(folder / "reduced", reduced=True) as lab:
        assert lab.is_reduced
        assert lab.client == []
        assert lab.inside.run("client", partial(answers_https, lab.url, lab.ca))
        with pytest.raises(NotPossible, match="reduced"):
            lab.faults.lose_node("db1")
        with pytest.raises(NotPossible, match="reduced"):
            lab.faults.cut("db1", ["db2"])
    assert not (folder / "reduced").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_it_ends_in_the_middle(folder: Path, number: signal.Signals) -> None:
    place = folder / f"ended-by-{number.name}"
    program = (
        "import signal, sys; from pathlib import Path; from drills.lab.lab import Lab;"
        "signal.signal(signal.SIGINT, signal.default_int_handler); Lab(Path(sys.argv[1])).__enter__()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(place)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "app")])},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _eventually(lambda: any(_works_as(pid, "postgres") for pid in leftovers.processes(place)))
    process.send_signal(number)
    process.wait()
    _eventually(lambda: not place.exists())
    assert leftovers.processes(place) == []
    assert leftovers.mounts(place) == []
    assert Namespaces(place).names() == []
    assert not leftovers.data_folder(place).exists()


def test_a_folder_has_one_laboratory(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drills.lab.janitor.PATIENCE_S", 0.2)
    with pytest.raises(Failure, match="runs in"), Lab(lab.folder):
        pass
    assert lab.writable_primaries() == [lab.primary()]


def _eventually(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    stop = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < stop
        time.sleep(0.1)


def _hears(lab: Lab, host: str, *, of: str) -> bool:
    """Whether a packet gets from one host to the other."""
    address, port = lab.network.address(host), free_port()

    def listen() -> socket.socket:
        ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ear.bind((address, port))
        ear.settimeout(1)
        return ear

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
            mouth.sendto(b"hello", (address, port))

    with lab.inside.run(host, listen) as ear:
        lab.inside.run(of, send)
        try:
            return ear.recv(5) == b"hello"
        except TimeoutError:
            return False


def _seconds(lab: Lab, address: str, port: int, user: str) -> float:
    begun = time.monotonic()
    lab.inside.run("client", partial(rows, address, port, user, "SELECT 1"))
    return time.monotonic() - begun


def _works_as(pid: int, name: str) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == name
    except OSError:
        return False
