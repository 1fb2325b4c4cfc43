"""A body that is a file: what it must not be, and its bytes as they arrive."""

from collections.abc import AsyncIterator

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.errors import InvalidInputError

_NOT_A_FILE = ("multipart/", "application/json")


def check_file(request: Request) -> None:
    """Refuse what is certainly no CSV file."""
    content_type = request.headers.get("content-type", "").strip().lower()
    if content_type.startswith(_NOT_A_FILE):
        raise InvalidInputError(
            "请直接发送 CSV 文件,Content-Type: text/csv (send the file itself as text/csv, such as curl --data-binary)",
            field=("header", "content-type"),
        )


async def parts(request: Request) -> AsyncIterator[bytes]:
    """Give the bytes of a body as they arrive; 422 where its sender hangs up."""
    try:
        async for part in request.stream():
            yield part
    except ClientDisconnect:
        raise InvalidInputError("上传中断 (the upload was cut off)", field=("body",)) from None
