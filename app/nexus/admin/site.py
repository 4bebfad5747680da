"""The operators' site."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver
from django.utils.translation import gettext_lazy

from nexus.api import limits
from nexus.api.requests import client_address
from nexus.kernel.errors import RateLimited
from nexus.kernel.viewer import ANONYMOUS


class NexusAdminSite(AdminSite):
    """Where operators see what is stored and act through the same operations as everybody."""

    site_header = gettext_lazy("Nexus operators")
    site_title = gettext_lazy("Nexus")
    index_title = gettext_lazy("What is there")

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Without Django's change of passwords, which would leave all logins of the person open."""
        return [url for url in super().get_urls() if not str(getattr(url, "name", "")).startswith("password_change")]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The login form; its attempts are counted by address, apart from those of the API."""
        if request.method == "POST":
            try:
                limits.count("credentials", viewer=ANONYMOUS, address=_place(request))
            except RateLimited as refusal:
                context = {**self.each_context(request), "title": refusal.title, "detail": refusal.detail}
                headers = {"Retry-After": str(refusal.retry_after)}
                return TemplateResponse(request, "admin/refused.html", context, status=refusal.status, headers=headers)
        return super().login(request, extra_context)


def _place(request: HttpRequest) -> str:
    # A name of its own, so that guessing here and guessing at the API do not use up each other's attempts.
    return f"admin {limits.network(client_address(request))}"
