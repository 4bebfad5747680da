"""Faults of what is only slow, full, worn out or wrong."""

import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg2

from drills.lab import disks
from drills.lab.inside import connect
from drills.lab.network import APPLICATIONS, DATABASES, PROXIES
from drills.lab.options import NotPossible
from drills.lab.places import POSTGRES
from drills.lab.process import Process, Program
from drills.lab.relay import LOOK_S
from drills.lab.template import APPLICATION, STRANGER
from local.state import ROOT

if TYPE_CHECKING:
    from drills.lab.lab import Lab

SKEWED: Final = Path(__file__).parent / "skewed"
ROAD: Final = 6432  # where the slow road to Postgres begins
TABLE: Final = "ip slow"
MOVED_S: Final = 10.0
_IDLE_ELSEWHERE: Final = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE usename = %s AND state = 'idle' AND client_addr <> inet_server_addr()
"""
_DIRECT: Final = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND client_addr <> inet_server_addr()"


class SlowRoad:
    """New connections of the proxies to Postgres take another road, on which every answer is late."""

    def __init__(self, lab: "Lab") -> None:
        self._lab = lab
        self._roads: list[Process] = []
        self._is_taken = False
        self._file = lab.folder / "delay"

    def open(self, ms: int) -> None:
        """Connections that are idle are closed, so that they are made anew on the slow road."""
        self._file.write_text(str(ms))
        if not self._roads:
            self._build()
        time.sleep(2 * LOOK_S)  # until every road knows it
        if not self._is_taken:
            self._redirect()
            self._is_taken = True
        self._move()

    def close(self) -> None:
        """Nothing is late any more; what is on the slow road may stay there for as long as it likes."""
        if self._is_taken:
            self._file.write_text("0")
            for node in DATABASES:
                self._lab.network.unfilter(node, TABLE)
            self._is_taken = False

    def _build(self) -> None:
        for node in DATABASES:
            address = self._lab.network.address(node)
            ends = (f"{address}:{ROAD}", f"{address}:{POSTGRES}", str(self._file))
            command = [sys.executable, "-m", "drills.lab.relay", *ends]
            road = self._lab.process(Program(f"relay@{node}", command, self._lab.folder))
            road.start()
            self._roads.append(road)
        self._wait_for_roads()

    def _redirect(self) -> None:
        proxies = ", ".join(self._lab.network.address(proxy) for proxy in PROXIES)
        for node in DATABASES:
            chain = "type nat hook prerouting priority dstnat"
            rule = f"ip saddr {{ {proxies} }} tcp dport {POSTGRES} redirect to :{ROAD}"
            self._lab.network.filter(node, f"table {TABLE} {{\nchain in {{\n{chain};\n{rule}\n}}\n}}\n")

    def _wait_for_roads(self) -> None:
        for road in self._roads:
            host, stop = road.program.host, time.monotonic() + MOVED_S
            trial = partial(connect, self._lab.network.address(host), ROAD, STRANGER)
            while time.monotonic() < stop:
                with suppress(psycopg2.Error):
                    self._lab.inside.run(host, trial).close()
                    break
                time.sleep(0.05)

    def _move(self) -> None:
        stop = time.monotonic() + MOVED_S
        while time.monotonic() < stop:
            left = 0
            for node in DATABASES:
                with suppress(psycopg2.Error):
                    self._lab.sql(node, _IDLE_ELSEWHERE, APPLICATION)
                    left += self._lab.sql(node, _DIRECT, APPLICATION)[0][0]
            if not left:
                return
            time.sleep(0.05)


class Wear:
    """One part of the faults."""

    def __init__(self, lab: "Lab") -> None:
        self._lab = lab
        self._road = SlowRoad(lab)
        self._strangers: list[psycopg2.extensions.connection] = []
        self._skewed: set[str] = set()

    def slow_database(self, ms: int) -> None:
        """Every answer of Postgres is late by so much; 0 ends it."""
        if ms and self._lab.is_reduced:
            raise NotPossible("Connections cannot take a slow road: the reduced laboratory has no network of its own.")
        if ms:
            self._road.open(ms)
        else:
            self._road.close()

    def exhaust_connections(self) -> None:
        """Somebody else takes every connection of the primary; `heal` ends it."""
        node = self._lab.primary()
        begin = partial(connect, self._lab.network.address(node), POSTGRES, STRANGER)
        with suppress(psycopg2.OperationalError):
            while True:
                self._strangers.append(self._lab.inside.run(node, begin))

    def fill_disk(self, node: str) -> None:
        """The disk with the data of a node's Postgres is full; `heal` ends it."""
        disks.fill(self._disk(node))

    def throttle_disk(self, node: str) -> None:
        """The disk with the data of a node's Postgres is slow; `heal` ends it."""
        pids = [pid for name in (f"patroni@{node}", f"postgres@{node}") for pid in self._lab.pids(name)]
        disks.throttle(self._lab.folder, self._disk(node), pids)

    def skew_clock(self, host: str, seconds: float) -> None:
        """The application on a host starts again with a clock that is wrong by so much; 0 ends it."""
        if host not in APPLICATIONS:
            raise NotPossible(f"The clock of {host} cannot be wrong: only the application's hosts can.")
        environment = {}
        if seconds:
            self._skewed.add(host)
            # Only the clock on the wall: gunicorn compares the times of files with the monotonic one.
            names = ("FAKETIME_DONT_FAKE_MONOTONIC", "DONT_FAKE_MONOTONIC", "NO_FAKE_STAT")
            environment = {
                "LD_PRELOAD": _faketime(),
                "FAKETIME": f"{seconds:+.0f}",
                "PYTHONPATH": os.pathsep.join([str(ROOT / "app"), str(SKEWED)]),
                **dict.fromkeys(names, "1"),
            }
        else:
            self._skewed.discard(host)
        roles = [name for name in self._lab.processes if name.endswith(f"@{host}")]
        with ThreadPoolExecutor(len(roles)) as threads:
            list(threads.map(self._lab.faults.drain_role, roles))
            list(threads.map(partial(self._lab.faults.restart_role, environment=environment), roles))

    def expire_certificate(self) -> None:
        """The proxies get a certificate that is over; `heal` ends it."""
        self._install("expired.pem")

    def mend(self) -> None:
        """Ends all of these."""
        self._road.close()
        while self._strangers:
            with suppress(psycopg2.Error):
                self._strangers.pop().close()
        disks.unthrottle(self._lab.folder)
        for node in DATABASES:
            disks.empty(self._disk(node))
        for host in sorted(self._skewed):
            self.skew_clock(host, 0)
        folder = self._lab.folder
        if (folder / "server.pem").read_bytes() != (folder / "good.pem").read_bytes():
            self._install("good.pem")

    def _install(self, name: str) -> None:
        shutil.copyfile(self._lab.folder / name, self._lab.folder / "server.pem")
        self._lab.faults.reload_proxy()

    def _disk(self, node: str) -> Path:
        return self._lab.places.postgres(node).parent


def _faketime() -> str:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise NotPossible("A clock cannot be wrong here: libfaketime is not installed (apt-get install faketime).")
    return str(found[0])
