"""Bytes made from other bytes: flips, cuts, repeats, splices, and words of the format."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

INTERESTING = [b"0", b"-1", b"1e999", b"9" * 30, b"\0", b"\xff" * 4, b"\x80", "\u202e".encode()]
#: No input is longer, in bytes.
LONGEST = 1 << 16


def mutated(source: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """One of the seeds after one to six changes."""
    data = bytearray(source.choice(seeds))
    for _ in range(source.choice((1, 1, 2, 3, 6))):
        source.choice(CHANGES)(source, data, seeds, words)
    return bytes(data[:LONGEST])


Change = Callable[[random.Random, bytearray, Sequence[bytes], Sequence[bytes]], None]


def _span(source: random.Random, data: Sequence[int]) -> slice:
    start = source.randrange(len(data) + 1)
    return slice(start, min(len(data), start + source.choice((1, 2, 4, 16, 64, 1024))))


def _flip(source: random.Random, data: bytearray, *_: object) -> None:
    if data:
        data[source.randrange(len(data))] ^= 1 << source.randrange(8)


def _set(source: random.Random, data: bytearray, *_: object) -> None:
    if data:
        data[source.randrange(len(data))] = source.randrange(256)


def _cut(source: random.Random, data: bytearray, *_: object) -> None:
    del data[_span(source, data)]


def _end(source: random.Random, data: bytearray, *_: object) -> None:
    del data[source.randrange(len(data) + 1) :]


def _repeat(source: random.Random, data: bytearray, *_: object) -> None:
    span = _span(source, data)
    data[span.start : span.start] = data[span] * source.choice((1, 2, 10, 100))


def _splice(source: random.Random, data: bytearray, seeds: Sequence[bytes], *_: object) -> None:
    other = source.choice(seeds)
    data[_span(source, data)] = other[_span(source, other)]


def _word(
    source: random.Random, data: bytearray, seeds: Sequence[bytes], words: Sequence[bytes]
) -> None:
    word = source.choice([*INTERESTING, *words])
    span = _span(source, data)
    data[span if source.random() < 0.5 else slice(span.start, span.start)] = word


def _number(source: random.Random, data: bytearray, *_: object) -> None:
    """Another number where digits stand."""
    places = [i for i, byte in enumerate(data) if 48 <= byte < 58]
    if places:
        at = source.choice(places)
        value = source.choice((-1, 0, 1, 2, 7, 255, 65536, 2**31, 2**53, source.randrange(1000)))
        data[at : at + 1] = str(value).encode()


CHANGES: list[Change] = [_flip, _set, _cut, _end, _repeat, _splice, _word, _number]
