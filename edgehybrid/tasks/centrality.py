"""How central sentences are to a document, from its own words: for languages nobody trained for.

A sentence is a vector of its words' weights, tf * idf, of length 1. What LexRank calls degree
centrality, the sum of a sentence's cosines with all sentences, is its product with the sum of
all vectors: so it takes time linear in the words, where comparing all pairs takes its square.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from edgehybrid.documents.words import count_words, stems

#: Words in more than this share of sentences say nothing of what a document is about.
COMMON = 0.3
#: How much the first sentences are worth more: PLACE / (1 + index / FIRST) is added to the log.
PLACE, FIRST = 0.5, 8.0
#: Cosines do not grow with a sentence's length, but what it tells does: worth is the sum of cosines
#: times words to this power. Of 1.0, 1.2 and 1.4 the best on validation data, as is PLACE.
LENGTH = 1.2


def central(texts: Sequence[str]) -> list[float]:
    """The log of each of n sentences' worth, in document order; higher is better."""
    bags = [Counter(stems(text)) for text in texts]
    spread = Counter(stem for bag in bags for stem in bag)
    most = max(COMMON * len(bags), 3.0)
    weights = {stem: math.log(1 + len(bags) / n) for stem, n in spread.items() if n <= most}
    vectors = [
        _unit({s: (1 + math.log(n)) * weights[s] for s, n in bag.items() if s in weights})
        for bag in bags
    ]
    whole: Counter[str] = Counter()
    for vector in vectors:
        whole.update(vector)
    degrees = [sum(value * whole[stem] for stem, value in vector.items()) for vector in vectors]
    return [
        math.log(degree + 1e-3)
        + LENGTH * math.log(max(count_words(text), 1))
        + PLACE / (1 + index / FIRST)
        for index, (text, degree) in enumerate(zip(texts, degrees, strict=True))
    ]


def _unit(vector: dict[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(value * value for value in vector.values()))
    return {stem: value / length for stem, value in vector.items()}
