"""`with Lab(folder) as lab:` Nexus with three database nodes, two proxies and two hosts of the application."""

import base64
import json
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psycopg2

from drills.lab import disks, leftovers
from drills.lab.environment import role_variables
from drills.lab.faults import LabFaults
from drills.lab.health import Health
from drills.lab.inside import Inside, ask, rows
from drills.lab.janitor import Janitor
from drills.lab.journal import Journal
from drills.lab.network import DATABASES, FLOATING, Loopback, Namespaces, Network, are_namespaces_permitted
from drills.lab.options import NotPossible, Options
from drills.lab.patroni import patroni_settings
from drills.lab.places import ETCD, HTTPS, POSTGRES, Places
from drills.lab.process import Process, Program, Starter
from drills.lab.programs import database_programs, proxy_programs, role_programs
from drills.lab.template import SUPERUSER, copy
from drills.lab.versions import versions
from local.certificates import Authority
from local.failure import Failure

__all__ = ["Lab", "NotPossible", "Options"]

UP_S: Final = 120.0
POLL_S: Final = 0.1
# A commit there would be confirmed; where it would not be, there is no write, whatever the node takes itself for.
_IS_WRITABLE: Final = """
SELECT NOT pg_is_in_recovery() AND (
  current_setting('synchronous_standby_names') = ''
  OR EXISTS (SELECT 1 FROM pg_stat_replication
             WHERE sync_state IN ('sync', 'quorum') AND reply_time > clock_timestamp() - interval '3 seconds'))
"""


