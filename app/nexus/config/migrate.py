"""The role migrate: brings the database to this release, patiently, and says by its status whether it could."""

import io
import sys
import time
from typing import Final

from nexus.config.environment import Environment
from nexus.kernel.logging import log

# The database may be starting or moving, and a lock that a migration needs may be held by a long transaction.
PATIENCE_S: Final = 300.0
LOCK_TIMEOUT_MS: Final = 5_000
STATEMENT_TIMEOUT_MS: Final = 900_000
# Two migrate jobs at once: the second waits and finds nothing to do.
_ADVISORY_LOCK: Final = 0x6E65787573


def migrate(environment: Environment, patience_s: float = PATIENCE_S) -> None:
    """Applies every migration of this release; exits with status 1 and a sentence when that cannot be."""
    import django

    from nexus.config import settings

    settings.DATABASES["default"] = settings.database(
        environment.database_direct_url or environment.database_url,
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
        lock_timeout_ms=LOCK_TIMEOUT_MS,
    )
    django.setup()
    from django.db import DatabaseError, InterfaceError, connection

    from nexus.kernel import database

    stop, pause = time.monotonic() + patience_s, 0.5
    while True:
        try:
            _migrate_alone()
            return
        except (DatabaseError, InterfaceError) as error:
            if not (database.is_wrong_node(error) or database.is_lock_timeout(error)) or time.monotonic() > stop:
                log.exception("migrate_failed")
                sys.exit(f"nexus: the database could not be migrated: {str(error).strip()}")
            log.warning("migrate_waits", error=str(error).strip())
            connection.close()
        time.sleep(pause)
        pause = min(pause * 2, 5.0)


class _Lines(io.StringIO):
    """What Django says, in lines as ours are."""

    def write(self, text: str) -> int:
        if text.strip():
            log.info("migrating", says=text.strip())
        return len(text)


def _migrate_alone() -> None:
    from django.core.management import call_command
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_LOCK])
    try:
        call_command("migrate", interactive=False, verbosity=1, no_color=True, stdout=_Lines())
    finally:
        connection.close()  # which gives the lock back
