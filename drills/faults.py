"""What can be broken, as every target offers it: the laboratory on one machine now, any cluster later."""

from collections.abc import Sequence
from typing import Protocol


class Faults(Protocol):
    """Nodes: db1..db3, lb1, lb2, app1, app2. What runs on them: name@node, such as web@app1 or postgres@db1.

    Everything that is broken stays so until it is mended by the call beside it, or by the target's end.
    """

    # Processes and nodes
    def kill(self, name: str) -> None:
        """kill -9 of one process and its children."""

    def stop(self, name: str) -> None:
        """SIGSTOP: it neither answers nor says that it does not."""

    def cont(self, name: str) -> None:
        """SIGCONT after `stop`."""

    def lose_node(self, node: str) -> None:
        """The link goes down, then everything on the node is killed: nobody is told, no RST is sent."""

    def restore_node(self, node: str) -> None:
        """The node starts again, with its data."""

    def cut(self, node: str, others: Sequence[str], *, incoming_only: bool = False) -> None:
        """Packets between the node and the others vanish; with `incoming_only`, only those towards the node."""

    def heal(self) -> None:
        """Mends everything that is broken."""

    # Roles of the application and the proxies
    def kill_web_worker(self, host: str) -> None:
        """kill -9 of one of the worker processes behind a web replica's master."""

    def kill_role(self, name: str) -> None:
        """kill -9 of a whole replica; `restart_role` starts it again."""

    def silence_role(self, name: str) -> None:
        """SIGSTOP of a whole replica; `restart_role` ends it."""

    def drain_role(self, name: str) -> None:
        """Ends a replica as a deploy does: it says so first, finishes its requests and goes."""

    def restart_role(self, name: str) -> None:
        """Starts a replica that was ended or silenced, and waits until it serves."""

    def reload_proxy(self) -> None:
        """Both proxies take their configuration anew."""

    def kill_proxy(self) -> None:
        """kill -9 of the HAProxy that holds the floating address; started again a few seconds later."""

    def lose_proxy_host(self) -> None:
        """The node that holds the floating address is lost; `restore_node` brings it back."""

    # Postgres and the consensus store
    def switchover(self) -> None:
        """A planned switchover to a standby."""

    def hang_patroni(self) -> None:
        """SIGSTOP of the Patroni beside the primary; `cont` ends it."""

    def stop_consensus(self) -> None:
        """SIGSTOP of every etcd."""

    def start_consensus(self) -> None:
        """SIGCONT of every etcd."""

    # Redis
    def redis_kill_master(self) -> None:
        """kill -9 of the master's Redis."""

    def redis_kill_all(self) -> None:
        """kill -9 of every Redis; `heal` starts them again."""

    def redis_partition(self) -> None:
        """The master is alone; `heal` ends it."""

    def redis_flush(self) -> None:
        """Every key is gone."""

    # What is only slow, full, worn out or wrong
    def slow_database(self, ms: int) -> None:
        """Every packet to Postgres is late by so much; 0 ends it."""

    def exhaust_connections(self) -> None:
        """Somebody else takes every connection of the primary; `heal` ends it."""

    def fill_disk(self, node: str) -> None:
        """The disk with the data of a node's Postgres is full; `heal` ends it."""

    def throttle_disk(self, node: str) -> None:
        """The disk with the data of a node's Postgres is slow; `heal` ends it."""

    def skew_clock(self, host: str, seconds: float) -> None:
        """The application on a host starts again with a clock that is wrong by so much; 0 ends it."""

    def expire_certificate(self) -> None:
        """The proxies get a certificate that is over; `heal` ends it."""
