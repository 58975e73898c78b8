"""The words and word pairs of a document as numbers, for all that counts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.documents.numbering import numbered


class Occurrences(NamedTuple):
    """What stands in which sentence.

    Attributes:
        item: (m,) int32, 0..kinds-1.
        owner: (m,) int32 the sentence, ascending.
        kinds: how many different items there are.
    """

    item: NDArray[np.int32]
    owner: NDArray[np.int32]
    kinds: int

    def distinct(self) -> Occurrences:
        """Each item once a sentence."""
        kinds = max(self.kinds, 1)
        code = np.unique(self.owner.astype(np.int64) * kinds + self.item)
        return Occurrences(
            (code % kinds).astype(np.int32), (code // kinds).astype(np.int32), self.kinds
        )

    def only(self, sentences: NDArray[np.int64]) -> Occurrences:
        """Those of some sentences, ascending, which are numbered anew."""
        number = np.full(int(self.owner[-1]) + 1 if len(self.owner) else 0, -1, np.int32)
        inside = sentences[sentences < len(number)]
        number[inside] = np.arange(len(inside), dtype=np.int32)
        owner = number[self.owner]
        return Occurrences(self.item[owner >= 0], owner[owner >= 0], self.kinds)


class Lexicon(NamedTuple):
    """Words (lower case, letters and digits) and the pairs of neighbours, each once a sentence."""

    words: Occurrences
    pairs: Occurrences

    @classmethod
    def of(cls, texts: Sequence[str]) -> Lexicon:
        """Count the words of n sentences."""
        items, sizes, kinds = numbered(texts)
        item = np.array(items, np.int32)
        owner = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        inside = owner[1:] == owner[:-1]
        code = (item[:-1].astype(np.int64) * max(kinds, 1) + item[1:])[inside]
        known, pair = np.unique(code, return_inverse=True)
        pairs = Occurrences(pair.astype(np.int32), owner[1:][inside], len(known))
        return cls(Occurrences(item, owner, kinds), pairs.distinct())
