"""The words and word pairs of a document as numbers, for all that counts them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w+")


class Occurrences(NamedTuple):
    """What stands in which sentence.

    Attributes:
        item: (m,) int64, 0..kinds-1.
        owner: (m,) int64 the sentence, ascending.
        kinds: how many different items there are.
    """

    item: NDArray[np.int64]
    owner: NDArray[np.int64]
    kinds: int

    def distinct(self) -> Occurrences:
        """Each item once a sentence."""
        code = np.unique(self.owner * max(self.kinds, 1) + self.item)
        return Occurrences(code % max(self.kinds, 1), code // max(self.kinds, 1), self.kinds)


class Lexicon(NamedTuple):
    """Words (lower case, letters and digits) and the pairs of neighbours, each once a sentence."""

    words: Occurrences
    pairs: Occurrences

    @classmethod
    def of(cls, texts: Sequence[str]) -> Lexicon:
        """Count the words of n sentences."""
        numbers: dict[str, int] = {}
        each = [
            [numbers.setdefault(word, len(numbers)) for word in _WORD.findall(text.lower())]
            for text in texts
        ]
        sizes = [len(one) for one in each]
        owner = np.repeat(np.arange(len(each), dtype=np.int64), sizes)
        item = np.fromiter((i for one in each for i in one), np.int64, len(owner))
        inside = owner[1:] == owner[:-1]
        code = (item[:-1] * max(len(numbers), 1) + item[1:])[inside]
        known, pair = np.unique(code, return_inverse=True)
        pairs = Occurrences(pair.astype(np.int64), owner[1:][inside], len(known))
        return cls(Occurrences(item, owner, len(numbers)), pairs.distinct())
