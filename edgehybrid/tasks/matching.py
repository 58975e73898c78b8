"""How well sentences answer a question: nearness of meaning, and words in common.

    match = cosine of the sentence vectors + share of the question's weight in words

A word weighs as much as it is rare in the document: log(1 + n / (0.5 + sentences that have it)),
so a name that stands nowhere in it counts most, and against it. NO_MATCH and the words that do not
count were fitted by `examples/fit_ask.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Below this match a sentence does not answer.
NO_MATCH = 0.74
#: Words are compared by their beginning: "configured" and "configuration" are the same.
STEM = 6
#: Words of questions that say nothing of what is asked for.
SILENT = """
a about an and any are as at be been by can could did do does document explain for from had has
have how if in into is it its list me mean must no not of on or our say says shall she should so
some tell than that the their them then there these they this those to was we were what when where
which who whom whose why will with would you your
"""
_SILENT = frozenset(SILENT.split())
_WORD = re.compile(r"[^\W_]+")


def matches(
    question: str, vector: NDArray[np.float32], texts: Sequence[str], vectors: NDArray[Any]
) -> NDArray[np.float32]:
    """How well each of n sentences matches, (n,) from about 0 to 2.

    Args:
        question: the words of it.
        vector: (V,) its meaning, of length 1.
        texts: the n sentences.
        vectors: (n, V) their meanings, of length 1.
    """
    near = vectors.astype(np.float32) @ vector
    return near + _shares(_stems(question), [_stems(text) for text in texts])


def _shares(asked: frozenset[str], bags: Sequence[frozenset[str]]) -> NDArray[np.float32]:
    """Which part of the weight of the words `asked` is in each bag, (n,) from 0 to 1."""
    counts = Counter(stem for bag in bags for stem in bag & asked)
    weights = {stem: float(np.log1p(len(bags) / (0.5 + counts[stem]))) for stem in asked}
    whole = sum(sorted(weights.values()))
    shares = [sum(sorted(weights[stem] for stem in bag & asked)) for bag in bags]
    return np.array(shares, np.float32) / np.float32(whole or 1)


def _stems(text: str) -> frozenset[str]:
    words = (word for word in _WORD.findall(text.casefold()) if word not in _SILENT)
    return frozenset(word[:STEM] for word in words)
