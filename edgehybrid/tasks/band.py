"""Summaries of the length that was asked for: within a tenth, wherever the document allows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edgehybrid.tasks.length import WITHIN, in_band

#: How many replacements are compared in full.
TRIED = 24

#: Whether a sentence may stand beside others.
Fits = Callable[[int, list[int]], bool]


def fitted(
    chosen: list[int],
    sizes: NDArray[np.int64],
    scores: NDArray[np.float32],
    words: int,
    fits: Fits,
    *,
    most: int,
    fixed: Sequence[int] = (),
) -> list[int]:
    """`chosen`, with one sentence added, taken away or replaced, so that its length is right.

    Of all ways to do so the one of most worth is taken; if there is none, the one whose length is
    nearest, which may be `chosen` itself.

    Args:
        chosen: indices of the chosen among n.
        sizes: (n,) in words.
        scores: (n,) log of worth.
        words: the length that was asked for.
        fits: whether a sentence may stand beside others that are kept.
        most: so many sentences in all.
        fixed: those of the chosen that stay.
    """
    total = int(sizes[chosen].sum())
    if in_band(total, words) or not chosen:
        return chosen
    worth = np.exp((scores - scores.max()).astype(np.float64))
    best, best_key = chosen, _key(chosen, sizes, worth, words)
    for out in [None, *(i for i in chosen if i not in fixed)]:
        kept = [i for i in chosen if i != out]
        for more in ([], *([i] for i in _candidates(kept, sizes, worth, words))):
            if not kept + more or len(kept + more) > most:
                continue
            key = _key(kept + more, sizes, worth, words)
            if key > best_key and all(fits(i, kept) for i in more):
                best, best_key = kept + more, key
                break
    return best


def _key(
    chosen: list[int], sizes: NDArray[np.int64], worth: NDArray[np.float64], words: int
) -> tuple[bool, float]:
    """What is to be as large as can be: in the band by worth, outside by nearness."""
    total = int(sizes[chosen].sum())
    if in_band(total, words):
        return True, float(worth[chosen].sum())
    return False, -abs(total - words)


def _candidates(
    kept: list[int], sizes: NDArray[np.int64], worth: NDArray[np.float64], words: int
) -> list[int]:
    """Sentences that would bring `kept` into the band, of most worth first; else the nearest."""
    totals = sizes[kept].sum() + sizes
    inside = (totals >= (1 - WITHIN) * words) & (totals <= (1 + WITHIN) * words)
    inside[kept] = False
    if inside.any():
        found = np.flatnonzero(inside)
        return [int(i) for i in found[np.argsort(-worth[found], kind="stable")[:TRIED]]]
    away = np.abs(totals - words).astype(np.float64)
    away[kept] = np.inf
    return [int(i) for i in np.argsort(away, kind="stable")[:TRIED] if np.isfinite(away[i])]
