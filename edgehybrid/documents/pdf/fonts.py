"""Size and style of characters, as PDFium gives them."""

from __future__ import annotations

import ctypes
from math import hypot
from typing import Any

import pypdfium2.raw as pdfium

from edgehybrid.documents.layout.fonts import style_of

_NAME_BYTES = 128


class Fonts:
    """Size and style of characters; names of fonts are looked at once each."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, int], int] = {}
        self._name = ctypes.create_string_buffer(_NAME_BYTES)
        self._flags = ctypes.c_int()
        self._matrix = pdfium.FS_MATRIX()

    def at(self, textpage: Any, index: int) -> tuple[float, int]:
        """The size in points, as drawn, and the style bits of character `index`."""
        size = float(pdfium.FPDFText_GetFontSize(textpage, index))
        if pdfium.FPDFText_GetMatrix(textpage, index, self._matrix):
            size *= hypot(self._matrix.c, self._matrix.d)
        self._name.value = b""
        pdfium.FPDFText_GetFontInfo(textpage, index, self._name, _NAME_BYTES, self._flags)
        key = self._name.value, self._flags.value
        if key not in self._known:
            self._known[key] = style_of(*key)
        return round(size, 1), self._known[key]
