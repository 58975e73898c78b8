"""The fields of a request for a summary."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgehybrid.serve.errors import ApiError

#: Numbers of more figures are nothing that a summary could have.
FIGURES = 9
#: Their names, as forms have them.
KNOWN = (
    "words", "points", "focus", "model", "pages", "password", "damaged", "max_tokens",
    "temperature", "seed", "stream",
)  # fmt: skip
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Form:
    """What is asked of a summary; see `edgehybrid.summarize`.

    Attributes:
        model: the name of one; None for the default reader.
        stream: whether it is wanted as events.
        wish: the arguments of `edgehybrid.summarize`.
    """

    model: str | None
    stream: bool
    wish: Mapping[str, Any]


def parse(fields: Mapping[str, str], *, events: bool) -> Form:
    """What the fields say; empty ones say nothing. `events`: what is so if `stream` is not there.

    Raises:
        ApiError: one is not known, or says what cannot be.
    """
    for name in fields:
        if name not in KNOWN:
            known = ", ".join(KNOWN)
            raise ApiError(
                400,
                f"{name!r:.80} is not known; known are file, {known}",
                code="unknown_parameter",
                param=name[:80],
            )
    told = {name: value for name, value in fields.items() if value != ""}
    wish: dict[str, Any] = {n: told[n] for n in ("focus", "password") if n in told}
    for name in ("words", "points", "max_tokens", "seed"):
        if name in told:
            wish[name] = _whole(name, told[name])
    if "temperature" in told:
        wish["temperature"] = _number("temperature", told["temperature"])
    if "pages" in told:
        wish["pages"] = _pages(told["pages"])
    wish["damaged"] = _flag("damaged", told.get("damaged", "false"))
    stream = _flag("stream", told["stream"]) if "stream" in told else events
    return Form(told.get("model"), stream, wish)


def _bad(name: str, value: str, expected: str) -> ApiError:
    return ApiError(
        400, f"{name} is {value!r:.80}, expected {expected}", code="invalid_value", param=name
    )


def _whole(name: str, value: str) -> int:
    if not re.fullmatch(rf"[0-9]{{1,{FIGURES}}}", value):
        raise _bad(name, value, f"a whole number of at most {FIGURES} figures")
    return int(value)


def _number(name: str, value: str) -> float:
    if not re.fullmatch(rf"[0-9]{{1,{FIGURES}}}(\.[0-9]{{1,{FIGURES}}})?", value):
        raise _bad(name, value, "a number such as 0.7")
    return float(value)


def _pages(value: str) -> tuple[int, int]:
    match = re.fullmatch(rf"([0-9]{{1,{FIGURES}}})(?:-([0-9]{{1,{FIGURES}}}))?", value)
    if not match:
        raise _bad("pages", value, "a page or a range such as 3-17")
    return int(match[1]), int(match[2] or match[1])


def _flag(name: str, value: str) -> bool:
    if value.lower() not in _FLAGS:
        raise _bad(name, value, "true or false")
    return _FLAGS[value.lower()]
