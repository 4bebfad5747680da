"""Makes Django's admin ours."""

from django.contrib.admin.apps import SimpleAdminConfig


class NexusAdminConfig(SimpleAdminConfig):
    """`admin.site` is a NexusAdminSite; its pages are in nexus/admin/pages.py.

    Simple, that is without autodiscovery, which would bring the pages of allauth and of django.contrib.auth: those
    write to the tables past the operations.
    """

    default_site = "nexus.admin.site.NexusAdminSite"

    def ready(self) -> None:
        super().ready()
        from nexus.admin import incidents, pages  # noqa: F401  (models can be imported from here on only)
