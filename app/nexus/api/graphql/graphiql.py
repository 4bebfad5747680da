"""GraphiQL, the page on which people try the API: served by us alone, with nothing inline."""

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Open dialogs would set one style inline, to stop the page behind them from scrolling: it is refused.
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Nexus: GraphiQL</title>
<link rel="stylesheet" href="{css}">
<link rel="stylesheet" href="{page_css}">
</head>
<body>
<div id="graphiql" data-endpoint="/graphql">Loading. This page needs JavaScript.</div>
<script src="{react}"></script>
<script src="{react_dom}"></script>
<script src="{graphiql}"></script>
<script src="{page_js}"></script>
</body>
</html>
"""


def is_on() -> bool:
    """The page is of use where the schema can be read and any document can be sent."""
    return bool(settings.NEXUS.graphql_introspection and not settings.NEXUS.graphql_trusted_only)


def page(request: HttpRequest) -> HttpResponse:
    """The page."""
    html = _PAGE.format(
        css=static("graphiql/graphiql.min.css"),
        page_css=static("graphiql/page.css"),
        react=static("graphiql/react.production.min.js"),
        react_dom=static("graphiql/react-dom.production.min.js"),
        graphiql=static("graphiql/graphiql.min.js"),
        page_js=static("graphiql/page.js"),
    )
    response = HttpResponse(html)
    response["Content-Security-Policy"] = _POLICY
    response["Cache-Control"] = "no-cache"
    return response
