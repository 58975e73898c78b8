"""Stands in for edgehybrid/documents/pdf/fonts.py: names and flags come from JavaScript."""

from __future__ import annotations

from typing import Any

import pypdfium2.raw as pdfium

from edgehybrid.documents.layout.fonts import style_of


class Fonts:
    """Size and style of characters; names of fonts are looked at once each."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def at(self, textpage: Any, index: int) -> tuple[float, int]:
        """The size in points, as drawn, and the style bits of character `index`."""
        size = pdfium.size(textpage, index)
        font = pdfium.font(textpage, index)
        if font not in self._known:
            self._known[font] = style_of(pdfium.font_name(font).to_bytes(), pdfium.font_flags(font))
        return round(size, 1), self._known[font]
