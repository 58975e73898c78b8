"""Words, in scripts with spaces between them and without.

Chinese, Japanese, Thai, Lao, Khmer and Burmese are written without: there, two characters count
as a word, which is about their usual length, and pairs of neighbours take the place of words where
texts are compared. (Korean has spaces.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

#: So many characters of a script without spaces count as one word.
CHARACTERS_A_WORD = 2
#: Words are compared by their beginning: "configured" and "configuration" are the same.
STEM = 6

_NO_SPACES = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # Kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
#: Signs over, under and between letters, which belong to words but are no letters by themselves.
_MARKS = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670"  # Latin, Hebrew, Arabic
    "\u0900-\u0963\u0971-\u0fff"  # India to Tibet
)
_RUN = re.compile(f"[{_NO_SPACES}]+")
_ANY = re.compile(f"[{_NO_SPACES}]")
_WORD = re.compile(f"(?:[^\\W_{_NO_SPACES}]|[{_MARKS}])+|[{_NO_SPACES}]+")
_MARK = re.compile(f"[{_MARKS}\u1000-\u109f\u1780-\u17ff]")


def count_words(text: str) -> int:
    """Pieces between white space that hold a letter or figure; see above for other scripts."""
    if text.isascii() or not _ANY.search(text):
        return sum(any(map(str.isalnum, piece)) for piece in text.split())
    runs = sum(-(-len(run) // CHARACTERS_A_WORD) for run in _RUN.findall(text))
    return runs + count_words(_RUN.sub(" ", text))


def count_letters(text: str) -> int:
    """Letters, signs that belong to letters, and white space."""
    letters = sum(c.isalpha() or c.isspace() for c in text)
    if text.isascii():
        return letters
    return letters + sum(not mark.isalpha() for mark in _MARK.findall(text))


def is_without_spaces(text: str) -> bool:
    """Whether the last letter of `text` is of a script without spaces, which may have no stops."""
    last = next((c for c in reversed(text) if c.isalnum() or _MARK.match(c)), "")
    return bool(_ANY.match(last))


def stems(text: str, silent: frozenset[str] = frozenset()) -> Iterator[str]:
    """The beginnings of the words of `text`, or pairs of characters; without `silent` words."""
    for word in _WORD.findall(text.casefold()):
        if _ANY.match(word):
            yield from (a + b for a, b in pairwise(word)) if len(word) > 1 else (word,)
        elif word not in silent:
            yield word[:STEM]
