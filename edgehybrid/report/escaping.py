"""Text of strangers as HTML: nothing in it is markup, and nothing steers what stands beside it."""

from __future__ import annotations

import re
from html import escape

#: Shown for characters that HTML forbids, and for those that turn the direction of other text.
REPLACEMENT = "\ufffd"
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls; a tab and a line feed are white space
    "\u2028\u2029\u202a-\u202e\u2066-\u2069"  # line separators; embeddings, overrides, isolates
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # halves of characters, and what is none
    + "".join(chr(plane << 16 | low) for plane in range(1, 17) for low in (0xFFFE, 0xFFFF))
    + "]"
)


def escaped(text: str) -> str:
    """`text` for an element's content or a quoted attribute."""
    return escape(_UNSAFE.sub(REPLACEMENT, text), quote=True)
