"""The documentation page: Swagger UI from an installed package, so that it works without internet.

The page has no inline script or style, so that a strict Content-Security-Policy can hold for it.
"""

import asyncio
import threading
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from app.routers.families import FamilyRouter

_OWN = Path(__file__).parent / "static"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_PAGE_HEADERS = {"Content-Security-Policy": _POLICY}
_ASSET_HEADERS = {"Cache-Control": "private, max-age=3600"}

_MAKING = threading.Lock()
"""Two at a time would make the same document."""

router = FamilyRouter(include_in_schema=False)


@cache
def _assets() -> dict[str, Path]:
    spec = find_spec("fastapi_swagger")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the package fastapi-swagger is not installed")
    wheel = Path(spec.submodule_search_locations[0]) / "resources"
    return {
        "swagger-ui.css": wheel / "swagger-ui.css",
        "swagger-ui-bundle.js": wheel / "swagger-ui-bundle.js",
        "favicon.png": wheel / "favicon-32x32.png",
        "docs.css": _OWN / "docs.css",
        "docs.js": _OWN / "docs.js",
    }


@router.get("/")
async def root() -> RedirectResponse:
    """Lead people who open the bare address to something they can read."""
    return RedirectResponse("docs")


@router.get("/openapi.json")
async def document(request: Request) -> JSONResponse:
    """Answer the OpenAPI document; FastAPI makes it once, which takes seconds: in a thread, so that nobody waits."""
    return JSONResponse(await asyncio.to_thread(_document, request.app))


def _document(app: FastAPI) -> dict[str, Any]:
    with _MAKING:
        return app.openapi()


@router.get("/docs")
async def docs() -> FileResponse:
    """Show the page."""
    return FileResponse(_OWN / "docs.html", headers=_PAGE_HEADERS)


@router.get("/docs/assets/{name}")
async def asset(name: str) -> FileResponse:
    """Send a file that the page needs."""
    if name not in _assets():
        raise HTTPException(404)
    return FileResponse(_assets()[name], headers=_ASSET_HEADERS)
