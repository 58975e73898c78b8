"""Server-sent events: an answer that comes in pieces while it is made."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from edgehybrid.serve.errors import ClientGone

#: The last event of OpenAI's streams.
DONE = b"data: [DONE]\n\n"


def event(data: dict[str, Any], name: str | None = None) -> bytes:
    """One event; JSON has no line breaks outside of its strings, where they are escaped."""
    head = "" if name is None else f"event: {name}\n"
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def comment(text: str) -> bytes:
    """What clients do not show: it tells them that the server is at work."""
    return f": {text}\n\n".encode()


class EventStream(Response):
    """Sends events as they are made; whatever ends it, `stack` is closed then."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes], stack: ExitStack) -> None:
        self._events, self._stack = events, stack
        self.status_code, self.background = 200, None
        self.init_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all."""
        try:
            head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(head)
            async for data in self._events:
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except ClientGone:
            return
        finally:
            self._stack.close()
