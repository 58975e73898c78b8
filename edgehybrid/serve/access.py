"""Who may ask: the name that the client used for this machine, its web page, and the token.

A web page that anybody has open can send requests to loopback. It has an `Origin`, which is refused
unless it was allowed. A page whose own name was made to point to loopback (DNS rebinding) has none,
but its `Host` is that name, which is refused too.
"""

from __future__ import annotations

import ipaddress
import secrets

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from edgehybrid.serve.errors import ApiError
from edgehybrid.serve.settings import Settings

#: Anybody may ask whether the server is there.
OPEN_PATHS = ("/health",)


class Names:
    """Refuses hosts that are not loopback where it listens there, and origins not allowed."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._origins = app, settings.origins
        self._only_loopback = settings.address.is_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] == "http" else None
        await (refusal.response() if refusal else self._app)(scope, receive, send)

    def _refusal(self, headers: Headers) -> ApiError | None:
        host = headers.get("host", "")
        if self._only_loopback and not is_loopback(host):
            return ApiError(
                403,
                f"host {host!r:.80} is not loopback: ask for 127.0.0.1 or localhost",
                code="host_not_allowed",
            )
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins:
            return ApiError(
                403,
                f"web pages of origin {origin!r:.80} may not ask: allow them with --allow-origin",
                code="origin_not_allowed",
            )
        return None


class Token:
    """Refuses whoever does not send the token, where there is one."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._token = None if settings.token is None else settings.token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        closed = scope["type"] == "http" and scope["path"] not in OPEN_PATHS
        if closed and not self._has_token(Headers(scope=scope)):
            refusal = ApiError(
                401,
                "the token is missing or wrong: send `Authorization: Bearer TOKEN`",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
            await refusal.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _has_token(self, headers: Headers) -> bool:
        if self._token is None:
            return True
        kind, _, sent = headers.get("authorization", "").partition(" ")
        same = secrets.compare_digest(sent.strip().encode("utf-8"), self._token)
        return same and kind.lower() == "bearer"


def is_loopback(host: str) -> bool:
    """Whether a `Host` header names this machine as only it can reach itself."""
    name = host.rpartition("]")[0][1:] if host.startswith("[") else host.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
