"""The page as a whole: totals, what is cited, a legend, then the document page by page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import edgehybrid
from edgehybrid.report.bars import Counts, bar, count_pages, strip
from edgehybrid.report.body import blocks
from edgehybrid.report.escaping import escaped
from edgehybrid.report.head import head
from edgehybrid.report.marks import marks_of
from edgehybrid.report.overview import cited, layers, legend, totals
from edgehybrid.report.style import STYLE

if TYPE_CHECKING:
    from edgehybrid.tasks.explain import Explanation


def page_of(explanation: Explanation) -> Iterator[str]:
    """The HTML in pieces, of which each page of the document is one or more."""
    document = explanation.document
    marks = marks_of(explanation.layers, document.stream.position)
    counts = count_pages(explanation.text.units, marks)
    yield head(f"{document.name}: what was kept", STYLE)
    yield '<a class="skip" href="#text">Skip to the text</a>\n'
    yield f"<h1>What was kept of {_isolated(document.name)}</h1>\n"
    yield totals(explanation, marks)
    yield cited(explanation)
    yield legend(explanation, marks)
    yield layers(explanation.layers)
    unit = document.reading.unit
    yield strip(counts, unit)
    yield '<main id="text" lang="">\n'
    numbers = {unit: i for i, unit in enumerate(explanation.cited, start=1)}
    places = enumerate(explanation.text.units)
    for page, group in groupby(places, key=lambda place: place[1].page):
        yield _heading(counts[page], unit)
        yield from blocks(group, explanation.text, marks, numbers)
        yield "</section>\n"
    yield "</main>\n<footer><p>This page is complete in itself: it loads nothing, sends nothing "
    yield f"and holds no script. Made by edgehybrid {edgehybrid.__version__}.</p></footer>\n"
    yield "</body>\n</html>\n"


def _isolated(name: str) -> str:
    return f'<bdi lang="">{escaped(name)}</bdi>'


def _heading(counts: Counts, unit: str) -> str:
    title = f"{unit.capitalize()} {counts.page}" if counts.page else f"Before the first {unit}"
    told = f'<p class="count" lang="en">{counts.told()}</p>\n'
    return f'<section id="page-{counts.page}">\n<h2 lang="en">{title}</h2>\n{bar(counts)}{told}'
