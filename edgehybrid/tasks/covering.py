"""How much a sentence adds to those that are chosen: what matters should be said once.

A document's word pairs weigh as much as the sentences that hold them are worth together; a pair
that a chosen sentence holds weighs nothing any more (concept-based extraction: Gillick and Favre
2009, with the reader's scores in place of document frequencies). So the summary covers what the
document comes back to, and does not repeat itself.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgehybrid.documents.lexicon import Occurrences

#: What covering as much as any sentence does counts, beside a worth of 1.
COVERAGE = 2.0
#: Scores are logs of worth, to be divided by LOWEST + RISE * ln(words / SHORT) in a summary of so
#: many words: the longer it is, the more sentences of middling worth it needs. Measured on
#: validation data, as COVERAGE was.
SHORT, LOWEST, RISE, BOUNDS = 43, 0.9, 0.7, (0.5, 2.5)


def temperature(words: int | None) -> float:
    """What the log of worth is divided by in a summary of so many words; 1 if None."""
    if words is None:
        return 1.0
    return min(max(LOWEST + RISE * math.log(words / SHORT), BOUNDS[0]), BOUNDS[1])


class Covering:
    """What each of n sentences would add."""

    def __init__(self, scores: NDArray[np.float32], pairs: Occurrences, words: int | None) -> None:
        """`scores` (n,) are logs of worth; `pairs` the word pairs, each once a sentence."""
        self.worth = np.exp((scores - scores.max()).astype(np.float64) / temperature(words))
        self._pairs = pairs
        self._weight = np.bincount(
            pairs.item, weights=self.worth[pairs.owner], minlength=pairs.kinds
        )
        self._most = max(float(self._covered().max()), 1e-12)

    def gains(self) -> NDArray[np.float64]:
        """(n,) worth of each sentence, and of what it covers that nothing chosen does."""
        gains: NDArray[np.float64] = self.worth + COVERAGE / self._most * self._covered()
        return gains

    def take(self, i: int) -> None:
        """Sentence `i` is chosen: what it says is said."""
        begin, end = np.searchsorted(self._pairs.owner, [i, i + 1])
        self._weight[self._pairs.item[begin:end]] = 0.0

    def _covered(self) -> NDArray[np.float64]:
        weights = self._weight[self._pairs.item]
        covered = np.bincount(self._pairs.owner, weights=weights, minlength=len(self.worth))
        return covered.astype(np.float64)
