"""Showing what a model kept of a document, and where the sentences of its summary stand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edgehybrid.documents.document import Document
from edgehybrid.documents.opening import open_document
from edgehybrid.errors import NotFound, RequestError
from edgehybrid.files import write_whole
from edgehybrid.report.page import page_of
from edgehybrid.report.units import Text, text_of_pages, text_of_sentences
from edgehybrid.runtime.kept import KeptLayer, kept_layers
from edgehybrid.tasks.keeping import Keep
from edgehybrid.tasks.read import ReadDocument, read
from edgehybrid.tasks.reading import Tell
from edgehybrid.tasks.summarize import Point, Wish, check, choose

if TYPE_CHECKING:
    from edgehybrid.runtime.budgets import Budget
    from edgehybrid.runtime.model import Model


@dataclass(frozen=True)
class Explanation:
    """What was kept of a document, and what of it is cited.

    Attributes:
        document: what was read.
        points: the sentences of the summary, in order; none of a language model.
        layers: what each attention layer keeps.
        text: what was read, in units.
        cited: (n,) the unit of each point.
    """

    document: ReadDocument
    points: tuple[Point, ...]
    layers: tuple[KeptLayer, ...]
    text: Text = field(repr=False)
    cited: tuple[int, ...] = field(repr=False)

    def html(self) -> Iterator[str]:
        """One page in pieces: it needs nothing but itself, and holds no script."""
        return page_of(self)

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write the page into a file, which only its owner can read; as a whole or not at all.

        Returns: bytes written.

        Raises:
            OSError: the file cannot be written.
        """
        data = "".join(self.html()).encode()
        write_whole(Path(path), data)
        return len(data)


def explain(
    source: str | os.PathLike[str] | Document,
    *,
    words: int | None = None,
    points: int | None = None,
    pages: tuple[int, int] | None = None,
    password: str | None = None,
    damaged: bool = False,
    model: Model | str | os.PathLike[str] | None = None,
    budget: Budget = None,
    router: str | None = None,
    keep: Keep | bool = False,
    progress: Tell | None = None,
) -> Explanation:
    """Read a document and show which of its tokens the attention layers still hold at the end.

    Of the default reader, the sentences of its summary are marked as well.

    Args:
        source: a path (a `str` is always a path, never text), or a `Document`.
        words: how long the summary may be; see `edgehybrid.summarize`. Not of a language model.
        points: how many sentences it may have; likewise.
        pages: as in `edgehybrid.read`, like the next seven.
        password: see there.
        damaged: see there.
        model: see there.
        budget: see there.
        router: see there.
        keep: see there.
        progress: see there.

    Raises:
        as `edgehybrid.read`.
    """
    wish = Wish(words, points, None, None, None, None)
    check(wish)
    document = read(
        source,
        pages=pages,
        password=password,
        damaged=damaged,
        model=_fit_for(wish, model),
        budget=budget,
        router=router,
        keep=keep,
        progress=progress,
    )
    layers = tuple(kept_layers(document.stream.caches))
    if document.model.writes:
        text = text_of_pages(document.model, _again(source, pages, password, damaged))
        _check_same(text, document)
        return Explanation(document, (), layers, text, ())
    reading = document.reading
    text = text_of_sentences(document.model.tokenizer, reading.sentences)
    chosen = choose(document.model.sentence_head, reading, words, points)
    cited = tuple(Point(*reading.sentences[i][:2], score) for i, score in chosen)
    return Explanation(document, cited, layers, text, tuple(i for i, _ in chosen))


def _fit_for(
    wish: Wish, model: Model | str | os.PathLike[str] | None
) -> Model | str | os.PathLike[str] | None:
    """`model`, loaded already if it has to be a reader: another reads nothing.

    Raises:
        RequestError: it is a language model, and a length of the summary was asked for.
    """
    from edgehybrid.runtime.model import Model, load

    asked = [name for name in ("words", "points") if getattr(wish, name) is not None]
    if not asked:
        return model
    loaded = model if isinstance(model, Model) else load(model)
    if loaded.writes:
        raise RequestError(
            f"{asked[0]} is {getattr(wish, asked[0])}, but {loaded.bundle.name} is a language "
            "model, of which no sentences are cited: leave it out"
        )
    return loaded


def _again(
    source: str | os.PathLike[str] | Document,
    pages: tuple[int, int] | None,
    password: str | None,
    damaged: bool,
) -> Document:
    """The text of all pages: a reading by a language model holds none."""
    if isinstance(source, Document):
        return source.only(*pages) if pages else source
    return open_document(source, password=password, pages=pages, damaged=damaged)


def _check_same(text: Text, document: ReadDocument) -> None:
    last = text.units[-1]
    found, read_before = last.start + last.tokens, document.stream.position
    if found != read_before:
        raise NotFound(
            f"{document.name} has {found:,} tokens, but had {read_before:,} when it was read: it "
            "was changed; explain it again"
        )
