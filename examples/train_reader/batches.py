"""Windows of documents for truncated back-propagation through time.

Each of several lanes reads one document from its beginning, window after window, and carries the
recurrent state along; then it draws another document. Sources are drawn by weight, so that the
large ones do not drown the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prepare import Corpus

#: openstax, pmc_jats, qmsum, squality, tech_proposals
SOURCE_WEIGHTS = (0.22, 0.28, 0.15, 0.10, 0.25)


@dataclass
class Window:
    """Whole sentences `start`..`stop` (corpus indices); `fresh` if a document begins."""

    ids: np.ndarray
    start: int
    stop: int
    fresh: bool


class Lane:
    """An endless sequence of windows of at most `length` tokens."""

    def __init__(self, corpus: Corpus, length: int, most: int, seed: int) -> None:
        self.corpus, self.length, self.most = corpus, length, most
        self.random = np.random.default_rng(seed)
        self.sentence = self.stop = self.windows = 0

    def _next_document(self) -> None:
        source = self.random.choice(len(SOURCE_WEIGHTS), p=SOURCE_WEIGHTS)
        document = self.random.choice(np.flatnonzero(self.corpus.source == source))
        self.sentence = int(self.corpus.first[document])
        self.stop = int(self.corpus.first[document + 1])
        self.windows = 0

    def __next__(self) -> Window:
        if self.sentence >= self.stop or self.windows == self.most:
            self._next_document()
        fresh, start = self.windows == 0, self.sentence
        begin = self.corpus.tokens(start).start
        ends = self.corpus.ends[start : self.stop]
        count = max(1, int(np.searchsorted(ends, begin + self.length)))
        self.sentence, self.windows = start + count, self.windows + 1
        ids = self.corpus.ids[begin : int(ends[count - 1]) + 1][-self.length :]
        return Window(ids, start, self.sentence, fresh)
