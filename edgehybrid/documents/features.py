"""What the head of a reader knows of each sentence beside its vector.

Where it stands and what it looks like (`place_features`), how its words stand in the document, and
how near its neighbours are to what the document is about. Nothing here depends on a vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.documents.document import Sentence
from edgehybrid.documents.encoding import PLACE_SIZE, place_features
from edgehybrid.documents.lexicon import Lexicon, Occurrences

Array = NDArray[np.float32]
#: Columns of `word_features` and of `neighbour_features`.
WORD_SIZE, NEIGHBOUR_SIZE = 10, 3
FEATURE_SIZE = PLACE_SIZE + WORD_SIZE + NEIGHBOUR_SIZE

#: A word of a larger inverse document frequency says what a sentence is about.
CONTENT = 1.0
#: The quotable sentences that begin and that end a document, and where its title stands.
OPENING, CLOSING, TITLE = 5, 8, 3


def text_features(
    sentences: Sequence[Sentence], lexicon: Lexicon, quotable: NDArray[np.bool_]
) -> Array:
    """The columns (n, PLACE_SIZE + WORD_SIZE) that need no vectors; see `sentence_features`."""
    headings = np.array([s.kind == "heading" for s in sentences], dtype=bool)
    parts = place_features(sentences), word_features(lexicon, headings, quotable)
    return np.concatenate(parts, axis=1)


def sentence_features(
    sentences: Sequence[Sentence],
    lexicon: Lexicon,
    vectors: NDArray[np.floating[Any]],
    quotable: NDArray[np.bool_],
) -> Array:
    """All columns (n, FEATURE_SIZE) of the n sentences of a document, about -1..3.

    Args:
        sentences: all, in order.
        lexicon: their words.
        vectors: (n, V) unit vectors of their meaning.
        quotable: (n,) those that the document's statistics are taken of.
    """
    headings = np.array([s.kind == "heading" for s in sentences], dtype=bool)
    known = text_features(sentences, lexicon, quotable)
    return np.concatenate([known, neighbour_features(vectors, headings, quotable)], axis=1)


def word_features(
    lexicon: Lexicon, headings: NDArray[np.bool_], quotable: NDArray[np.bool_]
) -> Array:
    """How the words of each sentence stand in the document, (n, WORD_SIZE).

    Rarity and frequency (Luhn 1958; SumBasic, Nenkova and Vanderwende 2005), cosine with the
    document's tf-idf centroid (MEAD, Radev et al. 2004), how often its word pairs come back, and
    which part of its words stands in headings, the title, the opening, the closing, its section's
    heading (Edmundson 1969).
    """
    n, words, pairs = len(headings), lexicon.words, lexicon.pairs
    once = words.distinct()
    count = np.bincount(once.item[quotable[once.owner]], minlength=words.kinds)
    total = np.bincount(words.item[quotable[words.owner]], minlength=words.kinds)
    again = np.bincount(pairs.item[quotable[pairs.owner]], minlength=pairs.kinds)
    idf = np.log((quotable.sum() + 1) / (count + 0.5))
    content = Occurrences(*_where(once, idf[once.item] > CONTENT), once.kinds)
    spread = np.log((total + 1) / (total.sum() + 1))
    columns = [
        _mean(words, idf[words.item], n) / 6,
        _mean(words, spread[words.item], n) / 8,
        _mean(content, np.log1p(total)[content.item], n) / 3,
        _centrality(words, once, total * idf, idf, n),
        _mean(pairs, np.log(np.maximum(again, 1))[pairs.item], n),
        _mean(once, _standing(once, headings)[once.item], n),
        *(
            _mean(content, _standing(once, chosen)[content.item], n)
            for chosen in _parts(headings, quotable)
        ),
        _mean(content, _in_section(once, content, headings), n),
    ]
    return np.array(columns, dtype=np.float32).T.reshape(n, WORD_SIZE)


def neighbour_features(
    vectors: NDArray[np.floating[Any]], headings: NDArray[np.bool_], quotable: NDArray[np.bool_]
) -> Array:
    """Likeness (n, NEIGHBOUR_SIZE) of the sentences before and after to the document's mean, and
    of each sentence to its section's heading."""
    n = len(vectors)
    chosen = vectors[quotable] if quotable.any() else vectors
    near = vectors.astype(np.float32) @ chosen.mean(axis=0, dtype=np.float32)
    over = np.maximum.accumulate(np.where(headings, np.arange(n), 0))
    section = np.einsum("nv,nv->n", vectors, vectors[over], dtype=np.float32)
    columns = (np.roll(near, 1) * 4, np.roll(near, -1) * 4, section * 2)
    return np.array(columns, dtype=np.float32).T.reshape(n, NEIGHBOUR_SIZE)


def _where(of: Occurrences, mask: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    return of.item[mask], of.owner[mask]


def _sum(of: Occurrences, values: NDArray[Any], n: int) -> NDArray[np.float64]:
    return np.bincount(of.owner, weights=values, minlength=n).astype(np.float64)


def _mean(of: Occurrences, values: NDArray[Any], n: int) -> NDArray[np.float64]:
    return _sum(of, values, n) / np.maximum(np.bincount(of.owner, minlength=n), 1)


def _standing(once: Occurrences, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(kinds,) which words stand in any of the chosen sentences."""
    found = np.zeros(once.kinds, dtype=bool)
    found[once.item[chosen[once.owner]]] = True
    return found


def _parts(
    headings: NDArray[np.bool_], quotable: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], ...]:
    """Which sentences are the title, the opening and the closing."""
    index, at = np.arange(len(headings)), np.flatnonzero(quotable)
    return (
        headings & (index < TITLE),
        np.isin(index, at[:OPENING]),
        np.isin(index, at[-CLOSING:]),
    )


def _centrality(
    words: Occurrences, once: Occurrences, centroid: NDArray[Any], idf: NDArray[Any], n: int
) -> NDArray[np.float64]:
    """Cosine of each sentence's tf-idf with the document's."""
    kinds = max(words.kinds, 1)
    code = words.owner.astype(np.int64) * kinds + words.item
    _, count = np.unique(code, return_counts=True)
    own = count * idf[once.item]
    length = np.sqrt(_sum(once, own * own, n)) * np.sqrt((centroid**2).sum())
    along = _sum(once, own * centroid[once.item], n)
    cosine: NDArray[np.float64] = along / np.maximum(length, 1e-9)
    return cosine


def _in_section(
    once: Occurrences, content: Occurrences, headings: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Of each content word, whether it stands in the last heading before its sentence."""
    n, kinds = len(headings), max(once.kinds, 1)
    over = np.maximum.accumulate(np.where(headings, np.arange(n), -1))
    item, owner = _where(once, headings[once.owner])
    headed = owner.astype(np.int64) * kinds + item
    return np.isin(over[content.owner] * kinds + content.item, headed)
