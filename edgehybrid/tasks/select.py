"""From scored sentences to the few that make a summary of the asked length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def select(
    texts: Sequence[str],
    scores: NDArray[np.float32],
    vectors: NDArray[np.floating[Any]],
    *,
    words: int | None,
    points: int | None,
) -> list[int]:
    """Indices of the chosen sentences, in document order.

    The sentence of most worth comes first (of most worth per word, if the length is given in
    words), then the next that repeats none before it and fits; `points` limits their number. If
    every sentence is longer than `words`, the shortest is the summary.

    Args:
        texts: the n candidates.
        scores: (n,) higher is better.
        vectors: (n, V) unit vectors of their meaning.
    """
    sizes = np.array([len(text.split()) for text in texts])
    bags = [frozenset(text.lower().split()) for text in texts]
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
    return sorted(chosen) or [int(sizes.argmin())]


def _by_worth(
    scores: NDArray[np.float32], sizes: NDArray[np.int64], words: int | None
) -> list[int]:
    if words is not None:
        asked, costs = zip(*LENGTH_COSTS, strict=True)
        cost = np.interp(np.log(words), np.log(asked), costs)
        scores = scores - (cost * np.log(np.maximum(sizes, 1))).astype(np.float32)
    return [int(i) for i in np.argsort(-scores, kind="stable")]


def _repeats(
    i: int, chosen: list[int], bags: Sequence[frozenset[str]], vectors: NDArray[np.floating[Any]]
) -> bool:
    if any(len(bags[i] & bags[c]) >= SAME_WORDS * min(len(bags[i]), len(bags[c])) for c in chosen):
        return True
    if not chosen:
        return False
    near = vectors[chosen].astype(np.float32) @ vectors[i].astype(np.float32)
    return float(near.max()) >= SAME_MEANING
