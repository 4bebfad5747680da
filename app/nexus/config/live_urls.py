"""Which door answers which path in the role live."""

from django.urls import path

from nexus.api.health import livez, readyz, startupz
from nexus.api.live.stream import stream

urlpatterns = [
    path("livez", livez),
    path("readyz", readyz),
    path("startupz", startupz),
    path("api/v1/live", stream),
]
handler404 = "nexus.api.errors.page_not_found"
handler500 = "nexus.api.errors.server_error"
handler400 = "nexus.api.errors.bad_request"
