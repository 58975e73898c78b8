"""Lines that were recognised as the layout takes them: runs with boxes in points."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from edgehybrid.documents.layout import Run
from edgehybrid.documents.ocr.engine import Line

#: The boxes of lines of one size differ by so much: with capitals and tails, or without.
SAME = 0.75, 1.35
#: What a line's box is higher than its letters' size.
LOOSE = 1.15


def runs_of(lines: list[Line], scale: float, height: float) -> Iterator[Run]:
    """Runs of `lines`, in points.

    Sizes near the page's usual one are made the same, as the layout tells headings by theirs.

    Args:
        lines: in pixels, y downwards.
        scale: pixels a point.
        height: of the page in points.
    """
    if not lines:
        return
    usual = median(line.bottom - line.top for line in lines)
    for line in lines:
        own = line.bottom - line.top
        size = (usual if SAME[0] * usual <= own <= SAME[1] * usual else own) / LOOSE / scale
        middle = height - (line.top + line.bottom) / 2 / scale
        base = middle - size / 2
        yield Run(line.left / scale, line.right / scale, base, size, round(size, 1), 0, line.text)
