"""Where the server listens, who may ask, and how much; checked before anything is loaded."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

from edgehybrid.errors import RequestError

TOKEN_VARIABLE = "EDGEHYBRID_TOKEN"
#: Characters of a token: fewer can be guessed, more fit in no header.
SHORTEST_TOKEN, LONGEST_TOKEN = 16, 1024
#: Seconds: a week.
LONGEST_TIMEOUT = 604_800
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/*,;]+")


@dataclass(frozen=True)
class Settings:
    """What `edgehybrid serve` was told.

    Attributes:
        host: an address of this machine, or "localhost".
        port: 0 for any that is free.
        token: what clients have to send; None for none, which only loopback allows.
        origins: of web pages that may ask.
        max_body: bytes of a request.
        timeout: seconds for a request, from its head to the end of its answer.
        parallel: requests that are worked on at the same time.
        queue: requests that may wait for that.

    Raises:
        RequestError: one of them is out of range, or there is no token where one is needed.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    origins: tuple[str, ...] = ()
    max_body: int = 64 << 20
    timeout: float = 600.0
    parallel: int = 4
    queue: int = 16

    def __post_init__(self) -> None:
        address = self.address
        if not 0 <= self.port <= 65535:
            raise RequestError(f"port {self.port} is not in 0..65535")
        if self.token is None and not address.is_loopback:
            raise RequestError(
                f"host {self.host} can be reached by others, so a token is needed: put one into a "
                f"file for --token-file, or into {TOKEN_VARIABLE}"
            )
        for name, least in (("max_body", 1), ("parallel", 1), ("queue", 0)):
            if getattr(self, name) < least:
                raise RequestError(f"{name} is {getattr(self, name)}, expected {least} or more")
        if not 0 < self.timeout <= LONGEST_TIMEOUT:
            raise RequestError(
                f"timeout is {self.timeout}, expected seconds in 0..{LONGEST_TIMEOUT}"
            )
        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin):
                raise RequestError(
                    f"origin {origin!r:.80} is not of the form https://example.org:8080"
                )

    @property
    def address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        """Where it listens; names are not looked up."""
        try:
            return ipaddress.ip_address("127.0.0.1" if self.host == "localhost" else self.host)
        except ValueError:
            raise RequestError(
                f"host {self.host!r:.80} is not an address: say 127.0.0.1, ::1 or 0.0.0.0"
            ) from None


def find_token(file: Path | None) -> str | None:
    """The token in `file`, or else that in the environment, which is taken out of it.

    Raises:
        RequestError: the file cannot be read, or there is something that is no token.
    """
    told = os.environ.pop(TOKEN_VARIABLE, None)  # other processes that are started need none
    where = TOKEN_VARIABLE
    if file is not None:
        where = str(file)
        try:
            with file.open(encoding="utf-8") as opened:
                told = opened.read(LONGEST_TOKEN + 3)
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise RequestError(f"--token-file {file} cannot be read: {why}") from error
    return None if told is None else _checked(told.strip(), where)


def _checked(token: str, where: str) -> str:
    if not SHORTEST_TOKEN <= len(token) <= LONGEST_TOKEN:
        raise RequestError(
            f"the token in {where} has {len(token)} characters, expected {SHORTEST_TOKEN} to "
            f"{LONGEST_TOKEN}: make one with `openssl rand -hex 32`"
        )
    if not all("!" <= character <= "~" for character in token):
        raise RequestError(f"the token in {where} has white space or letters that are not ASCII")
    return token
