"""D0: the reference of every run. A Django view without middleware that returns 3 KB of prebuilt bytes."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

BODY = b'{"items":"' + b"x" * 3052 + b'"}'


def view(request: HttpRequest) -> HttpResponse:
    """The cheapest useful answer that Django can give."""
    return HttpResponse(BODY, content_type="application/json")


def ready(request: HttpRequest) -> HttpResponse:
    """For HAProxy's checks."""
    return HttpResponse(b"ok")


urlpatterns = [path("readyz", ready), path("api/v1/d0", view)]

if not settings.configured:
    settings.configure(
        SECRET_KEY="d0" * 25, ALLOWED_HOSTS=["*"], ROOT_URLCONF="bench.d0", MIDDLEWARE=[], LOGGING_CONFIG=None
    )
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
application = get_wsgi_application()
