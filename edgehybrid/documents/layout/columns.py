"""The order in which a person reads the runs of a page: columns, and what spans them.

A column shows as many runs that start at the same x, with white space to the left of it. Runs
that cross that white space (titles, wide tables) cut the page into bands, and each band is read
column by column. Every part is then looked at again by itself, which finds third columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby, pairwise
from statistics import median
from typing import NamedTuple

from edgehybrid.documents.layout import Run

Runs = list[Run]

#: So many runs must start within so many points of an x to call it the edge of a column.
MIN_ALIGNED, ALIGNED_WITHIN = 4, 2.0
#: So many such x are tried, those with most runs first.
MAX_EDGES = 12
#: White space between columns is at least this many font sizes wide.
MIN_GUTTER = 0.7
#: Runs of prose have so many characters, and fill so much of the part they stand in.
MIN_CHARACTERS, MIN_FILLED = 14, 0.35
#: The parts of a table share baselines by more than this.
MAX_SHARED = 0.6
#: Rows of labels are farther apart than rows of prose by more than this factor.
MAX_STEP = 1.6
#: Runs whose bases differ by less than about this many points stand in one row.
ROW_HEIGHT = 3.0
#: How often parts are looked at again; three columns under a title need three.
MAX_DEPTH = 6


class _Gutter(NamedTuple):
    """White space from x = `left` to x = `right`."""

    left: float
    right: float


class _Band(NamedTuple):
    """A part of the page in which runs either all cross a gutter, or none does."""

    crossing: bool
    before: Runs
    after: Runs


def columns_in_order(runs: Runs) -> list[Runs]:
    """Split the runs of a page into columns, in reading order; each runs from top to bottom."""
    ordered = sorted(runs, key=lambda run: (-run.base, run.left))
    return [column for column in _split(ordered, MAX_DEPTH) if column]


def _split(runs: Runs, depth: int) -> list[Runs]:
    gutter = _best_gutter(runs) if depth else None
    if gutter is None:
        return [runs]
    columns: list[Runs] = []
    for band in _bands(runs, gutter):
        if not band.crossing and _are_columns(band):
            columns += _split(band.before, depth - 1) + _split(band.after, depth - 1)
        else:
            part = sorted(band.before + band.after, key=lambda run: (-run.base, run.left))
            columns += _split(part, depth - 1) if len(part) < len(runs) else [part]
    return columns


def _best_gutter(runs: Runs) -> _Gutter | None:
    """The gutter with most text on both sides of it, if there is any."""
    if len(runs) < 2 * MIN_ALIGNED:
        return None
    width = MIN_GUTTER * median(run.size for run in runs)
    best, best_gain = None, 0
    for edge in _edges(runs):
        gutter = _Gutter(edge - width, edge)
        gain = sum(_gain(band) for band in _bands(runs, gutter))
        if gain > best_gain:
            best, best_gain = gutter, gain
    return best


def _edges(runs: Runs) -> Iterator[float]:
    """The x at which a column may start."""
    starts = Counter(round(run.left / ALIGNED_WITHIN) for run in runs)
    leftmost = min(starts)
    for start, count in starts.most_common(MAX_EDGES):
        if start > leftmost + 1 and count + starts[start + 1] + starts[start - 1] >= MIN_ALIGNED:
            yield (start - 1) * ALIGNED_WITHIN


def _bands(runs: Runs, gutter: _Gutter) -> Iterator[_Band]:
    left, right = gutter
    width = right - left

    def crosses(run: Run) -> bool:
        # A word that hangs over the edge of its column does not make it wider.
        return run.left < left and run.right > right + width

    for crossing, group in groupby(runs, crosses):
        before: Runs = []
        after: Runs = []
        for run in group:
            (after if run.left + run.right > left + right else before).append(run)
        yield _Band(crossing, before, after)


def _gain(band: _Band) -> int:
    """How many runs of prose stand in `band` beside other text; 0 if it is one column."""
    few, many = sorted((band.before, band.after), key=len)
    if band.crossing or len(few) < 2 or (len(few) == 2 and _share_rows(few, many)):
        return 0
    overlap = min(few[0].top, many[0].top) - max(few[-1].base, many[-1].base)
    if overlap < 2 * few[0].height or not _are_columns(band):
        return 0
    return sum(len(part) for part in (few, many) if _is_filled(part))


def _are_columns(band: _Band) -> bool:
    """Whether both parts are prose, or one is and the other is not in rows with it."""
    before, after = _is_filled(band.before), _is_filled(band.after)
    if before and after:
        few, many = sorted((band.before, band.after), key=len)
        return not (_is_sparse(few, many) and _share_rows(few, many))
    cells, prose = (band.after, band.before) if before else (band.before, band.after)
    if not (before or after) or not cells or len(prose) < MIN_ALIGNED:
        return False
    return not _share_rows([run for run in cells if len(run.text) < MIN_CHARACTERS], prose)


def _is_sparse(few: Runs, many: Runs) -> bool:
    """Whether the rows of one part are far apart, as the labels of a table with long cells are."""
    return _row_step(few) > MAX_STEP * _row_step(many)


def _row_step(runs: Runs) -> float:
    rows = sorted({round(run.base / ROW_HEIGHT) for run in runs})
    return median(after - before for before, after in pairwise(rows)) if len(rows) > 1 else 0.0


def _share_rows(cells: Runs, others: Runs) -> bool:
    """Whether most `cells` stand on the baselines of the `others`, as in a table."""
    bases = {round(2 * run.base) + step for run in others for step in (-1, 0, 1)}
    shared = sum(round(2 * run.base) in bases for run in cells)
    return shared > MAX_SHARED * len(cells)


def _is_filled(runs: Runs) -> bool:
    """Whether most rows are as wide as the part, which those of tables and labels are not."""
    if not runs:
        return False
    width = max(run.right for run in runs) - min(run.left for run in runs)
    rows = _longest_in_rows(runs)
    wide = median(run.right - run.left for run in rows) > MIN_FILLED * width
    return wide and median(len(run.text) for run in rows) >= MIN_CHARACTERS


def _longest_in_rows(runs: Runs) -> Runs:
    """The longest run of every row: the number of an item may stand in a run of its own."""
    longest: dict[int, Run] = {}
    for run in runs:
        row = round(run.base / ROW_HEIGHT)
        if row not in longest or len(run.text) > len(longest[row].text):
            longest[row] = run
    return list(longest.values())
