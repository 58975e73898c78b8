"""From scored sentences to the few that make a summary of the asked length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.documents.lexicon import Lexicon
from edgehybrid.documents.words import count_words, stems
from edgehybrid.tasks.band import fitted
from edgehybrid.tasks.covering import Covering

#: Sentences whose meaning vectors have at least this cosine say the same thing.
SAME_MEANING = 0.92
#: Sentences that share at least this part of the shorter one's words say the same thing.
SAME_WORDS = 0.8
#: A summary may be longer than asked by this part before a sentence is passed over.
OVER = 0.08
#: How many sentences that do not fit are passed over before the summary counts as full.
PATIENCE = 12
#: What is taken off the log of the worth of a sentence that dangles whatever is quoted with it.
DANGLING = 0.7


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

    The sentence that adds most comes first (most per word, if the length is given in words; see
    `covering`), then the next that repeats none before it and fits; `points` limits their number.
    At the end, sentences are added or replaced so that the length is within a tenth of `words`. If
    every sentence is longer than `words`, the shortest is the summary.

    Args:
        texts: the n candidates.
        scores: (n,) the log of their worth, higher is better.
        vectors: (n, V) unit vectors of their meaning; None: only words tell what repeats.
        words: the length, as `count_words` counts.
        points: at most so many sentences.
        leads: what has to be quoted with each; see `dangling.leads`.
    """
    sizes = np.array([count_words(text) for text in texts])
    bags = [frozenset(stems(text)) for text in texts]
    units = [[*(lead or []), i] for i, lead in enumerate(leads or [None] * len(texts))]
    scores = scores - np.float32(DANGLING) * _dangle(leads, len(texts))

    def repeats(i: int, others: list[int]) -> bool:
        return _repeats(i, others, bags, vectors)

    def fits(i: int, kept: list[int]) -> bool:
        return not repeats(i, kept) and _is_whole(units, [*kept, i])

    covering = Covering(scores, Lexicon.of(texts).pairs, words)
    chosen = _greedy(units, covering, sizes, words, points, repeats)
    if words is not None and chosen:
        chosen = fitted(chosen, sizes, scores, words, fits, points=points)
    return sorted(chosen) or [int(sizes.argmin())]


def _greedy(
    units: Sequence[list[int]],
    covering: Covering,
    sizes: NDArray[np.int64],
    words: int | None,
    points: int | None,
    repeats: Callable[[int, list[int]], bool],
) -> list[int]:
    chosen: list[int] = []
    room = float("inf") if words is None else words * (1 + OVER)
    open_units = np.ones(len(units), dtype=bool)
    passed = 0
    while open_units.any() and len(chosen) != points and passed <= PATIENCE:
        best = _most_added(units, covering, sizes if words is not None else None, open_units)
        open_units[best] = False
        new = [i for i in units[best] if i not in chosen]
        if sizes[new].sum() > room or len(chosen) + len(new) > (points or len(units)):
            passed += bool(chosen)
            continue
        if not new or any(repeats(i, chosen) for i in new):
            continue
        chosen += new
        room -= sizes[new].sum()
        for i in new:
            covering.take(i)
        if words is not None and room <= words * 2 * OVER:
            break
    return chosen


def _most_added(
    units: Sequence[list[int]],
    covering: Covering,
    sizes: NDArray[np.int64] | None,
    among: NDArray[np.bool_],
) -> int:
    """The unit that adds most, per word if there are `sizes`."""
    lengths = [len(unit) for unit in units]
    member = np.fromiter((i for unit in units for i in unit), np.int64, sum(lengths))
    owner = np.repeat(np.arange(len(units)), lengths)
    added = np.bincount(owner, weights=covering.gains()[member]).astype(np.float64)
    if sizes is not None:
        added /= np.maximum(np.bincount(owner, weights=sizes[member]), 1)
    return int(np.where(among, added, -1.0).argmax())


def _dangle(leads: Sequence[list[int] | None] | None, n: int) -> NDArray[np.float32]:
    return np.array([lead is None for lead in leads] if leads else [False] * n, dtype=np.float32)


def _is_whole(units: Sequence[list[int]], chosen: list[int]) -> bool:
    """Whether all that has to be quoted with the chosen is chosen too."""
    return all(i in chosen for c in chosen for i in units[c])


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
