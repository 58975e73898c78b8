"""The words of a document as numbers, and what else is counted of a text without numpy."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable
from typing import NamedTuple

_WORD = re.compile(r"\w+")


class Numbered(NamedTuple):
    """The words (lower case, letters and digits) of n texts, numbered as they first appear.

    Attributes:
        items: int32, 0..kinds-1, of all texts one after the other.
        sizes: (n,) int32 how many words each text has.
        kinds: how many different words there are.
    """

    items: array[int]
    sizes: array[int]
    kinds: int


def numbered(texts: Iterable[str]) -> Numbered:
    """Number the words of `texts`."""
    numbers: dict[str, int] = {}
    items, sizes = array("i"), array("i")
    for text in texts:
        words = _WORD.findall(text.lower())
        items.extend([numbers.setdefault(word, len(numbers)) for word in words])
        sizes.append(len(words))
    return Numbered(items, sizes, len(numbers))


def share(text: str, test: Callable[[str], bool]) -> float:
    """Which part of the characters of `text` passes `test`."""
    return sum(map(test, text)) / max(len(text), 1)
