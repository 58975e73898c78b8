"""Walking Protocol Buffers without their library: fields of a message, as they lie in the bytes."""

from __future__ import annotations

from collections.abc import Iterator

#: How a field is written: a number, 8 bytes, bytes with their length, 4 bytes.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10


class ProtobufError(ValueError):
    """The bytes are no message."""


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and the value of each field, in order; bytes are not copied.

    Raises:
        ProtobufError: a field goes beyond the end, or is written in a way that is not known.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = _varint(message, at)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise ProtobufError(f"field {number} is written in the unknown way {kind}")
        if size > len(message) - at:
            raise ProtobufError(f"field {number} goes beyond the end")
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends."""
    value = 0
    for i, byte in enumerate(message[at : at + _MAX_VARINT_BYTES]):
        value |= (byte & 127) << (7 * i)
        if byte < 128:
            return value, at + i + 1
    raise ProtobufError("a number goes beyond the end, or over 10 bytes")
