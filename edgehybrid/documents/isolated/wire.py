"""What goes through the pipe between the reading process and its parent: lines of JSON.

| line                                                        | meaning                      |
|-------------------------------------------------------------|------------------------------|
| `{"pages": 12, "first": 1, "last": 12, "unit": "page"}`     | the header, first of all     |
| `{"reading": 3}`                                            | page 3 is begun              |
| `{"recognising": 3}`                                        | its text is being recognised |
| `{"page": 1, "blocks": [["prose", "..."]]}`                 | the first blocks of a page   |
| the same, and `"continues"`, `"readable"`, `"recognised"`   | the last blocks of it        |
| `{"error": "NoText", "message": "..."}`                     | instead of all that follows  |
| `{"end": true}`                                             | nothing is missing           |
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from edgehybrid import errors
from edgehybrid.documents.document import KINDS, Block, PageText
from edgehybrid.documents.isolated.order import Header
from edgehybrid.documents.units import UNITS

#: A longer line, in bytes, is not sent by a healthy child.
MAX_LINE = 1 << 23
#: Pages are sent in pieces of about so many characters.
PIECE = 1 << 18


class NotAMessageError(Exception):
    """A line is none of those above."""


class Reading(NamedTuple):
    """The page that the child has begun to read (1-based)."""

    number: int


class Recognising(NamedTuple):
    """The page whose text the child has begun to recognise in a picture, which takes seconds."""

    number: int


class Piece(NamedTuple):
    """Some blocks of a page, of which more will come."""

    number: int
    blocks: tuple[Block, ...]


class End(NamedTuple):
    """The child has sent all pages."""


Message = Header | Reading | Recognising | Piece | PageText | End


def encode(message: Message | Exception) -> bytes:
    """One line for the pipe."""
    return json.dumps(_fields(message), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def pieces(page: PageText) -> Iterator[Piece | PageText]:
    """`page` in pieces that fit into a line, the last of which says that it is the last."""
    first, size = 0, 0
    for i, block in enumerate(page.blocks):
        if size > PIECE:
            yield Piece(page.number, page.blocks[first:i])
            first, size = i, 0
        size += len(block.text) + len(block.kind)
    yield page._replace(blocks=page.blocks[first:])


def _fields(message: Message | Exception) -> dict[str, Any]:
    if isinstance(message, Exception):
        return {"error": type(message).__name__, "message": str(message)}
    if isinstance(message, Header):
        return {
            "pages": message.page_count,
            "first": message.first,
            "last": message.last,
            "unit": message.unit,
        }
    if isinstance(message, Reading):
        return {"reading": message.number}
    if isinstance(message, Recognising):
        return {"recognising": message.number}
    if isinstance(message, End):
        return {"end": True}
    blocks = [[block.kind, block.text] for block in message.blocks]
    if isinstance(message, Piece):
        return {"page": message.number, "blocks": blocks}
    return {
        "page": message.number,
        "blocks": blocks,
        "continues": message.continues,
        "readable": message.readable,
        "recognised": message.recognised,
    }


def decode(line: bytes) -> Message:
    """The message of a line.

    Raises:
        DocumentError, RequestError: the child sent this error.
        NotAMessageError: the line is none.
    """
    try:
        fields = json.loads(line)
        if "error" not in fields:
            return _message(fields)
        error = _error(str(fields["error"]), str(fields["message"]))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, StopIteration) as cause:
        raise NotAMessageError(repr(line[:80])) from cause
    except (TypeError, ValueError) as cause:
        raise NotAMessageError(repr(line[:80])) from cause
    raise error


def _message(fields: dict[str, Any]) -> Message:
    if "pages" in fields:
        unit = next(unit for unit in UNITS if unit == fields.get("unit", "page"))
        return Header(int(fields["pages"]), int(fields["first"]), int(fields["last"]), unit)
    if "reading" in fields:
        return Reading(int(fields["reading"]))
    if "recognising" in fields:
        return Recognising(int(fields["recognising"]))
    if "end" in fields:
        return End()
    blocks = tuple(Block(str(text), kind) for kind, text in fields["blocks"] if kind in KINDS)
    if "readable" not in fields:
        return Piece(int(fields["page"]), blocks)
    continues, readable = bool(fields["continues"]), bool(fields["readable"])
    recognised = bool(fields.get("recognised", False))
    return PageText(int(fields["page"]), blocks, continues, readable, recognised)


def _error(name: str, message: str) -> errors.EdgehybridError:
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, errors.EdgehybridError):
        return kind(message)
    return errors.DocumentError(message)
