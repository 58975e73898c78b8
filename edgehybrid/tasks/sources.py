"""From which pages a language model took its answer: where its attention went while it wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edgehybrid.runtime.watching import Attended
    from edgehybrid.tasks.read import ReadDocument

#: So many pages are named, of those with at least this share of the attention to pages.
MOST, SHARE = 3, 0.1


class Sources:
    """Adds up attention by page.

    Sinks are left out: whatever is read, much attention goes to the first few tokens. So are the
    question and the answer. What a router or a window has let go cannot be a source.
    """

    def __init__(self, document: ReadDocument) -> None:
        self._ends = document.links["position"]
        self._pages = document.links["page"]
        self._sums = np.zeros(len(self._ends))

    def watch(self, layers: list[Attended]) -> None:
        """Add what the last token has attended to."""
        for weights, positions, sinks in layers:
            of_pages = (positions >= sinks) & (positions < self._ends[-1])
            batches = np.searchsorted(self._ends, positions[of_pages], side="right")
            np.add.at(self._sums, batches, weights[of_pages])

    def most(self) -> Iterator[tuple[int, float]]:
        """Pages and their shares, the largest first."""
        whole = self._sums.sum()
        if not whole:
            return
        pages = np.unique(self._pages)
        shares = np.array([self._sums[self._pages == page].sum() for page in pages]) / whole
        for i in np.argsort(-shares, kind="stable")[:MOST]:
            if shares[i] >= SHARE or len(pages) <= MOST:
                yield int(pages[i]), round(float(shares[i]), 4)
