"""From scored sentences to the few that make a summary of the asked length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.documents.words import count_words, stems
from edgehybrid.tasks.band import fitted
from edgehybrid.tasks.dangling import leads_that_fit

#: Sentences whose meaning vectors have at least this cosine say the same thing.
SAME_MEANING = 0.92
#: Sentences that share at least this part of the shorter one's words say the same thing.
SAME_WORDS = 0.8
#: A summary may be longer than asked by this part before a sentence is passed over.
OVER = 0.08
#: A score is the log of a sentence's worth; in a summary of so many words, worth per word counts:
#: score - cost * log(words of the sentence). A cost of 1 would be exact if sentences could be cut;
#: measured on validation data, short summaries want a little less and longer ones a little more.
LENGTH_COSTS = ((45, 0.9), (110, 1.2))
#: How many sentences that do not fit are passed over before the summary counts as full.
PATIENCE = 12
#: What is taken off the log of the worth of a sentence that dangles. More of it, or quoting what it
#: refers to at any price, costs more ROUGE on validation data than it is allowed to (0.1).
DANGLING = np.float32(0.35)


def select(
    texts: Sequence[str],
    scores: NDArray[np.float32],
    vectors: NDArray[np.floating[Any]] | None,
    *,
    words: int | None,
    points: int | None,
    leads: Sequence[list[int] | None] | None = None,
) -> list[int]:
    """Indices of the chosen sentences, in document order.

    The sentence of most worth comes first (of most worth per word, if the length is given in
    words), then the next that repeats none before it and fits; `points` limits their number. At
    the end, what dangling sentences refer to is added where there is room, and sentences are added
    or replaced so that the length is within a tenth of `words`. If every sentence is longer than
    that, the shortest is the summary.

    Args:
        texts: the n candidates.
        scores: (n,) the log of their worth, higher is better.
        vectors: (n, V) unit vectors of their meaning; None: only words tell what repeats.
        words: the length, as `count_words` counts.
        points: at most so many sentences.
        leads: what should be quoted with each; see `dangling.leads`.
    """
    sizes = np.array([count_words(text) for text in texts])
    bags = [frozenset(stems(text)) for text in texts]
    needed = list(leads) if leads else [[] for _ in texts]
    scores = scores - DANGLING * np.array([lead != [] for lead in needed], dtype=np.float32)

    def fits(i: int, kept: list[int]) -> bool:
        lead = needed[i]
        return lead is not None and set(lead) <= set(kept) and not _repeats(i, kept, bags, vectors)

    chosen = _greedy(scores, sizes, bags, vectors, words, points)
    if words is not None and chosen:
        most = points or len(texts)
        added = leads_that_fit(chosen, needed, sizes, words, most)
        chosen = fitted([*chosen, *added], sizes, scores, words, fits, most=most, fixed=added)
    return sorted(chosen) or [int(sizes.argmin())]


def _greedy(
    scores: NDArray[np.float32],
    sizes: NDArray[np.int64],
    bags: Sequence[frozenset[str]],
    vectors: NDArray[np.floating[Any]] | None,
    words: int | None,
    points: int | None,
) -> list[int]:
    """The best that fit, in the order in which they were taken."""
    chosen: list[int] = []
    room = float("inf") if words is None else words * (1 + OVER)
    passed = 0
    for i in _by_worth(scores, sizes, words):
        if len(chosen) == points or passed > PATIENCE:
            break
        if sizes[i] > room:
            passed += bool(chosen)
            continue
        if _repeats(i, chosen, bags, vectors):
            continue
        chosen.append(i)
        room -= sizes[i]
        if words is not None and room <= words * 2 * OVER:
            break
    return chosen


def _by_worth(
    scores: NDArray[np.float32], sizes: NDArray[np.int64], words: int | None
) -> list[int]:
    if words is not None:
        asked, costs = zip(*LENGTH_COSTS, strict=True)
        cost = np.interp(np.log(words), np.log(asked), costs)
        scores = scores - (cost * np.log(np.maximum(sizes, 1))).astype(np.float32)
    return [int(i) for i in np.argsort(-scores, kind="stable")]


def _repeats(
    i: int,
    chosen: list[int],
    bags: Sequence[frozenset[str]],
    vectors: NDArray[np.floating[Any]] | None,
) -> bool:
    if any(len(bags[i] & bags[c]) >= SAME_WORDS * min(len(bags[i]), len(bags[c])) for c in chosen):
        return True
    if not chosen or vectors is None:
        return False
    near = vectors[chosen].astype(np.float32) @ vectors[i].astype(np.float32)
    return float(near.max()) >= SAME_MEANING
