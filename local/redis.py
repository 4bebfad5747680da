"""A Redis server of our own: own data, own loopback port."""

from pathlib import Path

import redis

from local.binaries import binary
from local.server import Server

DATABASES = 64  # two for each of up to 32 test processes


class Redis(Server):
    """`throwaway` is for tests: nothing is written to disk."""

    name = "Redis"

    def __init__(self, directory: Path, port: int, *, throwaway: bool = True) -> None:
        super().__init__(directory)
        self.port = port
        self.throwaway = throwaway

    @property
    def url(self) -> str:
        """The address of its first database."""
        return self.database_url(0)

    def database_url(self, number: int) -> str:
        """The address of one of its databases."""
        return f"redis://127.0.0.1:{self.port}/{number}"

    def prepare(self) -> None:
        """Needs a folder only."""
        self.directory.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        """The server in the foreground."""
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.directory),
            "databases": str(DATABASES),
            "save": "" if self.throwaway else "60 1",
            "set-proc-title": "no",  # a title is written over the environment, by which `make run` knows its own
        }
        return [str(binary("redis-server")), *(word for name in settings for word in (f"--{name}", settings[name]))]

    def is_ready(self) -> bool:
        """Whether it answers PING."""
        client = redis.Redis(port=self.port, socket_timeout=1, socket_connect_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()
