"""From scored sentences to the few that make a summary of the asked length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Sentences whose meaning vectors have at least this cosine say the same thing.
SAME_MEANING = 0.92
#: Sentences that share at least this part of the shorter one's words say the same thing.
SAME_WORDS = 0.8
#: A summary may be longer than asked by this part before a sentence is passed over.
OVER = 0.08
#: How many sentences that do not fit are passed over before the summary counts as full.
PATIENCE = 12


def select(
    texts: Sequence[str],
    scores: NDArray[np.float32],
    vectors: NDArray[np.float32],
    *,
    words: int | None,
    points: int | None,
) -> list[int]:
    """Indices of the chosen sentences, in document order.

    The best-scored sentence comes first, then the next best that repeats none before it and
    fits into `words` words; `points` limits their number.

    Args:
        texts: the n candidates.
        scores: (n,) higher is better.
        vectors: (n, V) unit vectors of their meaning.
    """
    chosen: list[int] = []
    bags: list[frozenset[str]] = []
    used = passed = 0
    for i in np.argsort(-scores, kind="stable").tolist():
        if points is not None and len(chosen) == points:
            break
        size = len(texts[i].split())
        if words is not None and chosen and used + size > words * (1 + OVER):
            passed += 1
            if passed > PATIENCE:
                break
            continue
        bag = frozenset(texts[i].lower().split())
        if _repeats(bag, bags) or (
            chosen and float((vectors[chosen] @ vectors[i]).max()) >= SAME_MEANING
        ):
            continue
        chosen.append(i)
        bags.append(bag)
        used += size
        if words is not None and used >= words * (1 - OVER):
            break
    return sorted(chosen)


def _repeats(bag: frozenset[str], others: Sequence[frozenset[str]]) -> bool:
    return any(len(bag & o) >= SAME_WORDS * min(len(bag), len(o)) for o in others)
