"""The contract as a document: generated, committed to app/contracts/openapi.yaml, and served as committed."""

from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Final

import orjson
import yaml
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

from nexus.api.errors import problem_response
from nexus.kernel.errors import MethodNotAllowed

PATH: Final = Path(__file__).resolve().parents[3] / "contracts" / "openapi.yaml"


def print_contract() -> str:
    """The contract as the code has it now; fails on any warning of the generator."""
    from nexus.api.rest.urls import urlpatterns

    generator = SchemaGenerator(patterns=urlpatterns)
    text: bytes = OpenApiYamlRenderer().render(generator.get_schema(request=None, public=True))
    return text.decode()


@lru_cache(maxsize=1)
def _committed() -> tuple[bytes, bytes]:
    text = PATH.read_bytes()
    return text, orjson.dumps(yaml.safe_load(text))


def _read_only(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A view of documents: another method is refused as everywhere in the API."""

    @csrf_exempt
    @wraps(view)
    def run(request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            return view(request)
        response = problem_response(MethodNotAllowed(), request)
        response["Allow"] = "GET, HEAD"
        return response

    return run


@_read_only
def openapi_yaml(request: HttpRequest) -> HttpResponse:
    """The committed contract."""
    return HttpResponse(_committed()[0], content_type="application/yaml")


@_read_only
def openapi_json(request: HttpRequest) -> HttpResponse:
    """The committed contract as JSON."""
    return HttpResponse(_committed()[1], content_type="application/json")
