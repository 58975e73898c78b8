"""Whether a sentence can stand alone, by its form."""

from __future__ import annotations

import re

from edgehybrid.documents.words import count_letters, count_words, is_without_spaces

#: Shorter sentences ("See below.") say nothing alone; longer ones are run-on debris.
MIN_WORDS, MAX_WORDS = 4, 120
#: Below this share of letters a "sentence" is a formula, a table row or a line of code.
MIN_LETTERS = 0.62
#: From this share of letters on it is prose; between both, so many of its pieces must be words.
SURELY_PROSE, MIN_REAL_WORDS = 0.85, 0.45

_ENDS = re.compile(r"[.!?…。！？；｡।॥؟۔።։។။;][\"'”’»」』）)\]]*$")
#: What a formula or an example left over: ", 9, that is a digit.", "for i = 1, . . ."
_CUT = re.compile(r"[,.;:)\]}=/+*]|.*\. \.\W*$")
_REAL_WORD = re.compile(r"[^\W\d_]{2}")


def is_quotable(text: str, kind: str) -> bool:
    """Whether `text` can stand alone in a summary."""
    if kind not in ("prose", "list"):
        return False
    if not MIN_WORDS <= count_words(text) <= MAX_WORDS:
        return False
    if kind == "prose" and text[0].islower():  # the rest of something a table or code cut in two
        return False
    letters = count_letters(text)
    if letters < MIN_LETTERS * len(text) or _CUT.match(text):
        return False
    if not _ENDS.search(text) and not is_without_spaces(text):
        return False
    return letters >= SURELY_PROSE * len(text) or _has_words(text)


def _has_words(text: str) -> bool:
    pieces = text.split()
    return sum(bool(_REAL_WORD.search(piece)) for piece in pieces) >= MIN_REAL_WORDS * len(pieces)
