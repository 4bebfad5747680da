"""Which door answers which path."""

from django.contrib import admin
from django.urls import include, path

from nexus.api.graphql.urls import urlpatterns as graphql
from nexus.api.health import livez, readyz, startupz
from nexus.api.rest.urls import urlpatterns as rest
from nexus.web.urls import urlpatterns as web

urlpatterns = [
    path("livez", livez),
    path("readyz", readyz),
    path("startupz", startupz),
    path("api/v1/", include(rest)),
    path("", include(graphql)),
    path("admin/", admin.site.urls),
    path("", include(web)),
]
handler404 = "nexus.api.errors.page_not_found"
handler500 = "nexus.api.errors.server_error"
handler400 = "nexus.api.errors.bad_request"
