"""The text of a document as it was read: units, and the positions of their tokens in the stream.

A reader's units are its sentences, each of which an end token follows; a language model's are what
stands before the first page, and the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from edgehybrid.documents.document import Document, Sentence
from edgehybrid.documents.encoding import encode
from edgehybrid.runtime.text import TextPieces
from edgehybrid.tasks.write import Prompt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from edgehybrid.runtime.model import Model

#: Sentences that are encoded at a time.
TOGETHER = 1024
#: Kinds of unit that only language models have.
BEFORE, WHOLE = "before", "page"

#: The characters (start, end) of each token.
Spans = list[tuple[int, int]]


class Unit(NamedTuple):
    """A piece of the document.

    Attributes:
        text: of it, as the tokenizer was given it.
        page: 1-based; 0 before the first.
        kind: of a sentence; or BEFORE, or WHOLE.
        start: the position of its first token in the stream.
        tokens: how many it has, an end token included.
    """

    text: str
    page: int
    kind: str
    start: int
    tokens: int


class Text(NamedTuple):
    """All units, and what gives the characters of each token of one of them."""

    units: list[Unit]
    spans: Callable[[Unit], Spans]


def text_of_sentences(tokenizer: Tokenizer, sentences: Sequence[Sentence]) -> Text:
    """What a reader has read."""
    units: list[Unit] = []
    start = 0
    for i in range(0, len(sentences), TOGETHER):
        some = sentences[i : i + TOGETHER]
        ends = encode(tokenizer, some)[1].tolist()
        for sentence, before, end in zip(some, [-1, *ends[:-1]], ends, strict=True):
            units.append(Unit(sentence.text, sentence.page, sentence.kind, start, end - before))
            start += end - before

    def spans(unit: Unit) -> Spans:
        encoded = tokenizer.encode_batch([unit.text], add_special_tokens=False)[0]
        return [*encoded.offsets, (len(unit.text), len(unit.text))]  # the end token has none

    return Text(units, spans)


def text_of_pages(model: Model, document: Document) -> Text:
    """What a language model has read."""
    prompt = Prompt(model)
    before = prompt.before(document.name, document.unit)
    shown = _shown(model.tokenizer, before)
    units = [Unit("".join(shown), 0, BEFORE, 0, len(before))]
    for page in document.pages:
        if page.text:
            start = units[-1].start + units[-1].tokens
            text = prompt.page_text(page.number, page.text, document.unit)
            units.append(Unit(text, page.number, WHOLE, start, len(prompt.encoder.spans(text))))

    def spans(unit: Unit) -> Spans:
        if unit.kind == WHOLE:
            return prompt.encoder.spans(unit.text)
        ends = list(accumulate(map(len, shown), initial=0))
        return list(pairwise(ends))

    return Text(units, spans)


def _shown(tokenizer: Tokenizer, ids: Iterable[int]) -> list[str]:
    """The text of each token, markup included."""
    markup = tokenizer.get_added_tokens_decoder()
    pieces = TextPieces(tokenizer)
    return [pieces.flush() + markup[i].content if i in markup else pieces.add(i) for i in ids]
