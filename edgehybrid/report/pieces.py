"""A unit's text, divided where what is kept begins and ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from unicodedata import combining

from edgehybrid.report.marks import Marks
from edgehybrid.report.units import Spans, Unit


class Piece(NamedTuple):
    """A run of characters.

    Attributes:
        text: of it; empty for a token without characters.
        routed: positions of its tokens that a router keeps.
        region: SINK, WINDOW or "".
    """

    text: str
    routed: tuple[int, ...] = ()
    region: str = ""


class _Run(NamedTuple):
    start: int
    end: int
    routed: tuple[int, ...]
    region: str


def pieces(unit: Unit, spans: Spans, marks: Marks) -> Iterator[Piece]:
    """The pieces of `unit`, whose texts joined are its text.

    Tokens that a router keeps are pieces of their own, but for those that share a character. White
    space before a token belongs to the piece before it.

    Args:
        unit: it.
        spans: the characters (start, end) of each of its tokens.
        marks: what is kept.
    """
    text, done = unit.text, 0
    for run in _joined(_kept(unit, spans, marks)):
        start, end = _trimmed(text, max(run.start, done), run.end)
        if start > done:
            yield Piece(text[done:start])
        done = max(end, start)
        yield Piece(text[start:done], run.routed, run.region)
    if done < len(text):
        yield Piece(text[done:])


def _kept(unit: Unit, spans: Spans, marks: Marks) -> Iterator[_Run]:
    """The tokens that are kept, one by one."""
    for position, (start, end) in enumerate(spans, start=unit.start):
        routed = (position,) if position in marks.routed else ()
        region = marks.region(position)
        if routed or (region and start < end):
            yield _Run(start, end, routed, region)


def _joined(runs: Iterator[_Run]) -> Iterator[_Run]:
    """Runs that share characters as one, and so those that follow one another for their place."""
    last: _Run | None = None
    for run in runs:
        if last is None:
            last = run
            continue
        plain = not last.routed and not run.routed and last.region == run.region
        if run.start < last.end or plain:
            last = _Run(
                last.start,
                max(last.end, run.end),
                last.routed + run.routed,
                last.region or run.region,
            )
        else:
            yield last
            last = run
    if last is not None:
        yield last


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without white space in front, if there is more; with all accents of the last letter."""
    while end < len(text) and start < end and combining(text[end]):
        end += 1
    inside = text[start:end]
    return (start + len(inside) - len(inside.lstrip()) if inside.strip() else start), end
