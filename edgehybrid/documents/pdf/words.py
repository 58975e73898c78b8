"""The words of a page as PDFium gives them.

One call costs about 0.4 us, so boxes are asked for at the first and last character only.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from typing import Any

import pypdfium2.raw as pdfium

from edgehybrid.documents.layout.drawn import Word
from edgehybrid.documents.layout.drawn import words_of as words_between

#: One rectangle for all calls: left, top, right, bottom, as FS_RECTF has them.
_BOX = pdfium.FS_RECTF()
_BOX_POINTER = ctypes.byref(_BOX)
_BOX_VALUES = (ctypes.c_float * 4).from_buffer(_BOX)


def words_of(textpage: Any) -> Iterator[Word]:
    """The words of an open text page, in the order in which they are drawn."""
    count = int(pdfium.FPDFText_CountChars(textpage))
    if count <= 0:
        return

    def index_of(place: int) -> int:
        return int(pdfium.FPDFText_GetCharIndexFromTextIndex(textpage, place))

    def box(index: int) -> Iterable[float]:
        pdfium.FPDFText_GetLooseCharBox(textpage, index, _BOX_POINTER)
        return _BOX_VALUES

    yield from words_between(_text(textpage, count), count, index_of, box)


def _text(textpage: Any, count: int) -> str:
    buffer = (ctypes.c_ushort * (count + 1))()
    written = max(int(pdfium.FPDFText_GetText(textpage, 0, count, buffer)), 1)
    return bytes(memoryview(buffer)[: written - 1]).decode("utf-16-le", "replace")
