"""Runs of a page to lines, in reading order, each with its text from left to right."""

from __future__ import annotations

from collections.abc import Iterator

from edgehybrid.documents.layout import FORMULA, Line, RawPage, Run
from edgehybrid.documents.layout.columns import columns_in_order

#: A gap wider than this many font sizes parts two cells of a table.
CELL_GAP = 1.6
#: Labels such as "12.", "(iv)" or a bullet have at most so many characters.
MAX_LABEL = 5


def lines_of(page: RawPage) -> list[Line]:
    """The lines of `page` in reading order."""
    lines: list[Line] = []
    for number, column in enumerate(columns_in_order(list(page.runs))):
        left = min(run.left for run in column)
        right = max(run.right for run in column)
        lines.extend(_line(row, number, left, right) for row in _rows(column))
    return lines


def _rows(column: list[Run]) -> Iterator[list[Run]]:
    """Group runs of one column, given from top to bottom, that stand on one baseline."""
    row: list[Run] = []
    for run in column:
        if row and not _share_line(max(row, key=_height), run):
            yield row
            row = []
        row.append(run)
    if row:
        yield row


def _height(run: Run) -> float:
    return run.height


def _share_line(run: Run, other: Run) -> bool:
    overlap = min(run.top, other.top) - max(run.base, other.base)
    return overlap > 0.5 * min(run.height, other.height)


def _line(row: list[Run], column: int, left: float, right: float) -> Line:
    row = sorted(row, key=lambda run: run.left)
    main = max(row, key=lambda run: len(run.text))
    style = main.style | (FORMULA if any(run.style & FORMULA for run in row) else 0)
    text, end = row[0].text, row[0].right
    # A number or a bullet before an item is not a cell of its own.
    cells = 0 if len(text) <= MAX_LABEL and len(row) > 1 else 1
    for run in row[1:]:
        gap = run.left - end
        cells += gap > CELL_GAP * main.size
        text += run.text if gap < 0.1 * main.size else " " + run.text
        end = max(end, run.right)
    return Line(
        row[0].left,
        end,
        main.base,
        main.height,
        main.size,
        style,
        text,
        cells,
        column,
        left,
        right,
    )
