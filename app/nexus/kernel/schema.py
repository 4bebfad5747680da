"""Which migrations this release needs, and whether the database has them."""

from functools import cache

from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from nexus.kernel import nodes


@cache
def _required_migrations() -> frozenset[tuple[str, str]]:
    """All of this release, except those that only take away what an older release needs (`is_contraction = True`)."""
    found = MigrationLoader(None).disk_migrations
    return frozenset(key for key, each in found.items() if not getattr(each, "is_contraction", False))


def missing_migrations() -> frozenset[tuple[str, str]]:
    """Migrations that this release needs and the database has not seen."""
    applied = MigrationRecorder.Migration.objects.using(nodes.alias()).values_list("app", "name")
    return _required_migrations() - frozenset(applied)
