"""Settings for the migration linter, which production has no use for."""

from nexus.config.settings import *  # noqa: F403
from nexus.config.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_migration_linter"]
