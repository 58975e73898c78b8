"""JSON that somebody else wrote: read with limits, and without what only Python's reader allows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

#: Objects and lists stand in one another at most so deep; bundles need five.
MAX_DEPTH = 32
#: Longer integers fit in no array's size.
MAX_DIGITS = 18


class JsonError(ValueError):
    """A text is no JSON, or none that is read here; the message says why, in one line."""


def parse_json(data: bytes) -> Any:
    """The value of a UTF-8 text.

    Raises:
        JsonError: it is no JSON, is nested too deep, names a key twice, or holds a number that is
            not finite or too long, or half a character.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_short,
        )
        _check_depth(value)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no character
    except UnicodeEncodeError as error:
        raise JsonError("it holds half a character") from error
    except RecursionError as error:
        raise JsonError(f"it is nested more than {MAX_DEPTH} deep") from error
    except ValueError as error:
        raise JsonError(str(error)) from error
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonError(f"it names {twice[:80]!r} twice")
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise JsonError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise JsonError(f"the number {text[:20]} is too large")
    return number


def _short(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        raise JsonError(f"the number {text[:MAX_DIGITS]}… has over {MAX_DIGITS} digits")
    return int(text)


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        if depth > MAX_DEPTH:
            raise JsonError(f"it is nested more than {MAX_DEPTH} deep")
        level = [inner for outer in level for inner in _members(outer)]
        depth += 1


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
