"""
The pages that document the API: `/openapi.json`, and `/api-docs`, which shows it.

The page is Swagger UI, packed into the package. It loads nothing from elsewhere and tells nobody;
its addresses are relative, so that it works wherever the API is mounted.
"""

import gzip
import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import attrs

from reflekt_core.rest.answers import as_json, matches
from reflekt_core.rest.messages import Request, Response
from reflekt_core.rest.openapi import document
from reflekt_core.rest.problems import MethodNotAllowed

__all__ = ["CONTENT_SECURITY_POLICY", "Page", "pages"]

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)

_HTML: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Reflekt API</title>
<link rel="icon" type="image/png" href="api-docs/favicon-32x32.png">
<link rel="stylesheet" href="api-docs/swagger-ui.css">
<link rel="stylesheet" href="api-docs/page.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="api-docs/swagger-ui-bundle.js"></script>
<script src="api-docs/initializer.js"></script>
<noscript>This page needs JavaScript. The API is described in <a href="openapi.json">openapi.json</a>.</noscript>
</body>
</html>
"""

_INITIALIZER: Final = """\
"use strict";
window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  validatorUrl: null,
  persistAuthorization: false,
  queryConfigEnabled: false,
  displayOperationId: true,
  defaultModelsExpandDepth: 0,
});
"""

_CSS: Final = """\
html { box-sizing: border-box; overflow-y: scroll; }
*, *::before, *::after { box-sizing: inherit; }
body { margin: 0; background: #fafafa; }
"""

_JAVASCRIPT: Final = "text/javascript; charset=utf-8"
_STYLES: Final = "text/css; charset=utf-8"
_PACKED: Final = {
    "swagger-ui.css": _STYLES,
    "swagger-ui-bundle.js": _JAVASCRIPT,
    "swagger-ui-bundle.js.LICENSE.txt": "text/plain; charset=utf-8",
    "favicon-32x32.png": "image/png",
    "LICENSE": "text/plain; charset=utf-8",
    "NOTICE": "text/plain; charset=utf-8",
}


@attrs.frozen
class Page:
    """Something to read, as it is for everybody."""

    operation: str
    content_type: str
    body: bytes
    location: str | None = None
    """Where it is instead."""
    _tag: str = attrs.field(init=False)

    @_tag.default
    def _hash(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'

    def answer(self, request: Request) -> Response:
        """
        Return the page, or that the client has it already.

        Raises:
            MethodNotAllowed: *request* wants something other than to read.
        """
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("GET, HEAD")
        if self.location is not None:
            return Response(308, {"Location": self.location})
        headers = {
            "ETag": self._tag,
            "Cache-Control": "no-cache",  # may be kept, but asked for again
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        }
        if matches(request.headers.get("if-none-match", ""), self._tag):
            return Response(304, headers)
        return Response(200, {"Content-Type": self.content_type, **headers}, self.body)


def pages() -> dict[str, Page]:
    """Return every page by its path. Nothing else can be read."""
    packed = files("reflekt_core.rest") / "swagger"
    assets = {name: (_asset(packed, name), kind) for name, kind in _PACKED.items()}
    assets["initializer.js"] = (_INITIALIZER.encode(), _JAVASCRIPT)
    assets["page.css"] = (_CSS.encode(), _STYLES)
    return {
        "/openapi.json": Page("docs.openapi", "application/json", as_json(document())),
        "/api-docs": Page("docs.page", "text/html; charset=utf-8", _HTML.encode()),
        # Relative addresses on the page only work without the slash.
        "/api-docs/": Page("docs.page", "", b"", location="../api-docs"),
        **{
            f"/api-docs/{name}": Page("docs.page", kind, body)
            for name, (body, kind) in assets.items()
        },
    }


def _asset(folder: Traversable, name: str) -> bytes:
    """Return a file of the page, which may be packed where room is short."""
    packed = folder / f"{name}.gz"
    return (
        gzip.decompress(packed.read_bytes()) if packed.is_file() else (folder / name).read_bytes()
    )
