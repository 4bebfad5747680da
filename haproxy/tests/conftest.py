"""What the tests of the door share: a certificate, replicas that die on demand, and HAProxy in front of them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from haproxy.tests.door import Door, wait_until
from haproxy.tests.replica import Replica
from local.certificates import Certificate
from local.certificates import certificate as make_certificate

OpenDoor = Callable[..., Door]


@dataclass
class Farm:
    """Three replicas behind a door, and the folder where they leave one file per effect."""

    door: Door
    replicas: list[Replica]
    effects: Path

    def keys(self) -> set[str]:
        """The keys of the effects that happened."""
        return {path.name for path in self.effects.iterdir()}

    @contextmanager
    def primary_away(self) -> Iterator[None]:
        """Writes wait in their threads meanwhile."""
        away = self.effects.with_name("primary-away")
        away.touch()
        try:
            yield
        finally:
            away.unlink()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """One for the whole run."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def make_door(certificate: Certificate) -> Iterator[OpenDoor]:
    """A door with the given servers and variables; its folder, with a path short enough for sockets, goes with it."""
    with ExitStack() as folders:

        def make(**arguments: Any) -> Door:
            folder = folders.enter_context(TemporaryDirectory(prefix="door-"))
            return Door(Path(folder), certificate, **arguments)

        yield make


@pytest.fixture
def open_door(make_door: OpenDoor) -> Iterator[OpenDoor]:
    """Makes doors and starts them; they are closed with the test."""
    with ExitStack() as doors:

        def start(**arguments: Any) -> Door:
            return doors.enter_context(make_door(**arguments))

        yield start


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[list[Replica]]:
    """Three that share their effects."""
    effects = tmp_path / "effects"
    effects.mkdir()
    with ExitStack() as stack:
        farm = [Replica(tmp_path / f"replica-{number}", effects) for number in (1, 2, 3)]
        yield [stack.enter_context(replica) for replica in farm]


@pytest.fixture
def make_farm(replicas: list[Replica], open_door: OpenDoor) -> Callable[..., Farm]:
    """A door in front of the three replicas, all of them seen as up."""

    def make(**arguments: Any) -> Farm:
        door = open_door(web=[replica.address for replica in replicas], **arguments)
        servers = ("web", "writes")
        wait_until(lambda: {state for name in servers for state in door.states(name).values()} == {"UP"}, "replicas up")
        return Farm(door, replicas, replicas[0].effects)

    return make
