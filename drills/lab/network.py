"""The network between the hosts: a namespace for each on one bridge, or, reduced, addresses of the loopback."""

import ctypes
import fcntl
import hashlib
import os
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from drills.lab.options import NotPossible
from local.binaries import binary
from local.failure import Failure

DATABASES: Final = ("db1", "db2", "db3")
PROXIES: Final = ("lb1", "lb2")
APPLICATIONS: Final = ("app1", "app2")
FLOATING: Final = "floating"
NUMBERS: Final = {
    FLOATING: 20,
    **{host: 11 + number for number, host in enumerate(DATABASES)},
    **{host: 21 + number for number, host in enumerate(PROXIES)},
    **{host: 31 + number for number, host in enumerate(APPLICATIONS)},
    "client": 50,
}
HOSTS: Final = tuple(host for host in NUMBERS if host != FLOATING)
NAMESPACES: Final = Path("/run/netns")
_CLONE_NEWNET: Final = 0x40000000
_SWITCH: Final = "switch"  # where the bridge is


class Network(ABC):
    """Where each host is, and how something is run there."""

    subnet: str

    def address(self, host: str) -> str:
        """The host's address; that of `floating` moves between the proxies."""
        return f"{self.subnet}.{NUMBERS[host]}"

    @abstractmethod
    def up(self) -> None:
        """Makes it."""

    @abstractmethod
    def down(self) -> None:
        """Removes what there is of it; nothing that runs in it may be left."""

    @abstractmethod
    def prefix(self, host: str) -> list[str]:
        """What is put before a command to run it on the host."""

    @abstractmethod
    def enter(self, host: str) -> None:
        """Moves the calling thread, for good, to the host."""

    @abstractmethod
    def link(self, host: str, *, is_up: bool) -> None:
        """The host's cable."""

    @abstractmethod
    def filter(self, host: str, rules: str) -> None:
        """Adds rules of nftables on the host."""

    @abstractmethod
    def unfilter(self, host: str, table: str) -> None:
        """Removes a table of them, if it is there."""


class Namespaces(Network):
    """Each host has a kernel's network of its own. Nobody else sees it, so all laboratories have the same addresses."""

    subnet = "10.88.0"

    def __init__(self, folder: Path) -> None:
        self._id = f"nexus-{hashlib.sha256(bytes(folder)).hexdigest()[:6]}"

    def name(self, host: str) -> str:
        """The namespace of a host."""
        return f"{self._id}-{host}"

    def names(self) -> list[str]:
        """Those that are there."""
        found = NAMESPACES.iterdir() if NAMESPACES.exists() else []
        return sorted(path.name for path in found if path.name.startswith(f"{self._id}-"))

    def up(self) -> None:
        """Namespaces first, then a cable from each to the bridge."""
        every, switch = [self.name(host) for host in HOSTS], self.name(_SWITCH)
        _ip([], [f"netns add {name}" for name in [switch, *every]])
        cables = [f"link add eth0 netns {self.name(host)} type veth peer name {host} netns {switch}" for host in HOSTS]
        _ip([], [f"link add bridge netns {switch} type bridge forward_delay 0 mcast_snooping 0", *cables])
        ports = [f"link set {host} master bridge up" for host in HOSTS]
        _ip(["-n", switch], ["link set lo up", "link set bridge up", *ports])
        for host in HOSTS:
            lines = ["link set lo up", f"addr add {self.address(host)}/24 dev eth0", "link set eth0 up"]
            _ip(["-n", self.name(host)], lines)

    def down(self) -> None:
        """The cables and rules go with the namespaces."""
        if names := self.names():
            _ip(["-force"], [f"netns delete {name}" for name in names])

    def prefix(self, host: str) -> list[str]:
        """nsenter becomes the command, so that signals and the death of its parent reach it."""
        return ["nsenter", f"--net={NAMESPACES / self.name(host)}", "--"]

    def enter(self, host: str) -> None:
        """By setns: a network belongs to a thread, not to a process."""
        with (NAMESPACES / self.name(host)).open() as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                raise Failure(f"The namespace of {host} cannot be entered: {os.strerror(ctypes.get_errno())}.")

    def link(self, host: str, *, is_up: bool) -> None:
        """At the bridge's end: the host itself still believes in its cable."""
        _ip(["-n", self.name(_SWITCH)], [f"link set {host} {'up' if is_up else 'down'}"])

    def filter(self, host: str, rules: str) -> None:
        """A whole script, at once or not at all."""
        _run([*self.prefix(host), str(binary("nft")), "-f", "-"], rules)

    def unfilter(self, host: str, table: str) -> None:
        """Adding it first makes removing it possible in any case."""
        if self.name(host) in self.names():
            self.filter(host, f"add table {table}\ndelete table {table}\n")


class Loopback(Network):
    """Addresses of 127.88.0.0/16, one network of them for each laboratory of this machine; nothing can be cut."""

    def __init__(self) -> None:
        self._reservation: IO[str] | None = None
        self.subnet = "127.88.0"

    def up(self) -> None:
        """Takes a network that no other laboratory has."""
        folder = Path(tempfile.gettempdir()) / f"nexus-labs-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        for number in range(256):
            reservation = (folder / str(number)).open("a")
            try:
                fcntl.flock(reservation, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                reservation.close()
                continue
            self._reservation, self.subnet = reservation, f"127.88.{number}"
            return
        raise Failure("256 laboratories run on this machine; end some of them.")

    def down(self) -> None:
        """Another one may have it."""
        if self._reservation is not None:
            self._reservation.close()
            self._reservation = None

    def prefix(self, host: str) -> list[str]:
        """Every host is this one."""
        return []

    def enter(self, host: str) -> None:
        """Nothing to do."""

    def link(self, host: str, *, is_up: bool) -> None:
        """There is no cable."""
        raise NotPossible(
            f"The cable of {host} cannot be pulled in the reduced laboratory: it has no network of its own."
        )

    def filter(self, host: str, rules: str) -> None:
        """Nor a filter."""
        raise NotPossible(
            f"Packets of {host} cannot be dropped in the reduced laboratory: it has no network of its own."
        )

    def unfilter(self, host: str, table: str) -> None:
        """There are none."""


def are_namespaces_permitted() -> bool:
    """Whether we may make namespaces here: that takes root, and in a container CAP_SYS_ADMIN and CAP_NET_ADMIN."""
    if os.getuid() != 0:
        return False
    name = f"nexus-trial-{os.getpid()}"
    try:
        _ip([], [f"netns add {name}", f"link add trial netns {name} type bridge", f"netns delete {name}"])
    except Failure:
        return False
    return True


def _ip(options: Sequence[str], lines: Sequence[str]) -> None:
    _run([str(binary("ip")), *options, "-batch", "-"], "\n".join(lines) + "\n")


def _run(command: Sequence[str], text: str) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
