"""As much of the PDF syntax as it takes to check a file, without trusting it.

Dictionaries are looked at with patterns, not parsed: a check may overlook something in a file
that is written strangely, but it must not take long or fail.
"""

from __future__ import annotations

import mmap
import re
import zlib
from typing import NamedTuple

#: A file's bytes, mapped, so that large files cost no memory.
Data = mmap.mmap | bytes
#: Dictionaries are looked at up to this many bytes.
MAX_DICTIONARY = 1 << 16
#: Streams are inflated in steps of this many bytes.
STEP = 1 << 18

OBJECT = re.compile(rb"\s*(\d{1,10})\s+(\d{1,5})\s+obj\b")
_BRACKETS = re.compile(rb"<<|>>|\bstream\b|\bendobj\b")
_STREAM = re.compile(rb"\s*stream(?:\r\n|\n|\r)")
_FLATE = re.compile(rb"/(?:Filter|F)\s*\[?\s*/(?:FlateDecode|Fl)\b")


class Inflated(NamedTuple):
    """How far a compressed stream could be read: `size` in bytes, and what was wrong."""

    size: int
    fault: str = ""


class Stream(NamedTuple):
    """A stream object's dictionary and where its content lies in the file."""

    dictionary: bytes
    start: int
    end: int

    @property
    def is_flate(self) -> bool:
        """Whether the content is compressed with zlib first of all."""
        return bool(_FLATE.search(self.dictionary))


def dictionary_at(data: Data, position: int) -> bytes:
    """The dictionary that begins at or soon after `position`; empty if none does."""
    depth, start = 0, -1
    for match in _BRACKETS.finditer(data, position, position + MAX_DICTIONARY):
        if match[0] == b"<<":
            start = match.start() if start < 0 else start
            depth += 1
        elif match[0] == b">>":
            depth -= 1
            if depth == 0:
                return bytes(data[start : match.end()])
        elif depth <= 0:
            break
    return b""


def stream_at(data: Data, position: int) -> Stream | None:
    """The stream object at `position`, if the object there is a stream."""
    begins = OBJECT.match(data, position)
    if not begins:
        return None
    dictionary = dictionary_at(data, begins.end())
    after = data.find(dictionary, begins.end()) + len(dictionary) if dictionary else -1
    opened = _STREAM.match(data, after) if after >= 0 else None
    if not opened:
        return None
    start = opened.end()
    length = number(dictionary, b"Length")
    if (
        length is not None
        and data[start + length : start + length + 16].lstrip()[:9] == b"endstream"
    ):
        return Stream(dictionary, start, start + length)
    end = data.find(b"endstream", start)
    return Stream(dictionary, start, len(data) if end < 0 else end)


def number(dictionary: bytes, key: bytes) -> int | None:
    """The direct whole number under `key`; None if there is none, or a reference."""
    found = re.search(rb"/" + key + rb"\s+(-?\d{1,15})(?!\d|\s+\d+\s+R)", dictionary)
    return int(found[1]) if found else None


def numbers(dictionary: bytes, key: bytes) -> list[int]:
    """The whole numbers in the array under `key`."""
    found = re.search(rb"/" + key + rb"\s*\[([\d\s]{0,4096})\]", dictionary)
    return [int(digits) for digits in found[1].split()] if found else []


def reference(dictionary: bytes, key: bytes) -> int | None:
    """The number of the object to which `key` refers."""
    found = re.search(rb"/" + key + rb"\s+(\d{1,10})\s+\d+\s+R", dictionary)
    return int(found[1]) if found else None


def inflate(data: Data, stream: Stream, limit: int) -> Inflated:
    """Inflate a stream in small steps, keeping nothing, until it has more than `limit` bytes."""
    size, fault = _inflate(data, stream.start, stream.end, limit, zlib.MAX_WBITS)
    if fault == "it ends too soon":  # a missing checksum at the end does no harm
        _, raw_fault = _inflate(data, stream.start + 2, stream.end, limit, -zlib.MAX_WBITS)
        fault = fault if raw_fault else ""
    return Inflated(size, fault)


def _inflate(data: Data, start: int, end: int, limit: int, bits: int) -> tuple[int, str]:
    inflater, size = zlib.decompressobj(bits), 0
    try:
        for position in range(start, end, STEP):
            waiting = data[position : min(position + STEP, end)]
            while waiting and not inflater.eof and size <= limit:
                size += len(inflater.decompress(waiting, STEP))
                waiting = inflater.unconsumed_tail
            if inflater.eof or size > limit:
                return size, ""
    except zlib.error as error:
        return size, str(error).rpartition(": ")[2]
    return size, "it ends too soon"
