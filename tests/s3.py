"""A store that speaks as much S3 as recordings need: a real HTTP server on loopback, in memory."""

import itertools
import re
from collections import defaultdict
from typing import Self
from urllib.parse import unquote
from xml.sax.saxutils import escape, unescape

from aiohttp import web


class Bucket:
    """The server. ``async with Bucket() as bucket:`` starts it on a free port."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = defaultdict(dict)
        """Uploads in parts that are neither complete nor given up."""
        self.failures = 0
        """How many of the next requests are answered 503."""
        self.requests: list[tuple[str, str]] = []
        self.is_signed = True
        self.url = ""
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{bucket}/{key:.+}", self._answer)
        app.router.add_post("/{bucket}", self._delete)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        key = unquote(request.match_info["key"])
        self.requests.append((request.method, request.path_qs))
        self.is_signed &= request.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 ")
        if self.failures:
            self.failures -= 1
            return _error(503, "SlowDown")
        if "uploads" in request.query or "uploadId" in request.query:
            return await self._upload(request, key)
        return self._read(request, key)

    async def _delete(self, request: web.Request) -> web.Response:
        """Delete several objects at once, which is how the library deletes one."""
        assert "delete" in request.query
        if self.failures:
            self.failures -= 1
            return _error(503, "SlowDown")
        keys = re.findall("<Key>(.*?)</Key>", await request.text())
        for key in keys:
            self.objects.pop(unescape(key), None)
        told = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return web.Response(text=f"<DeleteResult>{told}</DeleteResult>", content_type="application/xml")

    async def _upload(self, request: web.Request, key: str) -> web.Response:
        upload = request.query.get("uploadId", "")
        if request.method == "POST" and not upload:
            upload = f"upload-{next(self._numbers)}"
            self.uploads[upload] = {}
            return _xml("InitiateMultipartUploadResult", Bucket="b", Key=key, UploadId=upload)
        if request.method == "PUT":
            number = int(request.query["partNumber"])
            self.uploads[upload][number] = await request.read()
            return web.Response(headers={"ETag": f'"part-{number}"'})
        parts = self.uploads.pop(upload)
        if request.method == "DELETE":
            return web.Response(status=204)
        self.objects[key] = b"".join(parts[number] for number in sorted(parts))
        return _xml("CompleteMultipartUploadResult", Bucket="b", Key=key, ETag='"parts"')

    def _read(self, request: web.Request, key: str) -> web.Response:
        found = self.objects.get(key)
        if found is None:
            return _error(404, "NoSuchKey")
        headers = {"ETag": '"whole"', "Last-Modified": "Thu, 05 Mar 2026 10:30:00 GMT"}
        wanted = request.http_range
        if request.method == "HEAD" or wanted.start is None:
            return web.Response(body=found, headers=headers)
        end = min(len(found), wanted.stop or len(found))
        headers["Content-Range"] = f"bytes {wanted.start}-{end - 1}/{len(found)}"
        return web.Response(status=206, body=found[wanted.start : end], headers=headers)


def _xml(name: str, **fields: str) -> web.Response:
    inner = "".join(f"<{field}>{escape(value)}</{field}>" for field, value in fields.items())
    return web.Response(text=f'<?xml version="1.0"?><{name}>{inner}</{name}>', content_type="application/xml")


def _error(status: int, code: str) -> web.Response:
    response = _xml("Error", Code=code, Message="no")
    response.set_status(status)
    return response
