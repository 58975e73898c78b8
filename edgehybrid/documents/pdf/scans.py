"""Pages that are pictures of text: it is recognised, if there is something to do it with."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from edgehybrid.documents import ocr
from edgehybrid.documents.layout import RawPage
from edgehybrid.documents.pdf.pdfium import PdfiumError, PdfiumFile

if TYPE_CHECKING:
    from edgehybrid.documents.ocr.engine import Recogniser

#: A page with pictures and fewer words than this is a scan, with a stamp perhaps.
MIN_SCAN_WORDS = 5
#: No line is legible in a picture of fewer pixels; and what has no word in it is a drawing.
LEGIBLE = 24
_WORD = re.compile(r"[^\W\d_]{2}")


class Scans:
    """Recognises the text of the pages of one file that have pictures and no text."""

    def __init__(self, file: PdfiumFile, on_recognising: Callable[[int], None]) -> None:
        self._file, self._on_recognising = file, on_recognising
        self._recogniser: Recogniser | None = None

    def recognised(self, page: RawPage) -> RawPage:
        """`page`, or what was recognised on it, if it is a scan."""
        if not is_scan(page) or ocr.version() is None:
            return page
        from edgehybrid.documents.ocr.runs import runs_of

        self._on_recognising(page.number)  # from here on there is more time and memory
        try:
            picture, scale = self._file.draw(page.number)
        except PdfiumError:
            return page
        if max(picture.shape) < LEGIBLE:
            return page
        lines = self._engine().lines(picture)
        runs = tuple(runs_of(lines, scale, picture.shape[0] / scale))
        if not any(_WORD.search(run.text) for run in runs):
            return page
        return page._replace(runs=runs, rotated="", recognised=True)

    def _engine(self) -> Recogniser:
        if self._recogniser is None:
            from edgehybrid.documents.ocr.engine import Recogniser

            self._recogniser = Recogniser()
        return self._recogniser


def is_scan(page: RawPage) -> bool:
    """Whether `page` has pictures and hardly a word."""
    words = sum(len(run.text.split()) for run in page.runs)
    return not page.fault and page.images > 0 and words < MIN_SCAN_WORDS
