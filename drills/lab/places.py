"""Where the things of a laboratory lie, and the ports at which they answer."""

from dataclasses import dataclass
from pathlib import Path

from drills.lab.network import Network
from drills.lab.options import Options

POSTGRES, REPLICAS, PATRONI, ETCD, ETCD_PEERS, REDIS, SENTINEL = 5432, 5433, 8008, 2379, 2380, 6379, 26379
HTTPS, PROXY_METRICS = 8443, 8404


@dataclass(frozen=True)
class Places:
    """Where things of a laboratory lie and answer."""

    folder: Path
    data: Path  # of the database nodes: their user can enter it
    user: str | None  # whom Postgres runs as
    network: Network
    options: Options

    def of(self, host: str, *others: str) -> str:
        """host:port for each of these ports of a host, with commas."""
        return ",".join(f"{self.network.address(host)}:{port}" for port in others)

    def postgres(self, node: str) -> Path:
        """The data of a node, on a disk that nothing else is on."""
        return self.data / "disks" / node / "postgres"
