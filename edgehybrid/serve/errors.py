"""What is answered where something is wrong: a status, and an object as OpenAI has it."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import JSONResponse

from edgehybrid.errors import (
    DocumentError,
    DocumentTooLarge,
    EdgehybridError,
    NotThisFormat,
    RequestError,
)

#: What clients are told by `type`; other statuses are requests that cannot be satisfied.
_TYPES = {401: "authentication_error", 403: "permission_error"}
#: Tells clients of OpenAI not to try again by themselves: the same would take as long.
NO_RETRY = {"x-should-retry": "false"}
#: Of work for a client that is gone: nobody sees it but the log.
GONE_STATUS = 499


class ApiError(Exception):
    """A request is refused; the message is one line."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """`{"error": {...}}`."""
        other = "server_error" if self.status >= 500 else "invalid_request_error"
        return {
            "error": {
                "message": self.message,
                "type": _TYPES.get(self.status, other),
                "param": self.param,
                "code": self.code,
            }
        }

    def response(self) -> JSONResponse:
        """The same, to be sent."""
        return JSONResponse(self.body(), self.status, headers=self.headers)


class ClientGone(Exception):
    """The client closed the connection before it had its answer."""


def as_api_error(error: EdgehybridError) -> ApiError:
    """What an error of the library is to a client."""
    code = re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
    return ApiError(_status(error), " ".join(str(error).split()), code=code)


def _status(error: EdgehybridError) -> int:
    if isinstance(error, RequestError):
        return 400
    if isinstance(error, DocumentTooLarge):
        return 413
    if isinstance(error, NotThisFormat):
        return 415
    return 422 if isinstance(error, DocumentError) else 500


def too_late() -> ApiError:
    """The time for a request is over."""
    return ApiError(
        504,
        "the time for a request is over: ask for less, or allow more with --timeout",
        code="timeout",
        headers=NO_RETRY,
    )
