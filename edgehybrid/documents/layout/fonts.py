"""What a font's name and flags say about its style."""

from __future__ import annotations

import re

from edgehybrid.documents.layout import BOLD, FORMULA, ITALIC, MONO

_STYLES = (
    (BOLD, re.compile(r"bold|black|heavy|demi|cmbx|cmb\d|sfbx|-bd|-medi|-b$|\.bi?$", re.I)),
    (ITALIC, re.compile(r"ital|obli|cmti|slant|cmsl|-it$|\.b?i$", re.I)),
    (MONO, re.compile(r"mono|nimbusmon|courier|consol|typewriter|cmtt|sftt|cmsltt|menlo", re.I)),
    (FORMULA, re.compile(r"math|cmmi|cmsy|cmex|msam|msbm|symbol|eufm|mtmi|mtsy", re.I)),
)
#: Bits of the flags of a PDF font descriptor (ISO 32000-1, table 123).
_FIXED_PITCH, _FORCE_BOLD = 1 << 0, 1 << 18


def style_of(name: bytes, flags: int) -> int:
    """The style bits that a font's `name` and descriptor `flags` tell."""
    readable = name.decode("utf-8", "replace")
    style = sum(bit for bit, pattern in _STYLES if pattern.search(readable))
    if flags & _FIXED_PITCH:
        style |= MONO
    if flags & _FORCE_BOLD:
        style |= BOLD
    return style
