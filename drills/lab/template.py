"""The database that every laboratory begins with: migrated once, kept for the next start."""

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from drills.lab.inside import connect
from drills.lab.leftovers import data_folder
from local.binaries import binary
from local.failure import Failure
from local.ports import free_port
from local.postgres import Postgres
from local.server import ending_with_us, last_line
from local.state import ROOT, State
from local.test_environment import clean, variables

SUPERUSER: Final = "nexus"
APPLICATION, REPLICATOR, STRANGER = "application", "replicator", "stranger"
_MIGRATIONS: Final = ROOT / "app" / "nexus" / "migrations"


def template() -> Path:
    """A data directory that was shut down cleanly; as many servers as you like can begin with a copy of it."""
    folder = data_folder(State().folder) / "drills-template"
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    wanted = folder / _fingerprint()
    with _alone(folder):
        if not wanted.exists():
            for old in folder.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            _make(folder, wanted)
    return wanted


def copy(target: Path, user: str | None) -> None:
    """The template as a server's own data."""
    done = subprocess.run(
        ["cp", "--archive", "--reflink=auto", str(template()), str(target)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Failure(f"The database cannot be copied: {done.stderr.strip()}")
    if user:
        shutil.chown(target, user, user)


def _fingerprint() -> str:
    parts = [
        Path(__file__).read_bytes(),
        *(path.read_bytes() for path in sorted(_MIGRATIONS.glob("*.py"))),
        subprocess.run([str(binary("postgres")), "--version"], capture_output=True, check=True).stdout,
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _make(folder: Path, wanted: Path) -> None:
    place = Path(tempfile.mkdtemp(prefix="new-", dir=folder))
    place.chmod(0o711)
    try:
        with Postgres(place, free_port()) as postgres:
            connection = connect("127.0.0.1", postgres.port, SUPERUSER)
            with contextlib.closing(connection), connection.cursor() as cursor:
                # Nobody of the application may do what a superuser may: not even take the last connections.
                cursor.execute(f"CREATE ROLE {APPLICATION} LOGIN PASSWORD 'nexus'")
                cursor.execute(f"GRANT pg_monitor TO {APPLICATION}")
                cursor.execute(f"CREATE ROLE {REPLICATOR} LOGIN REPLICATION PASSWORD 'nexus'")
                cursor.execute(f"CREATE ROLE {STRANGER} LOGIN PASSWORD 'nexus'")
                cursor.execute(f"ALTER DATABASE nexus OWNER TO {APPLICATION}")
            _migrate(place, f"postgres://{APPLICATION}:nexus@127.0.0.1:{postgres.port}/nexus")
            postgres.stop()
            (postgres.data / "postmaster.opts").unlink(missing_ok=True)
            postgres.data.rename(wanted)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _migrate(place: Path, url: str) -> None:
    log = place / "migrate.log"
    with log.open("wb") as output:
        done = subprocess.run(
            ending_with_us([sys.executable, "-m", "nexus.config", "migrate"]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=place,
            env={**clean(), **variables(place, url, "", ""), "PYTHONPATH": str(ROOT / "app")},
            check=False,
        )
    if done.returncode != 0:
        raise Failure(f"The database could not be migrated: {last_line(log)}")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
