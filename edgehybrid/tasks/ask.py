"""Questions to a document that was read: the passages that answer, or what a model writes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgehybrid.documents.document import Document
from edgehybrid.documents.units import Unit
from edgehybrid.errors import RequestError
from edgehybrid.tasks.keeping import Keep
from edgehybrid.tasks.matching import matches, meaning, no_match
from edgehybrid.tasks.read import ReadDocument, read
from edgehybrid.tasks.reading import Tell
from edgehybrid.tasks.sources import Sources
from edgehybrid.tasks.summarize import fit_for, only_writers
from edgehybrid.tasks.write import MAX_TOKENS, Prompt, Writing, ask_about, write

if TYPE_CHECKING:
    from edgehybrid.runtime.budgets import Budget
    from edgehybrid.runtime.model import Model

#: A passage is of at most so many sentences that follow one another.
LONGEST = 3


@dataclass(frozen=True)
class Passage:
    """Sentences as they stand in the document, their first page (1-based), how well they match."""

    text: str
    page: int
    score: float


@dataclass(frozen=True)
class Source:
    """A page (1-based), and its share of the attention that a language model paid to pages."""

    page: int
    share: float


@dataclass(frozen=True)
class Answer:
    """What a document says about a question.

    Attributes:
        passages: of a reader, the best first; none if nothing in the document matches.
        written: of a language model, which may be wrong; None of a reader.
        sources: of a language model, the pages that it attended to most while it wrote.
        document: its name.
        model: the bundle's name.
        seconds: from the question to the end of the answer.
        unit: what is counted as a page: in a presentation it is a slide.
    """

    passages: tuple[Passage, ...]
    written: str | None
    sources: tuple[Source, ...]
    document: str
    model: str
    seconds: float
    unit: Unit = "page"

    @property
    def text(self) -> str:
        """What was written, or the passages' texts, one a line; empty if nothing matches."""
        if self.written is not None:
            return self.written
        return "\n".join(passage.text for passage in self.passages)


class Question(NamedTuple):
    """What is asked; see `ask`."""

    text: str
    passages: int
    max_tokens: int | None
    temperature: float | None
    seed: int | None
    show: Callable[[str], None] | None


def ask(
    source: str | os.PathLike[str] | Document,
    question: str,
    *,
    passages: int = 3,
    pages: tuple[int, int] | None = None,
    password: str | None = None,
    damaged: bool = False,
    model: Model | str | os.PathLike[str] | None = None,
    budget: Budget = None,
    router: str | None = None,
    keep: Keep | bool = True,
    progress: Tell | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    seed: int | None = None,
    show: Callable[[str], None] | None = None,
) -> Answer:
    """Ask a document, which is read first if it was not yet.

    The default reader gives the passages that answer, verbatim, and none if nothing matches. A
    language model writes an answer, which may be wrong.

    Args:
        source: a path (a `str` is always a path, never text), or a `Document`.
        question: in the words of the asker.
        passages: at most so many.
        pages: as in `edgehybrid.read`, like the next seven.
        password: see there.
        damaged: see there.
        model: see there.
        budget: see there.
        router: see there.
        keep: see there; True by default, so that the next question costs no reading.
        progress: see there.
        max_tokens: a language model's answer ends after so many tokens; 1024 if None.
        temperature: of a language model: 0, the default, takes the likeliest token.
        seed: of a language model: the same seed gives the same text.
        show: called with each piece of text as a language model writes it.

    Raises:
        as `edgehybrid.read`.
    """
    asked = Question(question, passages, max_tokens, temperature, seed, show)
    check(asked)
    model = fit_for(asked, model)
    document = read(
        source,
        pages=pages,
        password=password,
        damaged=damaged,
        model=model,
        budget=budget,
        router=router,
        keep=keep,
        progress=progress,
    )
    return answer(document, asked)


def answer(document: ReadDocument, asked: Question) -> Answer:
    """The answer of a document that was read; it can be asked again.

    Raises:
        RequestError: the question is empty, or an argument is out of range.
    """
    check(asked)
    began, model = time.monotonic(), document.model
    found: tuple[Passage, ...] = ()
    written, sources = None, Sources(document)
    if model.writes:
        written = _written(document, asked, sources)
    else:
        only_writers(model, asked)
        found = tuple(_passages(document, asked))
    pages = tuple(Source(page, share) for page, share in sources.most())
    seconds, unit = round(time.monotonic() - began, 3), document.reading.unit
    return Answer(found, written, pages, document.name, model.bundle.name, seconds, unit)


def check(asked: Question) -> None:
    """Look at the question before anything is read for it.

    Raises:
        RequestError: it is empty, or a number is out of range.
    """
    if not asked.text.strip():
        raise RequestError("the question is empty; ask something")
    for name in ("passages", "max_tokens"):
        value = getattr(asked, name)
        if value is not None and value < 1:
            raise RequestError(f"{name} is {value}; ask for 1 or more")


def _written(document: ReadDocument, asked: Question, sources: Sources) -> str:
    stream, prompt = document.stream.fork(), Prompt(document.model)
    stream.watcher = sources.watch
    writing = Writing(
        asked.max_tokens or MAX_TOKENS, asked.temperature or 0.0, asked.seed, asked.show
    )
    return write(
        stream, prompt, ask_about(asked.text, document.reading.unit), writing, lookup=False
    ).strip()


def _passages(document: ReadDocument, asked: Question) -> Iterator[Passage]:
    sentences = document.reading.sentences
    places = [i for i, s in enumerate(sentences) if s.quotable] or [*range(len(sentences))]
    texts = [sentences[i].text for i in places]
    vector = vectors = None
    if document.is_in_trained_language:
        size = document.model.sentence_head.vector_size
        vector, vectors = (
            meaning(document.model, asked.text),
            document.reading.vectors[places, :size],
        )
    scores = matches(asked.text, vector, texts, vectors)
    chosen = {places[i]: float(scores[i]) for i in np.argsort(-scores, kind="stable")}
    best = [i for i, score in chosen.items() if score >= no_match(asked.text, vectors)][
        : 2 * asked.passages
    ]
    for run in _runs(best)[: asked.passages]:
        text = " ".join(sentences[i].text for i in run)
        yield Passage(text, sentences[run[0]].page, round(max(chosen[i] for i in run), 4))


def _runs(best: list[int]) -> list[list[int]]:
    """Sentences that follow one another as one passage, in the order of their best."""
    runs: list[list[int]] = []
    for i in best:
        beside = [run for run in runs if i in (run[0] - 1, run[-1] + 1) and len(run) < LONGEST]
        if beside:
            beside[0].append(i)
            beside[0].sort()
        else:
            runs.append([i])
    return runs
