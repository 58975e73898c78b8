"""Which sentences of a document that was read become its summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.documents.document import Sentence
from edgehybrid.documents.encoding import place_features
from edgehybrid.tasks.centrality import central
from edgehybrid.tasks.dangling import leads
from edgehybrid.tasks.focus import focused
from edgehybrid.tasks.select import select

if TYPE_CHECKING:
    from edgehybrid.tasks.read import ReadDocument

Scores = NDArray[np.float32]


class Choice(NamedTuple):
    """The chosen sentences in document order, their scores, and what the reader should know."""

    sentences: list[Sentence]
    scores: list[float]
    notices: list[str]


def choose(
    document: ReadDocument, words: int | None, points: int | None, focus: str | None
) -> Choice:
    """The sentences of most worth, of about `words` words or at most `points` of them.

    Those of a language that the model was not trained on are chosen by their words alone.
    """
    sentences = document.reading.sentences
    quotable = np.array([s.quotable for s in sentences])
    if not quotable.any():  # e.g. a list of keywords: better a heading than nothing
        quotable[:] = True
    places = np.flatnonzero(quotable)
    texts = [sentences[i].text for i in places]
    scores, notices = _scores(document, quotable, texts)
    vectors = None
    if document.is_in_trained_language:
        vectors = document.reading.vectors[places, : document.model.sentence_head.vector_size]
    steered = scores
    if focus is not None:
        steered, notice = focused(document, focus, texts, scores, vectors)
        notices += [notice] if notice else []
    picks = select(
        texts, steered, vectors, words=words, points=points,
        leads=_leads(document, sentences, places),
    )  # fmt: skip
    return Choice([sentences[places[i]] for i in picks], [float(scores[i]) for i in picks], notices)


def _scores(
    document: ReadDocument, quotable: NDArray[np.bool_], texts: Sequence[str]
) -> tuple[Scores, list[str]]:
    reading, model = document.reading, document.model
    if document.is_in_trained_language:
        scores = model.sentence_head.score(
            reading.vectors, place_features(reading.sentences), quotable
        )
        return scores[quotable], []
    trained = ", ".join(model.bundle.languages or ())
    return central(texts), [
        f"{document.name} is in another language ({reading.language}) than {model.bundle.name} "
        f"was trained on ({trained}): sentences are chosen by their words alone"
    ]


def _leads(
    document: ReadDocument, sentences: Sequence[Sentence], places: NDArray[np.int64]
) -> list[list[int] | None] | None:
    if document.reading.language not in (None, "en"):
        return None
    return leads(sentences, [int(i) for i in places])
