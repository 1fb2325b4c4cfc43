"""What one connection may take: uvicorn bounds neither the size of a request's head nor the time it takes to come.

Whoever may call is only asked once the head is there, so all of this stands open to everybody who can reach the port.

- A head, or the headers behind a body, larger than `MOST_HEAD_BYTES` is answered 431 and the connection closed.
- A connection on which nothing is being answered has `HEAD_SECONDS` to deliver the next head; what is left of a body
  that was refused counts as nothing.
- Whoever takes next to nothing of an answer for `TAKE_SECONDS` is cut off, so that exports and streams do not wait for
  ever; a large answer over a slow line takes its time.

How long a body may take is bounded by `app/routers/middleware/time_limit.py`.
"""

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_TEXT: Final = b"The head of the request is too large"
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(_TEXT), _TEXT)
)


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol with the bounds that it lacks."""

    MOST_HEAD_BYTES = 64 * 1024
    HEAD_SECONDS = 30.0
    TAKE_SECONDS = 60.0
    LEAST_TAKEN_BYTES = 32 * 1024

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._idle_bytes = 0
        """That came since the last head, or piece of a body, was complete."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._take_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first head."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and look at what it came to."""
        self._idle_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._idle_bytes > self.MOST_HEAD_BYTES:
            self._refuse_head()
        elif self._is_idle():
            self._expect_head()

    def on_headers_complete(self) -> None:
        """A request begins."""
        self._idle_bytes = 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of it came."""
        self._idle_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it came."""
        self._idle_bytes = 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Wait for the other side to take what was written."""
        super().pause_writing()
        self._stop_watching()
        self._watch_taking()

    def resume_writing(self) -> None:
        """It did."""
        self._stop_watching()
        super().resume_writing()

    def _is_idle(self) -> bool:
        # Before the first request there is none, whatever the annotation says.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.HEAD_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _watch_taking(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._take_timer = self.loop.call_later(self.TAKE_SECONDS, self._look_at_taking, left)

    def _look_at_taking(self, left_before: int) -> None:
        """Cut off who took too little of what was left; nothing is added to that while writing is paused."""
        if left_before - self.transport.get_write_buffer_size() < self.LEAST_TAKEN_BYTES:
            self.transport.abort()
        else:
            self._watch_taking()

    def _stop_watching(self) -> None:
        if self._take_timer is not None:
            self._take_timer.cancel()
            self._take_timer = None

    def _refuse_head(self) -> None:
        if self._is_idle():
            self.transport.write(_TOO_LARGE)
        self.transport.close()
