"""How large a request may be and how long it may take, whatever it is."""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgehybrid.serve.errors import NO_RETRY, ApiError, too_late
from edgehybrid.tasks.rendering import shown

log = logging.getLogger("edgehybrid")

#: Bytes of a request's head.
MAX_HEAD = 1 << 14
#: Seconds without a byte of a body.
IDLE_SECONDS = 30.0
#: Seconds by which an answer that is being sent may exceed its time.
GRACE_SECONDS = 10.0
#: Of a body that is refused, this much is received and thrown away: the client then reads why.
SPARE_BYTES, SPARE_SECONDS = 1 << 30, 10.0


class Logged:
    """Writes a line for each request: method, path, status, seconds, and nothing that was sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"cache-control", b"no-store"),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            seconds = time.monotonic() - began
            path = shown(scope["path"])[:80]
            log.info("%s %s %s %.2f s", scope["method"][:8], path, status or "broken off", seconds)


class Limited:
    """Refuses bodies that are too large, and ends what takes too long."""

    def __init__(self, app: ASGIApp, max_body: int, seconds: float) -> None:
        self._app, self._max_body, self._seconds = app, max_body, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if head_bytes(scope) > MAX_HEAD:
            await _large_head().response()(scope, receive, send)
            return
        body, headers = _Body(receive, self._max_body), Headers(scope=scope)
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._max_body:
            if "expect" not in headers:  # else nothing comes unless it is asked for
                await body.throw_away()
            await _too_large(self._max_body).response()(scope, receive, send)
            return
        # the work itself ends in time; this is for clients that send or receive a little at a time
        limit = self._seconds + GRACE_SECONDS
        began = False

        async def note(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await asyncio.wait_for(self._app(scope, body.receive, note), limit)
        except asyncio.TimeoutError:
            if not began:  # else the connection is closed in the middle of the answer
                await too_late().response()(scope, receive, send)
        except asyncio.CancelledError:
            if began:
                raise
            await _stopping().response()(scope, receive, send)


class _Body:
    """What a client sends, counted."""

    def __init__(self, receive: Receive, max_bytes: int) -> None:
        self._receive, self._max_bytes = receive, max_bytes
        self._bytes, self._ended = 0, False

    async def receive(self) -> Message:
        """The next message.

        Raises:
            ApiError: the body is too large, or does not come.
        """
        if self._ended:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), IDLE_SECONDS)
        except asyncio.TimeoutError:
            text = f"nothing came for {IDLE_SECONDS:.0f} s: send the whole request at once"
            raise ApiError(408, text, code="timeout", headers={"connection": "close"}) from None
        self._bytes += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        if self._bytes > self._max_bytes:
            await self.throw_away()
            raise _too_large(self._max_bytes)
        return message

    async def throw_away(self) -> None:
        """Receive the rest, within limits, so that the client gets to see the answer."""

        async def rest() -> None:
            while not self._ended and self._bytes < SPARE_BYTES:
                message = await self._receive()
                self._bytes += len(message.get("body", b""))
                self._ended = not message.get("more_body", False)

        try:
            await asyncio.wait_for(rest(), SPARE_SECONDS)
        except asyncio.TimeoutError:
            return


def head_bytes(scope: Scope) -> int:
    """Bytes of a request's head. h11 has a limit too, but not for heads that come in one piece."""
    fields = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    return fields + len(scope.get("raw_path") or b"") + len(scope["query_string"])


def _large_head() -> ApiError:
    return ApiError(431, f"the head of the request has over {MAX_HEAD:,} bytes")


def _stopping() -> ApiError:
    return ApiError(503, "the server is being stopped", code="server_stopping")


def _too_large(max_body: int) -> ApiError:
    return ApiError(
        413,
        f"the request has more than {max_body:,} bytes: send less, or allow more with --max-body",
        code="request_too_large",
        headers=NO_RETRY,
    )
