"""From scored sentences to the few that make a summary of the asked length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.documents.lexicon import Lexicon, Occurrences
from edgehybrid.documents.words import count_words, stems
from edgehybrid.tasks.band import fitted
from edgehybrid.tasks.covering import Covering, temperature
from edgehybrid.tasks.dangling import leads_that_fit

#: Sentences whose meaning vectors have at least this cosine say the same thing.
SAME_MEANING = 0.92
#: Sentences that share at least this part of the shorter one's words say the same thing.
SAME_WORDS = 0.8
#: A summary may be longer than asked by this part before a sentence is passed over.
OVER = 0.06
#: How many sentences that do not fit are passed over before the summary counts as full.
PATIENCE = 12
#: Where the number of sentences is given, what one adds is divided by this power of its words: by
#: none, the longest would be taken, which cover most; by all of them, the shortest.
ROOT = 0.5
#: A shorter sentence counts as one of so many words where what it adds is divided by its words:
#: else short ones come first, which say little alone. On validation data 8 to 12 are the best by
#: ROUGE, of which the largest leaves the fewest of them.
LEAST_WORDS = 12
#: What is taken off the log of the worth of a sentence that dangles. On validation data 6 % of what
#: is quoted still does, 19 % without it, for 0.1 ROUGE-1; quoting what it refers to at any price
#: costs more.
DANGLING = np.float32(0.35)


def select(
    texts: Sequence[str],
    scores: NDArray[np.float32],
    vectors: NDArray[np.floating[Any]] | None,
    *,
    words: int | None,
    points: int | None,
    leads: Sequence[list[int] | None] | None = None,
    pairs: Occurrences | None = None,
) -> list[int]:
    """Indices of the chosen sentences, in document order.

    The sentence that adds most comes first (most per word, if the length is given in words, most
    for the root of its words, if not; see `covering`), then the next that repeats none before it
    and fits; `points` limits their number. At the end, what dangling sentences refer to is added
    where there is room, and sentences are added or replaced so that the length is within a tenth of
    `words`. If every sentence is longer than that, the shortest is the summary.

    Args:
        texts: the n candidates.
        scores: (n,) the log of their worth, higher is better.
        vectors: (n, V) unit vectors of their meaning; None: only words tell what repeats.
        words: the length, as `count_words` counts.
        points: at most so many sentences.
        leads: what should be quoted with each; see `dangling.leads`.
        pairs: their word pairs, each once a sentence, if they are known.
    """
    sizes = np.array([count_words(text) for text in texts])
    bags = lru_cache(maxsize=None)(lambda i: frozenset(stems(texts[i])))
    needed = list(leads) if leads else [[] for _ in texts]
    off = DANGLING * np.float32(temperature(words))  # of the worth that `covering` makes of scores
    scores = scores - off * np.array([lead != [] for lead in needed], dtype=np.float32)

    def fits(i: int, kept: list[int]) -> bool:
        lead = needed[i]
        return lead is not None and set(lead) <= set(kept) and not _repeats(i, kept, bags, vectors)

    covering = Covering(scores, pairs or Lexicon.of(texts).pairs, words)
    chosen = _greedy(covering, sizes, bags, vectors, words, points)
    if words is not None and chosen:
        most = points or len(texts)
        added = leads_that_fit(chosen, needed, sizes, words, most)
        chosen = fitted([*chosen, *added], sizes, scores, words, fits, most=most, fixed=added)
    return sorted(chosen) or [int(sizes.argmin())]


def _greedy(
    covering: Covering,
    sizes: NDArray[np.int64],
    bags: Callable[[int], frozenset[str]],
    vectors: NDArray[np.floating[Any]] | None,
    words: int | None,
    points: int | None,
) -> list[int]:
    """The best that fit, in the order in which they were taken."""
    chosen: list[int] = []
    room = float("inf") if words is None else words * (1 + OVER)
    lengths = np.maximum(sizes, LEAST_WORDS) ** (ROOT if words is None else 1.0)
    left = np.ones(len(sizes), dtype=bool)
    passed = 0
    while left.any() and len(chosen) != points and passed <= PATIENCE:
        i = int(np.where(left, covering.gains() / lengths, -1.0).argmax())
        left[i] = False
        if sizes[i] > room:
            passed += bool(chosen)
            continue
        if _repeats(i, chosen, bags, vectors):
            continue
        chosen.append(i)
        covering.take(i)
        room -= sizes[i]
        if words is not None and room <= words * 2 * OVER:
            break
    return chosen


def _repeats(
    i: int,
    chosen: list[int],
    bags: Callable[[int], frozenset[str]],
    vectors: NDArray[np.floating[Any]] | None,
) -> bool:
    if any(len(bags(i) & bags(c)) >= SAME_WORDS * min(len(bags(i)), len(bags(c))) for c in chosen):
        return True
    if not chosen or vectors is None:
        return False
    near = vectors[chosen].astype(np.float32) @ vectors[i].astype(np.float32)
    return float(near.max()) >= SAME_MEANING
