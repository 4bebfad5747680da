"""What a drill needs of the thing that it breaks; the laboratory has it, any other target may."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from drills.faults import Faults


class Cluster(Protocol):
    """Nexus with all that it stands on, reachable where the clients are."""

    @property
    def url(self) -> str:
        """Where clients arrive, without a path."""

    @property
    def ca(self) -> Path:
        """Whom clients trust."""

    @property
    def is_reduced(self) -> bool:
        """Whether only processes can be broken, and no network."""

    @property
    def versions(self) -> dict[str, str]:
        """Of every part."""

    @property
    def client(self) -> Sequence[str]:
        """The prefix of a command that runs where the clients are."""

    @property
    def faults(self) -> Faults:
        """What can be broken."""

    def log_lines(self, since: float) -> list[tuple[float, str, str]]:
        """Wall-clock time, process, line."""

    def wait_until_healthy(self, seconds: float = 60.0) -> float:
        """Until everything is as it was at the beginning; how long that took."""

    def primary(self) -> str:
        """The node whose Postgres takes writes."""

    def standbys(self) -> list[str]:
        """The others."""

    def sql(self, node: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """One statement on the node's own Postgres."""

    def writable_primaries(self) -> list[str]:
        """The nodes whose Postgres takes writes at this moment; more than one is a split brain."""
