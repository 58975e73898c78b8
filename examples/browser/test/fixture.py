"""What Python makes of a few pages of the handbook: all that the page has to make of them too.

    python fixture.py FOLDER

writes pages.pdf, and expected.json with every step from the drawn page to the chosen sentences.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2

import edgehybrid
from edgehybrid.documents.apparatus import spared
from edgehybrid.documents.encoding import encode
from edgehybrid.documents.features import sentence_features
from edgehybrid.documents.layout.stream import lay_out
from edgehybrid.documents.lexicon import Lexicon
from edgehybrid.documents.pdf.pdfium import PdfiumFile
from edgehybrid.documents.sentences import iter_sentences

HANDBOOK = Path(__file__).parents[2] / "handbook.pdf"
#: So many pages, of which the first is page 5 of the handbook, are enough for every kind of block.
PAGES = range(4, 12)
LENGTHS = (40, 100, 400)


def main(folder: Path) -> None:
    pdf = folder / "pages.pdf"
    _write_pages(pdf)
    (folder / "expected.json").write_text(json.dumps(_expected(pdf)))


def _write_pages(pdf: Path) -> None:
    with pypdfium2.PdfDocument(HANDBOOK) as whole, pypdfium2.PdfDocument.new() as some:
        some.import_pages(whole, list(PAGES))
        some.save(pdf)


def _expected(pdf: Path) -> dict[str, Any]:
    file = PdfiumFile(str(pdf), None)
    raw = [file.read(number) for number in range(1, file.page_count + 1)]
    file.close()
    document = edgehybrid.open_document(pdf)
    sentences = list(document.sentences)
    assert spared(list(iter_sentences(lay_out(raw)))) == sentences
    read = edgehybrid.read(pdf)
    vectors = read.reading.vectors
    quotable = np.array([sentence.quotable for sentence in sentences])
    lexicon = Lexicon.of([sentence.text for sentence in sentences])
    head = read.model.sentence_head
    features = sentence_features(sentences, lexicon, vectors[:, : head.vector_size], quotable)
    ids, _ = encode(read.model.tokenizer, sentences)
    summaries = {str(n): read.summarize(words=n) for n in LENGTHS} | {"": read.summarize()}
    return {
        "raw": raw,
        "sentences": sentences,
        "language": document.language,
        "words": document.words,
        "tokens": ids.tolist(),
        "vectors": vectors.astype(np.float32).tolist(),
        "features": features.tolist(),
        "scores": head.score(vectors, features, quotable).tolist(),
        "summaries": {
            name: [[p.text, p.page, p.score] for p in summary.points]
            for name, summary in summaries.items()
        },
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
