"""What a font's name and flags say about its style."""

from __future__ import annotations

import ctypes
import re
from math import hypot
from typing import Any

import pypdfium2.raw as pdfium

from edgehybrid.documents.layout import BOLD, FORMULA, ITALIC, MONO

_STYLES = (
    (BOLD, re.compile(r"bold|black|heavy|demi|cmbx|cmb\d|sfbx|-bd|-medi|-b$|\.bi?$", re.I)),
    (ITALIC, re.compile(r"ital|obli|cmti|slant|cmsl|-it$|\.b?i$", re.I)),
    (MONO, re.compile(r"mono|nimbusmon|courier|consol|typewriter|cmtt|sftt|cmsltt|menlo", re.I)),
    (FORMULA, re.compile(r"math|cmmi|cmsy|cmex|msam|msbm|symbol|eufm|mtmi|mtsy", re.I)),
)
#: Bits of the flags of a PDF font descriptor (ISO 32000-1, table 123).
_FIXED_PITCH, _FORCE_BOLD = 1 << 0, 1 << 18
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


def style_of(name: bytes, flags: int) -> int:
    """The style bits that a font's `name` and descriptor `flags` tell."""
    readable = name.decode("utf-8", "replace")
    style = sum(bit for bit, pattern in _STYLES if pattern.search(readable))
    if flags & _FIXED_PITCH:
        style |= MONO
    if flags & _FORCE_BOLD:
        style |= BOLD
    return style
