"""The operators' site."""

from django.contrib.admin import AdminSite


class NexusAdminSite(AdminSite):
    """Where operators see what is stored and act through the same operations as everybody."""

    site_header = "Nexus operators"
    site_title = "Nexus"
    index_title = "What is there"
