"""What the worker asks of Python: a PDF to sentences, and what is counted of them."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from edgehybrid.documents.apparatus import spared
from edgehybrid.documents.document import PageText, Sentence
from edgehybrid.documents.isolated.order import Header, Order
from edgehybrid.documents.language import Languages
from edgehybrid.documents.numbering import numbered, share
from edgehybrid.documents.pdf.reader import read_order
from edgehybrid.documents.sentences import iter_sentences
from edgehybrid.documents.words import count_words, stems
from edgehybrid.tasks.centrality import central
from edgehybrid.tasks.dangling import leads
from edgehybrid.tasks.length import usual_length

#: Rules of what dangles are of English.
ENGLISH = (None, "en")


class Reading:
    """A document while it is read, and what is known of it at the end."""

    def __init__(self, path: str, password: str | None = None) -> None:
        """Open the PDF file at `path`.

        Raises:
            DocumentError: it cannot be read.
        """
        self.words = self.pages_read = 0
        self.without_text: list[int] = []
        self.unreadable: list[int] = []
        self.sentences: list[Sentence] = []
        self._languages = Languages()
        pages = read_order(Order(path, password), _nothing, _nothing)
        header = next(pages)
        assert isinstance(header, Header)
        self.page_count = header.page_count
        self._coming = iter_sentences(self._counted(pages), self._languages)

    def _counted(self, pages: Iterator[Header | PageText]) -> Iterator[PageText]:
        for page in pages:
            assert isinstance(page, PageText)
            self.pages_read += 1
            self.words += sum(count_words(block.text) for block in page.blocks)
            if not page.readable:
                self.unreadable.append(page.number)
            elif not page.blocks:
                self.without_text.append(page.number)
            yield page

    def more(self, most: int) -> str:
        """The next sentences, at most so many, as JSON: texts and kinds; none at the end."""
        batch = list(islice(self._coming, most))
        self.sentences += batch
        return json.dumps([[s.text, s.kind] for s in batch])

    def finish(self) -> str:
        """What is known at the end, as JSON."""
        self.sentences = spared(self.sentences)
        return json.dumps(
            {
                "sentences": self.sentences,
                "words": self.words,
                "usual_length": usual_length(self.words),
                "language": self._languages.most,
                "pages_without_text": self.without_text,
                "unreadable_pages": self.unreadable,
            }
        )

    def counts(self) -> Counts:
        """What is counted of the sentences."""
        return Counts(self.sentences)


def _nothing(number: int) -> None:
    """Take no note of the page that is begun."""


class Counts:
    """What is counted of all sentences of a document."""

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        self._sentences = sentences
        self._numbered = numbered(s.text for s in sentences)

    def items(self) -> array[int]:
        """The words of all sentences, as numbers."""
        return self._numbered.items

    def sizes(self) -> array[int]:
        """How many of them each sentence has."""
        return self._numbered.sizes

    def looks(self) -> array[float]:
        """Of each sentence: pieces between spaces, words as `count_words` counts, digits, capitals.

        The last two are shares of the characters.
        """
        rows = array("d")
        for sentence in self._sentences:
            text = sentence.text
            rows.extend((len(text.split()), count_words(text)))
            rows.extend((share(text, str.isdigit), share(text, str.isupper)))
        return rows

    def stems(self, index: int) -> str:
        """The stems of a sentence, as JSON."""
        return json.dumps(sorted(set(stems(self._sentences[index].text))))

    def leads(self, places: Any, language: str | None) -> str:
        """What should be quoted with each candidate, as JSON; see `dangling.leads`."""
        chosen = list(places)
        if language not in ENGLISH:
            return json.dumps([[] for _ in chosen])
        return json.dumps(leads(self._sentences, chosen))

    def central(self, places: Any) -> str:
        """How central candidates are by their words alone, as JSON; see `centrality`."""
        return json.dumps(central([self._sentences[i].text for i in places]))


def from_json(text: str) -> Counts:
    """The counts of sentences that were divided elsewhere."""
    return Counts([Sentence(*fields) for fields in json.loads(text)])
