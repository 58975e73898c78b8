"""The summarisers that the reader is compared with, and the greedy oracle above them all.

Each takes a document's text, its sentences and a length in words, and returns a summary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

import data
from edgehybrid.documents.document import Sentence

Peer = Callable[[str, Sequence[Sentence], int], str]

#: LexRank and TextRank compare all pairs of sentences: more than this takes minutes.
MOST_SENTENCES = 1200
#: English prose of these sources, spaces included.
CHARACTERS_A_WORD = 6.3


def lead(text: str, sentences: Sequence[Sentence], words: int) -> str:
    """The first sentences."""
    return _fill((s.text for s in sentences if s.quotable), words)


def _fill(texts: Any, words: int) -> str:
    taken, used = [], 0
    for text in texts:
        if used >= words * 0.92:
            break
        taken.append(text)
        used += len(text.split())
    return " ".join(taken)


@lru_cache(maxsize=1)
def _sumy() -> dict[str, Any]:
    from sumy.nlp.stemmers import Stemmer
    from sumy.summarizers.lex_rank import LexRankSummarizer
    from sumy.summarizers.luhn import LuhnSummarizer
    from sumy.summarizers.sum_basic import SumBasicSummarizer
    from sumy.summarizers.text_rank import TextRankSummarizer

    kinds = {
        "LexRank": LexRankSummarizer,
        "TextRank": TextRankSummarizer,
        "Luhn": LuhnSummarizer,
        "SumBasic": SumBasicSummarizer,
    }
    made = {name: kind(Stemmer("english")) for name, kind in kinds.items()}
    for summarizer in made.values():
        summarizer.stop_words = _stop_words()
    return made


@lru_cache(maxsize=1)
def _stop_words() -> frozenset[str]:
    from sumy.utils import get_stop_words

    return frozenset(get_stop_words("english"))


class _Words:
    """A tokenizer for sumy that needs no download; the sentences are the reader's own."""

    def to_words(self, text: str) -> tuple[str, ...]:
        return tuple(data.WORD.findall(text.lower()))

    def to_sentences(self, text: str) -> tuple[str, ...]:
        return (text,)


def sumy_peer(name: str) -> Peer:
    """One of sumy's summarisers, on the same sentences as the reader."""

    def run(text: str, sentences: Sequence[Sentence], words: int) -> str:
        from sumy.models.dom import ObjectDocumentModel, Paragraph
        from sumy.models.dom import Sentence as SumySentence

        candidates = [s.text for s in sentences if s.quotable][:MOST_SENTENCES]
        tokenizer = _Words()
        dom = [SumySentence(t, tokenizer) for t in candidates]
        document = ObjectDocumentModel([Paragraph(dom)])
        chosen = _sumy()[name](document, lambda ranked: _until(ranked, words))
        return " ".join(str(s) for s in chosen)

    return run


def _until(ranked: Sequence[Any], words: int) -> list[Any]:
    taken, used = [], 0
    for info in ranked:
        if used >= words * 0.92:
            break
        taken.append(info)
        used += len(str(info.sentence).split())
    return taken


def lede_peer(text: str, sentences: Sequence[Sentence], words: int) -> str:
    """The package `lede`, on the plain text; it counts characters."""
    import lede

    return str(lede.summarize(text, round(words * CHARACTERS_A_WORD)).summary)


def oracle(sentences: Sequence[Sentence], summary: str) -> str:
    """The greedy extract with the best ROUGE-1 and -2: what any extract can hope for."""
    _, picks = data.targets(list(sentences), summary)
    return " ".join(sentences[i].text for i in np.flatnonzero(picks))
