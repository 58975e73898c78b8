"""Running heads and page numbers: what comes back at the same height on page after page.

Only the outermost rows of a page are looked at. A page is judged by its neighbours, so reading
stays a stream: the pages up to `REACH` before and after it must have been seen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from edgehybrid.documents.layout import RawPage, Run
from edgehybrid.documents.layout.blocks import ENDED

#: How many pages before and after a page are compared with it.
REACH = 8
#: How many rows at the top and at the bottom of a page may be running.
MARGIN_ROWS = 3
#: Heights on the page that differ by fewer points than this are the same.
SAME_HEIGHT = 4.0

_NUMBER = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(r"^\W*(?:page\s+)?(\d{1,5})\b|\b(\d{1,5})\W*$", re.I)
_ROMAN = re.compile(r"^\W*[ivxl]+\W*$")

Mark = tuple[str | int, int]  # (text without digits, or page number less page, height)


class Margins(NamedTuple):
    """The outermost rows of one page: the top one first, then downwards; likewise upwards."""

    page: int
    rows: tuple[tuple[Run, ...], ...]
    outer: frozenset[int]  # which rows are the first and the last of the page
    marks: frozenset[Mark]  # what could come back on other pages

    @classmethod
    def of(cls, page: RawPage) -> Margins:
        """The margins of `page`."""
        rows = [tuple(row) for row in _rows(page.runs)]
        bottom = max(MARGIN_ROWS, len(rows) - MARGIN_ROWS)
        kept = rows[:MARGIN_ROWS] + rows[bottom:]
        marks = {mark for row in kept for run in row for mark in _marks(run, page.number)}
        widened = {(what, height + step) for what, height in marks for step in (-1, 0, 1)}
        outer = frozenset({0, len(kept) - 1})
        return cls(page.number, tuple(kept), outer, frozenset(widened))


def without_running(page: RawPage, margins: Margins, others: Iterable[Margins]) -> RawPage:
    """`page` without the runs that come back on enough of the `others`."""
    neighbours = [other.marks for other in others]
    needed = 1 if len(neighbours) < 4 else 2
    seen = Counter(chain.from_iterable(neighbours))
    running: set[Run] = set()
    for index, row in enumerate(margins.rows):
        repeated = [run for run in row if _is_repeated(run, margins.page, seen, needed)]
        numbered = any(_is_numbered(run, margins.page, seen, needed) for run in row)
        # The title of the chapter may stand beside the page number, and changes.
        running.update(row if numbered and index in margins.outer else repeated)
    left = tuple(run for run in page.runs if run not in running)
    # A page of nothing else is a form or a slide that says the same, unless it is blank.
    return page if not left and _says_something(page) else page._replace(runs=left)


def _says_something(page: RawPage) -> bool:
    return any(len(run.text.split()) > 3 and ENDED.search(run.text) for run in page.runs)


def _rows(runs: Iterable[Run]) -> Iterator[list[Run]]:
    row: list[Run] = []
    for run in sorted(runs, key=lambda run: -run.base):
        if row and row[0].base - run.base > SAME_HEIGHT:
            yield row
            row = []
        row.append(run)
    if row:
        yield row


def _marks(run: Run, page: int) -> Iterator[Mark]:
    height = round(run.base / SAME_HEIGHT)
    letters = _NUMBER.sub("#", run.text).casefold()
    if _ROMAN.match(letters):
        yield "#roman", height
    elif any(character.isalpha() for character in letters):
        yield letters, height
    for offset in _offsets(run, page):
        yield offset, height


def _offsets(run: Run, page: int) -> Iterator[int]:
    """The number at the start or end of the run, less the page's number in the file."""
    for match in _PAGE_NUMBER.finditer(run.text):
        yield int(match[1] or match[2]) - page


def _is_repeated(run: Run, page: int, seen: Counter[Mark], needed: int) -> bool:
    bare = not any(character.isalpha() for character in run.text)
    return any(
        seen[mark] >= needed for mark in _marks(run, page) if isinstance(mark[0], str) or bare
    )


def _is_numbered(run: Run, page: int, seen: Counter[Mark], needed: int) -> bool:
    height = round(run.base / SAME_HEIGHT)
    return any(seen[offset, height] >= needed for offset in _offsets(run, page))
