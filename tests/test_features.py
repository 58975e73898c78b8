"""Counting words by arrays is counting words."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgehybrid.documents.document import Sentence
from edgehybrid.documents.features import (
    CONTENT,
    FEATURE_SIZE,
    neighbour_features,
    sentence_features,
    word_features,
)
from edgehybrid.documents.lexicon import Lexicon
from edgehybrid.tasks.covering import COVERAGE, Covering

WORDS = st.sampled_from(
    ["state", "space", "a", "the", "cache", "router", "keeps", "tokens", "x9", "É"]
)
TEXTS = st.lists(st.lists(WORDS, max_size=12).map(" ".join), min_size=1, max_size=14)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


@given(TEXTS)
def test_a_lexicon_holds_all_words_and_each_pair_once(texts: list[str]) -> None:
    lexicon = Lexicon.of(texts)
    for i, text in enumerate(texts):
        words = _words(text)
        assert (lexicon.words.owner == i).sum() == len(words)
        assert (lexicon.pairs.owner == i).sum() == len({*pairwise(words)})
    assert lexicon.words.kinds == len({w for text in texts for w in _words(text)})
    assert (np.diff(lexicon.pairs.owner) >= 0).all()


@given(TEXTS, st.data())
@settings(max_examples=60)
def test_word_features_are_what_plain_counting_gives(texts: list[str], data: st.DataObject) -> None:
    n = len(texts)
    quotable = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    headings = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    got = word_features(Lexicon.of(texts), headings, quotable)
    spread = Counter(w for i in range(n) if quotable[i] for w in {*_words(texts[i])})
    often = Counter(w for i in range(n) if quotable[i] for w in _words(texts[i]))
    under = {w for i in range(n) if headings[i] for w in _words(texts[i])}
    for i, text in enumerate(texts):
        words = _words(text)
        if not words:
            assert (got[i] == 0).all()
            continue
        idf = {w: math.log((quotable.sum() + 1) / (spread[w] + 0.5)) for w in words}
        content = [w for w in {*words} if idf[w] > CONTENT]
        rare = sum(idf[w] for w in words) / len(words) / 6
        common = sum(math.log1p(often[w]) for w in content) / max(len(content), 1) / 3
        titled = len({*words} & under) / len({*words})
        np.testing.assert_allclose(got[i, [0, 2, 5]], [rare, common, titled], atol=1e-5)


@given(TEXTS, st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_features_are_finite_whatever_is_quotable(texts: list[str], seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(len(texts), 8)).astype(np.float16)
    sentences = [Sentence(t, 1, random.choice(["prose", "heading"]), True) for t in texts]
    for quotable in (np.zeros(len(texts), bool), random.random(len(texts)) < 0.5):
        made = sentence_features(sentences, Lexicon.of(texts), vectors, quotable)
        assert made.shape == (len(texts), FEATURE_SIZE)
        assert np.isfinite(made).all()


def test_neighbours_are_those_beside() -> None:
    vectors = np.eye(4, dtype=np.float32)
    headings = np.array([True, False, True, False])
    quotable = np.array([False, True, False, False])
    got = neighbour_features(vectors, headings, quotable)
    assert got[:, 0].tolist() == [0, 0, 4, 0]  # the sentence before is the document's mean
    assert got[:, 1].tolist() == [4, 0, 0, 0]
    assert got[:, 2].tolist() == [2, 0, 2, 0]  # a heading is like itself


@given(TEXTS, st.data())
@settings(max_examples=60)
def test_what_was_said_adds_nothing_any_more(texts: list[str], data: st.DataObject) -> None:
    scores = np.array(
        data.draw(st.lists(st.floats(-9, 9), min_size=len(texts), max_size=len(texts))), np.float32
    )
    covering = Covering(scores, Lexicon.of(texts).pairs, data.draw(st.integers(10, 900)))
    before = covering.gains()
    assert (before <= 1 + COVERAGE + 1e-9).all()
    for i in data.draw(st.permutations(range(len(texts)))):
        covering.take(i)
        after = covering.gains()
        assert (after <= before + 1e-9).all()
        assert after[i] == covering.worth[i]
        before = after
    np.testing.assert_array_equal(before, covering.worth)
