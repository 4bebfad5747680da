"""The routes to Postgres: to the primary and to replicas, wherever they are, and never to a node of another role."""

import re
import select
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from haproxy.tests.conftest import OpenDoor
from haproxy.tests.door import CONFIGURATION, Door, wait_until
from haproxy.tests.patroni import Node
from local.failure import Failure
from local.ports import free_port
from local.postgres import NAME

HOSTS = ["127.0.0.2", "127.0.0.3"]
Fault = Callable[[Node], None]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """Two servers with the roles that each test gives them."""
    patroni_port = free_port()
    with ExitStack() as stack:
        yield [
            stack.enter_context(Node(tmp_path_factory.mktemp("postgres"), host, free_port(), patroni_port))
            for host in HOSTS
        ]


@dataclass
class Routes:
    """A door with both routes; the first node is the primary."""

    door: Door
    nodes: list[Node]
    ports: dict[str, int]

    def connect(self, role: str = "primary") -> Connection:
        """A session with whoever has that role."""
        found = psycopg2.connect(
            host="127.0.0.1", port=self.ports[role], user=NAME, password=NAME, dbname=NAME, connect_timeout=5
        )
        found.autocommit = True
        return found

    def leads_to(self, role: str) -> Node | None:
        """The node that a new connection reaches; None when it reaches nobody."""
        try:
            with closing(self.connect(role)) as session:
                return node_of(session, self.nodes)
        except psycopg2.OperationalError:
            return None


@pytest.fixture
def make_routes(nodes: list[Node], open_door: OpenDoor) -> Callable[..., Routes]:
    """A door in front of the two nodes, which has seen both roles."""

    def make(configuration: Path = CONFIGURATION) -> Routes:
        for node, role in zip(nodes, ("primary", "replica"), strict=True):
            node.role, node.is_silent = role, False
        ports = {"primary": free_port(), "replica": free_port()}
        variables = {f"POSTGRES_{number}": node.address for number, node in enumerate(nodes, 1)} | {
            "POSTGRES_BIND": f"127.0.0.1:{ports['primary']}",
            "POSTGRES_REPLICA_BIND": f"127.0.0.1:{ports['replica']}",
            "PATRONI_PORT": str(nodes[0].patroni_port),
        }
        routes = Routes(open_door(web=["127.0.0.1:1"], variables=variables, configuration=configuration), nodes, ports)
        wait_until(lambda: routes.leads_to("primary") is nodes[0], "the route to the primary")
        wait_until(lambda: routes.leads_to("replica") is nodes[1], "the route to the replica")
        return routes

    return make


def test_each_route_follows_its_role(make_routes: Callable[..., Routes]) -> None:
    routes = make_routes()
    first, second = routes.nodes
    first.role, second.role = "replica", "primary"
    wait_until(lambda: routes.leads_to("primary") is second, "the route to the new primary")
    wait_until(lambda: routes.leads_to("replica") is first, "the route to the new replica")
    assert {question for node in routes.nodes for question in node.questions} == {"/primary", "/replica?lag=16MB"}


def demote(node: Node) -> None:
    node.role = "replica"


def fall_silent(node: Node) -> None:
    node.is_silent = True


@pytest.mark.parametrize("fault", [demote, fall_silent])
def test_a_session_ends_with_the_role_of_its_node(fault: Fault, make_routes: Callable[..., Routes]) -> None:
    routes = make_routes()
    with closing(routes.connect()) as session:
        fault(routes.nodes[0])
        assert has_ended(session)
    wait_until(lambda: any(code.startswith("D") for code in terminations(routes.door)), "the line in the log")
    assert routes.leads_to("primary") is None


def test_without_shutdown_sessions_it_stays_with_the_primary_of_yesterday(
    make_routes: Callable[..., Routes], tmp_path: Path
) -> None:
    text, count = re.subn(" on-marked-down shutdown-sessions", "", CONFIGURATION.read_text())
    assert count == 1
    control = tmp_path / "control.cfg"
    control.write_text(text)
    routes = make_routes(control)
    with closing(routes.connect()) as session:
        demote(routes.nodes[0])
        wait_until(lambda: routes.leads_to("primary") is None, "the demotion to be seen")
        assert node_of(session, routes.nodes) is routes.nodes[0]


def test_a_session_that_nobody_uses_is_kept_for_days(make_routes: Callable[..., Routes]) -> None:
    routes = make_routes()
    with closing(routes.connect()):
        (session,) = [line for line in routes.door.ask("show sess").splitlines() if "fe=postgres " in line]
    # When the door would end it because nothing comes, from either side.
    ends = re.findall(r"\br(?:e)?x=(\w+)", session)
    assert len(ends) == 2
    assert all(re.fullmatch(r"\d+d\w*", end) for end in ends), ends


def test_a_door_without_the_variables_has_no_routes(open_door: OpenDoor) -> None:
    assert "postgres" not in open_door(web=["127.0.0.1:1"]).ask("show stat")


def terminations(door: Door) -> set[str]:
    """How the connections to Postgres ended, as HAProxy's manual explains in 8.5: D is a server that went down."""
    return {str(line["termination"]) for line in door.access_log() if line["event"] == "database_connection_ended"}


def node_of(session: Connection, nodes: list[Node]) -> Node:
    """The node at the other end."""
    with session.cursor() as cursor:
        cursor.execute("SELECT inet_server_port()")
        (port,) = cursor.fetchone() or (0,)
    return next(node for node in nodes if node.port == port)


def has_ended(session: Connection, seconds: float = 30.0) -> bool:
    """Whether the other end hangs up, without being asked anything."""
    ready, _, _ = select.select([session], [], [], seconds)
    if not ready:
        raise Failure("the session lives on")
    with pytest.raises(psycopg2.Error):
        node_of(session, [])
    return True
