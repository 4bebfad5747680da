"""What `make run` keeps between two starts: settings made once, data, logs; and who may use it now."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from local.failure import Failure
from local.ports import free_port, is_free
from local.postgres import home

ROOT = Path(__file__).resolve().parents[1]
FOLDER_VARIABLE = "NEXUS_LOCAL_STATE"
NEEDED_MEGABYTES = 500


@dataclass(frozen=True)
class Settings:
    """Secrets and ports, made by the first start; a port that somebody else took meanwhile is made anew."""

    secret_key: str
    jwt_key: str
    database_password: str
    supervisor_password: str
    ports: dict[str, int]

    def port(self, name: str) -> int:
        """The port of one server."""
        return self.ports[name]


class State:
    """The folder local/state/, or another one when NEXUS_LOCAL_STATE names it."""

    def __init__(self) -> None:
        self.folder = Path(os.environ.get(FOLDER_VARIABLE) or ROOT / "local" / "state").resolve()
        self.logs = self.folder / "logs"
        self.mail = self.folder / "mail"
        self.tls = self.folder / "tls"
        self._lock = self.folder / "run.lock"
        self._settings = self.folder / "settings.json"

    def make(self) -> None:
        """Makes the folders, and says so at once when they cannot be used."""
        for folder in (self.folder, self.logs, self.mail, self.tls):
            folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        for folder in {self.folder, home(self.folder, "postgres") if os.getuid() == 0 else self.folder}:
            while not folder.exists():
                folder = folder.parent
            free = shutil.disk_usage(folder).free // 2**20
            if free < NEEDED_MEGABYTES:
                raise Failure(
                    f"The disk is full: {folder} has {free} MB left and Nexus needs {NEEDED_MEGABYTES}; make room, or "
                    f"name a folder on another disk: {FOLDER_VARIABLE}=/path make run"
                )

    def settings(self, names: Sequence[str]) -> Settings:
        """Those of the last start, or new ones; `names` are the servers that need a port."""
        kept = self.kept_settings()
        ports = {name: self._port(kept, name) for name in names}
        settings = Settings(
            secret_key=kept.secret_key if kept else secrets.token_urlsafe(48),
            jwt_key=kept.jwt_key if kept else secrets.token_urlsafe(48),
            database_password=kept.database_password if kept else secrets.token_urlsafe(24),
            supervisor_password=kept.supervisor_password if kept else secrets.token_urlsafe(24),
            ports=ports,
        )
        write_private(self._settings, json.dumps(asdict(settings), indent=2))
        return settings

    def kept_settings(self) -> Settings | None:
        """Those of the last start, if there was one."""
        try:
            return Settings(**json.loads(self._settings.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise Failure(f"{self._settings} is damaged ({error}); `make reset` makes everything anew.") from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else may run this checkout meanwhile."""
        with self._lock.open("a+") as lock:
            if not _take(lock):
                raise Failure(f"Nexus already runs from here (process {_owner(lock)}); `make stop` ends it.")
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def owner(self) -> int | None:
        """The process that runs this checkout now."""
        try:
            lock = self._lock.open()
        except FileNotFoundError:
            return None
        with lock:
            return None if _take(lock) else _owner(lock)

    def wait_until_stopped(self, timeout: float) -> bool:
        """Whether it ended in time."""
        deadline = time.monotonic() + timeout
        while self.owner() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def remove(self) -> None:
        """Removes everything, the folder of Postgres included."""
        if os.getuid() == 0 and (data := home(self.folder, "postgres")) != self.folder:
            shutil.rmtree(data, ignore_errors=True)
        shutil.rmtree(self.folder)

    def _port(self, kept: Settings | None, name: str) -> int:
        port = kept.ports.get(name) if kept else None
        return port if port and is_free(port) else free_port()


def write_private(path: Path, text: str) -> None:
    """Writes a file that nobody else may read, all of it or nothing."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def _take(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(lock: IO[str]) -> int:
    lock.seek(0)
    return int(lock.read() or 0)
