"""A PostgreSQL server of our own: own data, own loopback port, no cluster of the system touched."""

import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import psycopg2

from local.binaries import binary
from local.failure import Failure
from local.server import Server

NAME = "nexus"  # of the database and of its user


class Postgres(Server):
    """Data lie under `directory`, or, where the user `postgres` cannot enter it, in a folder of its own in /var/lib.

    `throwaway` is for tests: no fsync, and leaving the context removes the data.
    """

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # fast shutdown: ends the sessions, loses nothing

    def __init__(self, directory: Path, port: int, password: str = NAME, *, throwaway: bool = True) -> None:
        self.user = _unprivileged_user()
        self.home = home(directory, self.user)
        super().__init__(directory)
        self.data = self.home / "postgres"
        self.port = port
        self.password = password
        self.throwaway = throwaway

    @property
    def url(self) -> str:
        """The address of the database, with its password."""
        return f"postgres://{NAME}:{self.password}@127.0.0.1:{self.port}/{NAME}"

    def prepare(self) -> None:
        """Makes the data directory with one user and one password, the same for every connection."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if (self.data / "PG_VERSION").exists():
            return
        if self.home != self.directory:
            self.home.mkdir(mode=0o711, parents=True, exist_ok=True)
        shutil.rmtree(self.data, ignore_errors=True)  # what an interrupted initdb left
        self.data.mkdir(mode=0o700)
        if self.user:
            shutil.chown(self.data, self.user, self.user)
        self._fill()

    def command(self) -> list[str]:
        """The server in the foreground, with every setting that matters on its command line."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",  # a socket's path may have 107 characters, a checkout's may have more
            "max_connections": "200",
            "log_line_prefix": "%m [%p] ",
            "lc_messages": "C",
        }
        if self.throwaway:
            # autovacuum, which locks a table for a moment, would stand in the way of a test that empties them all.
            settings |= {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
            # A checkpoint must not take away what a standby that is just being restarted has not got yet.
            settings |= {"wal_keep_size": "1GB"}
        version = (self.data / "PG_VERSION").read_text().strip()
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(binary("postgres", version if self._is_packaged() else "")), "-D", str(self.data), *options]

    def is_ready(self) -> bool:
        """Whether it accepts our password."""
        try:
            self._connect("postgres").close()
        except psycopg2.OperationalError:
            return False
        return True

    def when_ready(self) -> None:
        """Makes the database when it is not there."""
        with contextlib.closing(self._connect("postgres")) as connection:
            connection.autocommit = True  # CREATE DATABASE refuses to run in a transaction
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
                if cursor.fetchone() is None:
                    cursor.execute(f"CREATE DATABASE {NAME}")

    def remove(self) -> None:
        """Removes the data; it must not run."""
        shutil.rmtree(self.data, ignore_errors=True)
        if self.home != self.directory:
            shutil.rmtree(self.home, ignore_errors=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self.throwaway:
            self.remove()

    def _is_packaged(self) -> bool:
        # Data of one major version are refused by another: after an upgrade of the system both are often installed.
        return Path("/usr/lib/postgresql") in binary("postgres").parents

    def _connect(self, database: str) -> "psycopg2.extensions.connection":
        return psycopg2.connect(
            host="127.0.0.1", port=self.port, user=NAME, password=self.password, dbname=database, connect_timeout=5
        )

    def _fill(self) -> None:
        arguments = ["--username", NAME, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8"]
        with tempfile.NamedTemporaryFile("w") as password:
            password.write(self.password)
            password.flush()
            if self.user:
                shutil.chown(password.name, self.user)
            self._make_data("initdb", "-D", str(self.data), "--pwfile", password.name, *arguments)

    def _make_data(self, program: str, *arguments: str) -> None:
        no_sync = ["--no-sync"] if self.throwaway else []
        done = subprocess.run(
            [str(binary(program)), *arguments, *no_sync],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
            check=False,
        )
        if done.returncode != 0:
            self.log.write_bytes(done.stdout)
            shutil.rmtree(self.data, ignore_errors=True)
            raise Failure(self.why_not())


class Standby(Postgres):
    """A streaming copy of a server that runs, by physical replication; `promote()` makes it a server of its own."""

    def __init__(self, directory: Path, port: int, source: Postgres, name: str = "standby") -> None:
        super().__init__(directory, port, source.password, throwaway=source.throwaway)
        self.source = source
        self.application_name = name

    def when_ready(self) -> None:
        """It has the database of its source."""

    def promote(self) -> None:
        """Returns when it takes writes, on a time line of its own."""
        with contextlib.closing(self._connect(NAME)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_promote(true, 60)")
            if cursor.fetchone() != (True,):
                raise Failure(f"{self.name} on port {self.port} was not promoted within 60 seconds.")

    def _fill(self) -> None:
        source = (
            f"host=127.0.0.1 port={self.source.port} user={NAME} password={self.password}"
            f" application_name={self.application_name}"
        )
        options = ["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast"]
        self._make_data("pg_basebackup", "-D", str(self.data), "-d", source, *options)


def home(directory: Path, user: str | None) -> Path:
    """Where the data of a server can lie: `directory`, or a folder in /var/lib when `user` cannot enter that."""
    if user is None or _can_enter(directory, user):
        return directory
    return Path("/var/lib") / f"nexus-{hashlib.sha256(bytes(directory)).hexdigest()[:12]}"


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root; its package made this user."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise Failure(
            "PostgreSQL refuses to run as root and there is no user postgres; type: useradd --system postgres"
        ) from None


def _can_enter(directory: Path, user: str) -> bool:
    entry = pwd.getpwnam(user)
    while not directory.exists():
        directory = directory.parent
    done = subprocess.run(
        ["test", "-x", directory], user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/", check=False
    )
    return done.returncode == 0
