"""The landing page, and the forms behind the links in mail. No key is ever part of an address: see web/key.js."""

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import conditional_page, require_http_methods, require_safe

from nexus.api import limits
from nexus.api.requests import client_address, make_public
from nexus.domain.identity import operations as identity
from nexus.domain.instance import queries as instances
from nexus.domain.status.queries import service_status
from nexus.kernel import caches, database, replicas
from nexus.kernel.errors import REGISTRY, DomainError
from nexus.kernel.viewer import ANONYMOUS
from nexus.web.drawing import drawn, feed

_NUMBERS_S: Final = 60

_form = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
@conditional_page
def landing(request: HttpRequest) -> HttpResponse:
    """What this installation is, how much there is in it, and where its documentation is."""
    context = {
        "instance": instances.instance(viewer=ANONYMOUS),
        "numbers": _numbers(),
        "public_url": settings.NEXUS.public_url.rstrip("/"),
    }
    response = render(request, "web/landing.html", context)
    response["Cache-Control"] = "no-cache"
    return response


@require_safe
@conditional_page
def status(request: HttpRequest) -> HttpResponse:
    """How Nexus does; drawn without a look at any server, so that it is there when they are not."""
    found = service_status(viewer=ANONYMOUS)
    rows = [drawn(each, found.first_day) for each in found.objectives if found.first_day]
    response = render(request, "web/status.html", {"status": found, "rows": rows})
    make_public(response)
    return response


@require_safe
@conditional_page
def incidents(request: HttpRequest) -> HttpResponse:
    """The incidents as an Atom feed, one entry for each update."""
    response = HttpResponse(feed(service_status(viewer=ANONYMOUS)), content_type="application/atom+xml; charset=utf-8")
    make_public(response)
    return response


@require_safe
@conditional_page
def problems(request: HttpRequest) -> HttpResponse:
    """Every error code, which is where the `type` of a problem document leads."""
    known = sorted(REGISTRY.values(), key=lambda error: (error.status, error.code))
    # Every second part stood between backquotes.
    context = {"problems": [(error, " ".join((error.__doc__ or "").split()).split("`")) for error in known]}
    return render(request, "web/problems.html", context)


@never_cache
@_form
def confirm_email(request: HttpRequest) -> HttpResponse:
    """The form that a confirmation mail leads to. Opening it changes nothing: mail programs open links too."""
    return _submit(
        request,
        "web/confirm_email.html",
        lambda form: identity.confirm_email(actor=ANONYMOUS, key=form.get("key", "").strip()),
        done="Your e-mail address is confirmed.",
    )


@never_cache
@_form
def request_password_reset(request: HttpRequest) -> HttpResponse:
    """The form that asks for a mail with a key."""
    return _submit(
        request,
        "web/request_password_reset.html",
        lambda form: identity.request_password_reset(actor=ANONYMOUS, email=form.get("email", "")),
        done="If an account has this address, a mail with a key is on its way to it.",
    )


@never_cache
@_form
def reset_password(request: HttpRequest) -> HttpResponse:
    """The form that the mail for a new password leads to."""
    return _submit(
        request,
        "web/reset_password.html",
        lambda form: identity.reset_password(
            actor=ANONYMOUS, key=form.get("key", "").strip(), password=form.get("password", "")
        ),
        done="Your new password is set, and you are logged out everywhere. Log in with it.",
    )


def _submit(request: HttpRequest, template: str, operation: Callable[[QueryDict], None], *, done: str) -> HttpResponse:
    """Shows the form, or does what it asks for and says so, or shows it again with the reason why not."""
    if request.method != "POST":
        return render(request, template)
    try:
        limits.count("credentials", viewer=ANONYMOUS, address=client_address(request))
        database.in_transaction(lambda: operation(request.POST), is_repeatable=False)
    except DomainError as refusal:
        response = render(request, template, {"refusal": refusal, "key": request.POST.get("key", "")})
        response.status_code = refusal.status
        if refusal.retry_after is not None:
            response["Retry-After"] = str(refusal.retry_after)
        return response
    return render(request, "web/done.html", {"done": done})


def _numbers() -> str:
    """A fragment that is rendered again after a minute, or as soon as "statistics" is abandoned."""
    return caches.remembered(
        "statistics",
        "html",
        lambda: render_to_string("web/numbers.html", {"statistics": replicas.read(instances.statistics)}),
        seconds=_NUMBERS_S,
        is_current=lambda _: True,
    )
