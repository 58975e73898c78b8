"""ROUGE-1, -2 and -L, F1 with stemming, by the rouge-score package."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

METRICS = ("rouge1", "rouge2", "rougeL")


@lru_cache(maxsize=1)
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(METRICS, use_stemmer=True)


def rouge(reference: str, summary: str) -> np.ndarray:
    """F1 (3,) in percent."""
    scores = _scorer().score(reference, summary)
    return np.array([100 * scores[m].fmeasure for m in METRICS])
