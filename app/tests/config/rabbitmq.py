"""A RabbitMQ server of our own: own data, own loopback ports, own epmd; Debian's package is not asked to start any."""

import contextlib
import os
import socket
import subprocess
from pathlib import Path
from types import TracebackType

from local.binaries import binary
from local.ports import free_port
from local.server import Server, ending_with_us


class RabbitMQ(Server):
    """One node that nobody else finds."""

    name = "RabbitMQ"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.port = free_port()
        self.node = f"nexus-{self.port}@localhost"
        self._epmd_port = free_port()
        self._epmd: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def prepare(self) -> None:
        """Starts the name server that Erlang wants, and would otherwise leave behind."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "enabled_plugins").write_text("[].\n")
        (self.directory / "rabbit.conf").write_text("loopback_users.guest = true\n")
        if self._epmd is None:
            self._epmd = subprocess.Popen(
                ending_with_us([str(binary("epmd")), "-address", "127.0.0.1", "-port", str(self._epmd_port)]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def command(self) -> list[str]:
        """The server itself: the package's wrapper would change the user."""
        # /usr/lib/rabbitmq/bin/rabbitmq-server -> ../lib/rabbitmq_server-X/sbin/rabbitmq-server
        binary("rabbitmq-server")  # the sentence when it is not installed
        return [str(Path("/usr/lib/rabbitmq/bin/rabbitmq-server").resolve())]

    def environment(self) -> dict[str, str]:
        """Everything below our folder and on 127.0.0.1."""
        return {
            "HOME": str(self.directory),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_MNESIA_BASE": str(self.directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.directory),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(self.directory / "rabbit.conf"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.directory / "enabled_plugins"),
        }

    def is_ready(self) -> bool:
        """Whether it speaks AMQP."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=2) as client:
            client.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(client.recv(1))
        return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._epmd is not None:
            self._epmd.terminate()
            self._epmd.wait()
