"""Stands in for edgehybrid/documents/pdf/words.py: boxes come in one array, not through ctypes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pypdfium2.raw as pdfium

from edgehybrid.documents.layout.drawn import Word
from edgehybrid.documents.layout.drawn import words_of as words_between


def words_of(textpage: Any) -> Iterator[Word]:
    """The words of an open text page, in the order in which they are drawn."""
    count = int(pdfium.FPDFText_CountChars(textpage))
    if count <= 0:
        return
    text = pdfium.utf16(textpage, count).to_bytes().decode("utf-16-le", "replace")
    boxes = pdfium.boxes(textpage, count).to_py()  # left, top, right, base of each character

    def index_of(place: int) -> int:
        return int(pdfium.FPDFText_GetCharIndexFromTextIndex(textpage, place))

    def box(index: int) -> Iterable[float]:
        found: Iterable[float] = boxes[4 * index : 4 * index + 4]
        return found

    yield from words_between(text, count, index_of, box)
