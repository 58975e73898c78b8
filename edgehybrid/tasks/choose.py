"""Which sentences of a document that was read become its summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.documents.document import Sentence
from edgehybrid.documents.features import sentence_features
from edgehybrid.documents.lexicon import Lexicon
from edgehybrid.tasks.centrality import central
from edgehybrid.tasks.dangling import leads
from edgehybrid.tasks.focus import focused
from edgehybrid.tasks.length import usual_length
from edgehybrid.tasks.select import select

if TYPE_CHECKING:
    from edgehybrid.tasks.read import ReadDocument

Scores = NDArray[np.float32]


class Choice(NamedTuple):
    """The chosen sentences: index and score, in document order; and what a person should know."""

    picks: list[tuple[int, float]]
    notices: list[str]


def choose(
    document: ReadDocument, words: int | None, points: int | None, focus: str | None
) -> Choice:
    """The sentences of most worth, of about `words` words or at most `points` of them.

    Without either, of the usual length.
    Those of a language that the model was not trained on are chosen by their words alone.
    """
    sentences = document.reading.sentences
    if words is None and points is None:
        words = usual_length(document.reading.words)
    quotable = np.array([s.quotable for s in sentences])
    if not quotable.any():  # e.g. a list of keywords: better a heading than nothing
        quotable[:] = True
    places = np.flatnonzero(quotable)
    texts = [sentences[i].text for i in places]
    lexicon = Lexicon.of([sentence.text for sentence in sentences])
    scores, notices = _scores(document, lexicon, quotable, texts)
    vectors = None
    if document.is_in_trained_language:
        vectors = document.reading.vectors[places, : document.model.sentence_head.vector_size]
    steered = scores
    if focus is not None:
        steered, notice = focused(document, focus, texts, scores, vectors)
        notices += [notice] if notice else []
    picks = select(
        texts, steered, vectors, words=words, points=points,
        leads=_leads(document, sentences, places), pairs=lexicon.pairs.only(places),
    )  # fmt: skip
    return Choice([(int(places[i]), round(float(scores[i]), 4)) for i in picks], notices)


def _scores(
    document: ReadDocument, lexicon: Lexicon, quotable: NDArray[np.bool_], texts: Sequence[str]
) -> tuple[Scores, list[str]]:
    reading, model = document.reading, document.model
    if document.is_in_trained_language:
        head = model.sentence_head
        vectors = reading.vectors[:, : head.vector_size]
        known = sentence_features(reading.sentences, lexicon, vectors, quotable)
        scores = head.score(reading.vectors, known, quotable)
        return scores[quotable], []
    trained = ", ".join(model.bundle.languages or ())
    return np.array(central(texts), dtype=np.float32), [
        f"{document.name} is in another language ({reading.language}) than {model.bundle.name} "
        f"was trained on ({trained}): sentences are chosen by their words alone"
    ]


def _leads(
    document: ReadDocument, sentences: Sequence[Sentence], places: NDArray[np.int64]
) -> list[list[int] | None] | None:
    if document.reading.language not in (None, "en"):
        return None
    return leads(sentences, [int(i) for i in places])
