"""Real files beside the checkout: good ones are read well, bad ones are refused with a reason."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgehybrid.documents.document import PageText
from edgehybrid.documents.pdf import read_pdf
from edgehybrid.documents.sentences import iter_sentences
from edgehybrid.errors import (
    DamagedDocument,
    DocumentTooLarge,
    EdgehybridError,
    EmptyFile,
    NoText,
    NotThisFormat,
    PasswordNeeded,
)

#: File, pages, the fewest words to be found, and sentences as a reader sees them.
GOOD = [
    ("debian-policy-193p", 193, 75_000, "This manual describes the policy requirements for the"),
    ("federal-register-3col-15p", 15, 8_000, "These effects include stall warning activation"),
    ("irs-i1040nr-50p", 50, 48_000, "Enter on line 12 the $9,000 shown in box 2 of Form 1042-S."),
    ("lme4-jss-51p", 51, 17_000, "the third module optimizes this objective function"),
    (
        "pdkids-55p",
        55,
        25_000,
        "I realized that I was still in great danger: I was still in Maryland",
    ),
    ("plos-ntd-23p", 23, 19_000, "HTS allowed elucidating the elusive etiology of some diseases"),
    ("r-intro-113p", 113, 50_000, "R operates on named data structures."),
]
BAD = [
    ("corrupted-zen", DamagedDocument, "object 5 cannot be inflated"),
    ("encrypted-aes256-userpw", PasswordNeeded, "--password"),
    ("evil-recursive-xobjects", DamagedDocument, "startxref"),
    ("flate-bomb-400mib", DocumentTooLarge, "inflates"),
    ("fuzzed-pdfbox-3148", DamagedDocument, "cross-reference stream"),
    ("fuzzed-poppler-395", DamagedDocument, "not where"),
    ("html-not-pdf", NotThisFormat, "an HTML page"),
    ("page-tree-loop-2e9-pages", DamagedDocument, "2,000,000,000 pages"),
    ("scan-imagemagick-6p", NoText, "pages 1-6"),
    ("truncated-policy", DamagedDocument, "startxref"),
    ("xref-command-missing", DamagedDocument, "is not at byte 455"),
    ("zero-bytes", EmptyFile, "0 bytes"),
]
SECONDS = 20


def text_of(pages: list[PageText]) -> str:
    return " ".join(block.text for page in pages for block in page.blocks)


@pytest.mark.parametrize(("name", "count", "words", "sentence"), GOOD)
def test_good_files(shared: Path, name: str, count: int, words: int, sentence: str) -> None:
    with read_pdf(shared / "pdfs" / "good" / f"{name}.pdf") as source:
        assert source.page_count == count
        pages = list(source)
    text = text_of(pages)
    assert all(page.readable for page in pages)
    assert len(text.split()) >= words
    assert sentence.lower() in text.lower()


@pytest.mark.parametrize(("name", "kind", "reason"), BAD)
def test_bad_files(shared: Path, name: str, kind: type[EdgehybridError], reason: str) -> None:
    begun = time.monotonic()
    with pytest.raises(kind, match=re.escape(reason)) as caught:
        list(read_pdf(shared / "pdfs" / "bad" / f"{name}.pdf"))
    assert time.monotonic() - begun < SECONDS
    assert str(caught.value).startswith(f"{name}.pdf: ")
    assert "\n" not in str(caught.value)


def test_the_password_opens_the_encrypted_file(shared: Path) -> None:
    path = shared / "pdfs" / "bad" / "encrypted-aes256-userpw.pdf"
    assert text_of(list(read_pdf(path, password="foo"))) == "Secret!"
    with pytest.raises(PasswordNeeded, match="does not open"):
        list(read_pdf(path, password="bar"))


def _papers(shared: Path) -> Iterator[tuple[Path, str]]:
    folder = shared / "pdfs" / "papers"
    for line in (folder / "gold.jsonl").read_text("utf-8").splitlines():
        paper = json.loads(line)
        yield folder / paper["pdf"], paper["abstract"] + " " + paper["body"]


def test_sentences_of_papers_are_those_of_their_publishers(shared: Path) -> None:
    for path, gold in _papers(shared):
        quotable = [s.text for s in iter_sentences(read_pdf(path)) if s.quotable]
        known = _letters(gold)
        found = sum(_letters(sentence) in known for sentence in quotable)
        assert found >= 0.96 * len(quotable), path.name


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]+", "", text.lower())
