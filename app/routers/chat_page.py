"""``/chat/{token}``: the page of a person's own chat, and the script that shows it in other pages.

The page has no inline script or style, so that a strict Content-Security-Policy can hold for it; what it shows comes
from ``/api/webchat/{token}``.
"""

import re
from http import HTTPStatus
from pathlib import Path

import structlog
from fastapi.responses import FileResponse

from app.repositories import people
from app.routers.database_errors import FAULTS, meaning
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.services.context import Context

log = structlog.get_logger(__name__)

TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_FILES = Path(__file__).parent / "static" / "webchat"
_ASSET_HEADERS = {"Cache-Control": "public, max-age=300"}
_FOREIGN_HEADERS = {**_ASSET_HEADERS, "Cross-Origin-Resource-Policy": "cross-origin"}

router = FamilyRouter(include_in_schema=False)


@router.get("/chat/{token}")
async def page(token: str, context: ContextDep) -> FileResponse:
    """Show the chat; for a link that opens none the page says so itself, under 404, and it waits for the database."""
    frames = " ".join(("'self'", *context.settings.chat_origins))
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
        f"form-action 'none'; frame-ancestors {frames}"
    )
    return FileResponse(
        _FILES / "chat.html",
        status_code=await _status(token, context),
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"},
    )


async def _status(token: str, context: Context) -> int:
    if not TOKEN.fullmatch(token):
        return HTTPStatus.NOT_FOUND
    try:
        async with context.database.connection() as connection:
            is_there = await people.find_chat(connection, token) is not None
    except FAULTS as error:
        refusal = meaning(error)
        if refusal is None or not refusal.retry_after:
            raise
        log.warning("a chat is shown without the database", code=refusal.code, error=type(error).__name__)
        return refusal.status
    return HTTPStatus.OK if is_there else HTTPStatus.NOT_FOUND


@router.get("/webchat/chat.css")
async def style() -> FileResponse:
    """Send the page's style."""
    return FileResponse(_FILES / "chat.css", headers=_ASSET_HEADERS)


@router.get("/webchat/chat.js")
async def script() -> FileResponse:
    """Send the page's script."""
    return FileResponse(_FILES / "chat.js", headers=_ASSET_HEADERS)


@router.get("/webchat/embed.js")
async def embedding() -> FileResponse:
    """Send the script with which another site shows a chat."""
    return FileResponse(_FILES / "embed.js", headers=_FOREIGN_HEADERS)
