"""The whole of the layout, as a stream: raw pages in, pages of blocks out.

A page is put out once the pages after it that it is compared with have been seen, so memory
does not grow with the document, apart from its vocabulary.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from edgehybrid.documents.document import Block, PageText
from edgehybrid.documents.layout import RawPage
from edgehybrid.documents.layout.blocks import paragraphs_of
from edgehybrid.documents.layout.flow import across, joined
from edgehybrid.documents.layout.kinds import Paragraph, classify
from edgehybrid.documents.layout.lines import lines_of
from edgehybrid.documents.layout.running import REACH, Margins, without_running
from edgehybrid.documents.layout.sections import Sections
from edgehybrid.documents.layout.tables import mark_tables
from edgehybrid.documents.layout.words import Vocabulary, clean, join_lines, repair


class _Seen(NamedTuple):
    page: RawPage
    margins: Margins


class _Laid(NamedTuple):
    page: RawPage
    paragraphs: list[Paragraph]


def lay_out(pages: Iterable[RawPage]) -> Iterator[PageText]:
    """Yield the text of `pages` in reading order, in blocks with their kinds."""
    layout = _Layout()
    waiting: _Laid | None = None
    for laid in layout.laid(pages):
        if waiting is not None:
            here, there, goes_on = across(waiting.paragraphs, laid.paragraphs, layout.vocabulary)
            yield _page_text(_Laid(waiting.page, here), goes_on)
            laid = _Laid(laid.page, there)
        waiting = laid
    if waiting is not None:
        yield _page_text(waiting, False)


class _Layout:
    """What is known of a document while its pages come in."""

    def __init__(self) -> None:
        self.vocabulary = Vocabulary()
        self._sizes: Counter[float] = Counter()
        self._sections = Sections()

    def laid(self, pages: Iterable[RawPage]) -> Iterator[_Laid]:
        before: deque[Margins] = deque(maxlen=REACH)
        ahead: deque[_Seen] = deque()
        for page in pages:
            ahead.append(self._learn(page))
            if len(ahead) > REACH:
                yield self._next(before, ahead)
        while ahead:
            yield self._next(before, ahead)

    def _learn(self, page: RawPage) -> _Seen:
        runs = tuple(run._replace(text=clean(run.text)) for run in page.runs)
        for run in runs:
            self.vocabulary.add(run.text)
            self._sizes[round(2 * run.size) / 2] += len(run.text)
        page = page._replace(runs=tuple(run for run in runs if run.text.strip()))
        return _Seen(page, Margins.of(page))

    def _next(self, before: deque[Margins], ahead: deque[_Seen]) -> _Laid:
        page, margins = ahead.popleft()
        others = [*before, *(seen.margins for seen in ahead)]
        before.append(margins)
        page = without_running(page, margins, others)
        paragraphs = mark_tables(list(self._paragraphs(page)))
        return _Laid(page, joined(self._sections.place(paragraphs), self.vocabulary))

    def _paragraphs(self, page: RawPage) -> Iterator[Paragraph]:
        body = self._sizes.most_common(1)[0][0] if self._sizes else 0.0
        for lines in paragraphs_of(lines_of(page)):
            text = join_lines((line.text for line in lines), self.vocabulary)
            text = repair(text, self.vocabulary)
            yield classify(lines, text, body, page.number)


def _page_text(laid: _Laid, goes_on: bool) -> PageText:
    blocks = [Block(p.text, p.kind) for p in laid.paragraphs]
    if laid.page.rotated:
        rotated = Block(clean(laid.page.rotated), "table")
        blocks.insert(len(blocks) - goes_on, rotated)
    page = laid.page
    return PageText(page.number, tuple(blocks), goes_on, not page.fault, page.recognised)