class Lab:
    """A context manager; what it makes is gone afterwards, whatever happens."""

    faults: LabFaults

    def __init__(self, folder: Path, options: Options | None = None, *, reduced: bool | None = None) -> None:
        self.folder = folder.resolve()
        self.options = options or Options()
        self.is_reduced = not are_namespaces_permitted() if reduced is None else reduced
        if not self.is_reduced and not are_namespaces_permitted():
            raise NotPossible("Network namespaces are not permitted here: that takes root and its capabilities.")
        self.network: Network = Loopback() if self.is_reduced else Namespaces(self.folder)
        self.versions = versions()
        self.processes: dict[str, Process] = {}

    @property
    def url(self) -> str:
        """Where clients arrive."""
        return f"https://{self.network.address(FLOATING)}:{HTTPS}"

    @property
    def ca(self) -> Path:
        """Whom clients trust."""
        return self.folder / "ca.pem"

    @property
    def client(self) -> Sequence[str]:
        """The prefix of a command that runs where the clients are."""
        return self.network.prefix("client")

    def __enter__(self) -> Self:
        self._janitor = Janitor(self.folder)
        try:
            leftovers.clean(self.folder)
            self._start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _start(self) -> None:
        self.network.up()
        data, user = leftovers.data_folder(self.folder), leftovers.database_user()
        self.places = Places(self.folder, data, user, self.network, self.options)
        self.inside, self._starter = Inside(self.network), Starter()
        self.journal = Journal(self.folder / "logs")
        self.journal.start()
        self._certify()
        self._make_disks()
        # Those that the others wait for come first: two cores are not many for thirty programs that start.
        programs = [
            *database_programs(self.places),
            *proxy_programs(self.places, self.folder / "server.pem"),
            *role_programs(self.places, role_variables(self.places)),
        ]
        self.processes = {program.name: self.process(program) for program in programs}
        self.health = Health(self.network, self.inside, self.processes, self.options, self.ca)
        self.faults = LabFaults(self)
        for name, process in self.processes.items():
            if name == f"patroni@{DATABASES[0]}":
                self._fill()
            process.start()
        self.wait_until_healthy(UP_S)

    def process(self, program: Program) -> Process:
        """The program on its host, not started."""
        log = self.journal.folder / f"{program.name}.log"
        return Process(program, self.network.prefix(program.host), log, self._starter)

    def _certify(self) -> None:
        """Two certificates: the good one, and one that is over."""
        authority, addresses = Authority(), [self.network.address(FLOATING)]
        self.ca.write_bytes(authority.pem)
        (self.folder / "expired.pem").write_bytes(authority.server(addresses, -timedelta(minutes=1)))
        (self.folder / "good.pem").write_bytes(authority.server(addresses))
        (self.folder / "server.pem").write_bytes((self.folder / "good.pem").read_bytes())

    def _make_disks(self) -> None:
        (self.places.data / "disks").mkdir(parents=True)
        for folder in (self.places.data, self.places.data / "disks"):
            folder.chmod(0o711)
        for node in DATABASES:
            place = self.places.postgres(node).parent
            place.mkdir(mode=0o700)
            if not self.is_reduced:
                disks.make(self.folder / f"{node}.img", place)
            if self.places.user:
                shutil.chown(place, self.places.user, self.places.user)

    def _fill(self) -> None:
        """Gives each node the database, and Patroni what its first start would take from its file, were there none."""
        for node in DATABASES:
            copy(self.places.postgres(node), self.places.user)
        settings = json.dumps(patroni_settings(self.options)).encode()
        pair = {"key": b"/service/nexus/config", "value": settings}
        body = {name: base64.b64encode(value).decode() for name, value in pair.items()}
        etcd = partial(ask, self.network.address(DATABASES[0]), ETCD, "POST", "/v3/kv/put", body)
        stop = time.monotonic() + UP_S
        while time.monotonic() < stop:
            with suppress(OSError):
                if self.inside.run(DATABASES[0], etcd)[0] == 200:
                    return
            time.sleep(POLL_S)
        raise Failure(f"etcd does not answer. {self.said('etcd@db1')}")

    def wait_until_healthy(self, seconds: float = 60.0) -> float:
        """Until everything is as it was at the beginning; how long that took. A Failure says what is missing."""
        begun = time.monotonic()
        while missing := self.health.what_is_missing():
            if time.monotonic() - begun > seconds:
                what, name = missing
                raise Failure(f"Not so within {seconds:.0f} s: {what}. {self.said(name)}")
            time.sleep(POLL_S)
        return time.monotonic() - begun

    def said(self, name: str) -> str:
        """What a process said last, as a sentence."""
        return f"{name} said at last: {' | '.join(self.journal.last(name)) or 'nothing'}"

    def log_lines(self, since: float) -> list[tuple[float, str, str]]:
        """Wall-clock time, process, line."""
        return self.journal.since(since)

    def primary(self) -> str:
        """The node whose Postgres takes writes."""
        leaders = [each["name"] for each in self.health.members() if each["role"] == "leader"]
        if not leaders:
            raise Failure("There is no primary at this moment.")
        return str(leaders[0])

    def standbys(self) -> list[str]:
        """The others."""
        primary = self.primary()
        return [node for node in DATABASES if node != primary]

    def sql(self, node: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """One statement on the node's own Postgres, asked on that node: no cut of the network is in the way."""
        question = partial(rows, self.network.address(node), POSTGRES, SUPERUSER, statement, *parameters)
        return self.inside.run(node, question)

    def writable_primaries(self) -> list[str]:
        """The nodes whose Postgres takes writes at this moment; more than one is a split brain."""
        addresses = {node: self.network.address(node) for node in DATABASES}
        asked = {
            node: self.inside.submit(node, partial(rows, address, POSTGRES, SUPERUSER, _IS_WRITABLE))
            for node, address in addresses.items()
        }
        found = []
        for node, answer in asked.items():
            with suppress(psycopg2.Error):
                if answer.result() == [(True,)]:
                    found.append(node)
        return found

    def pids(self, name: str) -> list[int]:
        """The processes of a program, its first one first. Postgres is Patroni's child, in a session of its own."""
        if name.startswith("postgres@"):
            file = self.places.postgres(name.partition("@")[2]) / "postmaster.pid"
            first = int(file.read_text().split()[0]) if file.exists() else None
        else:
            first = self.processes[name].pid
        return [] if first is None else [first, *leftovers.descendants(first)]

    def kill_host(self, host: str) -> None:
        """kill -9 of everything that runs on the host."""
        leftovers.kill(self.folder, host)
        for process in self.processes.values():
            if process.program.host == host:
                process.kill()

    def _close(self) -> None:
        """Everything at once and with -9: there is nothing that would be worth an orderly end."""
        for name in ("journal", "inside"):
            if part := self.__dict__.get(name):
                part.close()
        leftovers.kill(self.folder)
        for process in self.processes.values():
            process.kill()
        if starter := self.__dict__.get("_starter"):
            starter.close()
        leftovers.clean(self.folder)
        self.network.down()
        self._janitor.close()
