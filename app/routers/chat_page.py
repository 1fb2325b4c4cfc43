"""``/chat/{token}``: the page of a person's own chat, and the script that shows it in other pages.

The page has no inline script or style, so that a strict Content-Security-Policy can hold for it; what it shows comes
from ``/api/webchat/{token}``.
"""

import re
from http import HTTPStatus
from pathlib import Path

from fastapi.responses import FileResponse

from app.repositories import people
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter

TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_FILES = Path(__file__).parent / "static" / "webchat"
_ASSET_HEADERS = {"Cache-Control": "public, max-age=300"}
_FOREIGN_HEADERS = {**_ASSET_HEADERS, "Cross-Origin-Resource-Policy": "cross-origin"}

router = FamilyRouter(include_in_schema=False)


@router.get("/chat/{token}")
async def page(token: str, context: ContextDep) -> FileResponse:
    """Show the chat; for a link that opens none the page says so itself, under 404."""
    chat = None
    if TOKEN.fullmatch(token):
        async with context.database.connection() as connection:
            chat = await people.find_chat(connection, token)
    frames = " ".join(("'self'", *context.settings.chat_origins))
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
        f"form-action 'none'; frame-ancestors {frames}"
    )
    return FileResponse(
        _FILES / "chat.html",
        status_code=HTTPStatus.NOT_FOUND if chat is None else HTTPStatus.OK,
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"},
    )


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
