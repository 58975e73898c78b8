"""Reads a PDF file's cross-reference tables and streams: where each object begins."""

from __future__ import annotations

import base64
import re
import zlib
from typing import NamedTuple

from edgehybrid.documents.pdf.syntax import (
    OBJECT,
    Data,
    Stream,
    dictionary_at,
    number,
    numbers,
    stream_at,
)

#: A cross-reference stream larger than this, in bytes, is not read: it would list 10**7 objects.
MAX_XREF = 1 << 27
#: A row there has at most so many bytes; real ones have ten.
MAX_COLUMNS = 4096
#: The header may come after junk of so many bytes, and the tables' offsets count from it or not.
MAX_JUNK = 1024

_TABLE = re.compile(rb"\s*xref\b")
_SECTION = re.compile(rb"\s*(\d{1,10})\s+(\d{1,10})(?=\s)(?!\s+[nf]\b)")
_ENTRY = re.compile(rb"\s*(\d{1,10})\s+(\d{1,5})\s+([nf])\b")
_TRAILER = re.compile(rb"\s*trailer\b")
_STARTXREF = re.compile(rb"startxref\s+(\d{1,15})")
_UPDATE = re.compile(rb"\b\d{1,10}\s+\d{1,5}\s+obj\b")
#: Bytes of one pixel, so of one step back, in a cross-reference stream's predictor.
_PIXEL = 1


class DamageError(Exception):
    """What is wrong with the structure of the file, as the end of a sentence."""


class Xref(NamedTuple):
    """Where objects begin in the file; 0 stands for objects in streams and for free ones."""

    offsets: dict[int, int]
    trailer: bytes
    checked: bool  # False where a section is packed in a way that is not read here

    @property
    def encrypted(self) -> bool:
        """Whether the contents of streams are encrypted."""
        return b"/Encrypt" in self.trailer


def read_xref(data: Data) -> Xref:
    """Follow the cross-reference sections from the end of the file.

    Raises:
        DamageError: a section is missing or cannot be read.
    """
    last = data.rfind(b"startxref")
    if last < 0:
        raise DamageError('it has no "startxref" at its end, so a part of it may be missing')
    found = _STARTXREF.match(data, last)
    if not found:
        raise DamageError('"startxref" is not followed by a position')
    if _UPDATE.search(data, max(data.rfind(b"%%EOF"), found.end())):
        raise DamageError("objects follow its last trailer, so it was cut off while being updated")
    return _follow(data, int(found[1]), max(data.find(b"%PDF-", 0, MAX_JUNK), 0))


def _follow(data: Data, start: int, junk: int) -> Xref:
    shift = junk if _is_section(data, start + junk) else 0
    offsets: dict[int, int] = {}
    waiting, seen, trailer, checked = [start], set[int](), b"", True
    while waiting:
        position = waiting.pop()
        if position in seen:
            continue
        seen.add(position)
        section, more, whole = _read_section(data, position + shift)
        trailer, checked = trailer or section, checked and whole
        for key, offset in more.items():
            offsets.setdefault(key, offset + shift if offset else 0)
        for name in (b"Prev", b"XRefStm"):
            if previous := number(section, name):
                waiting.append(previous)
    return Xref(offsets, trailer, checked)


def _is_section(data: Data, position: int) -> bool:
    return bool(_TABLE.match(data, position) or OBJECT.match(data, position))


def _read_section(data: Data, position: int) -> tuple[bytes, dict[int, int], bool]:
    """The trailer's dictionary, the offsets, and whether all of the section could be read."""
    if table := _TABLE.match(data, position):
        return _read_table(data, table.end())
    stream = stream_at(data, position) if position < len(data) else None
    if stream is None or b"/XRef" not in stream.dictionary:
        raise DamageError(f"its cross-reference table is not at byte {position:,} as it says")
    return _read_stream(data, stream)


def _read_table(data: Data, position: int) -> tuple[bytes, dict[int, int], bool]:
    offsets: dict[int, int] = {}
    while section := _SECTION.match(data, position):
        first, count = int(section[1]), int(section[2])
        position = section.end()
        for key in range(first, first + count):
            entry = _ENTRY.match(data, position)
            if not entry:
                raise DamageError(f"its cross-reference table has no entry for object {key:,}")
            offsets[key] = int(entry[1]) if entry[3] == b"n" else 0
            position = entry.end()
    if not (trailer := _TRAILER.match(data, position)):
        raise DamageError("its cross-reference table has no trailer")
    return dictionary_at(data, trailer.end()), offsets, True


def _read_stream(data: Data, stream: Stream) -> tuple[bytes, dict[int, int], bool]:
    dictionary = stream.dictionary
    widths = numbers(dictionary, b"W")
    content = _content(data, stream)
    if content is None or len(widths) != 3 or not 0 < sum(widths) <= 64:
        return dictionary, {}, False
    ranges = numbers(dictionary, b"Index") or [0, number(dictionary, b"Size") or 0]
    offsets: dict[int, int] = {}
    position = 0
    for first, count in zip(ranges[::2], ranges[1::2], strict=False):
        for key in range(first, first + count):
            row = content[position : position + sum(widths)]
            if len(row) < sum(widths):
                raise DamageError(f"its cross-reference stream has no entry for object {key:,}")
            offsets[key] = _offset(row, widths)
            position += len(row)
    return dictionary, offsets, True


def _offset(row: bytes, widths: list[int]) -> int:
    kind = int.from_bytes(row[: widths[0]], "big") if widths[0] else 1
    return int.from_bytes(row[widths[0] : widths[0] + widths[1]], "big") if kind == 1 else 0


def _content(data: Data, stream: Stream) -> bytes | None:
    """The decoded content of a cross-reference stream; None if its filter is not known here."""
    packed = bytes(data[stream.start : min(stream.end, stream.start + MAX_XREF)])
    try:
        if stream.is_flate:
            packed = zlib.decompressobj().decompress(packed, MAX_XREF)
        elif b"ASCII85Decode" in stream.dictionary:
            packed = base64.a85decode(packed.strip().removesuffix(b"~>"))
        elif b"/Filter" in stream.dictionary:
            return None
    except (zlib.error, ValueError) as error:
        raise DamageError("its cross-reference stream cannot be decoded") from error
    if (number(stream.dictionary, b"Predictor") or 1) < 10:
        return packed
    columns = number(stream.dictionary, b"Columns") or 1
    return _unpredicted(packed, columns) if 0 < columns <= MAX_COLUMNS else None


def _unpredicted(packed: bytes, columns: int) -> bytes | None:
    """Undo the PNG predictors None, Sub and Up; None if there are others."""
    rows, above = bytearray(), bytes(columns)
    for start in range(0, len(packed), columns + 1):
        kind, row = packed[start], bytearray(packed[start + 1 : start + 1 + columns])
        if kind == 1:
            for index in range(_PIXEL, len(row)):
                row[index] = (row[index] + row[index - _PIXEL]) & 0xFF
        elif kind == 2:
            row = bytearray((a + b) & 0xFF for a, b in zip(row, above, strict=False))
        elif kind:
            return None
        rows += row
        above = bytes(row)
    return bytes(rows)
