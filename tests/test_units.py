"""What counts as a page has a name, and every answer uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import edgehybrid
from edgehybrid.documents.document import Block, Document, PageText
from edgehybrid.runtime.model import Model
from edgehybrid.tasks.rendering import Format, recognised, render, unread
from edgehybrid.tasks.write import Prompt, ask_about, ask_for

SLIDES = [
    ["The river rose twice in the spring of that year and carried sand into the town."],
    ["A dam was built above the town, and its gates are opened when the lake is full."],
    ["Farmers in the valley downstream were glad of the water in August."],
]


@pytest.fixture(scope="module")
def model() -> Model:
    return edgehybrid.load()


def document(*, recognised: bool = False) -> Document:
    pages = [
        PageText(i, tuple(Block(text, "prose") for text in texts), recognised=recognised and i == 2)
        for i, texts in enumerate([*SLIDES, []], start=1)
    ]
    return Document.from_pages(pages, name="talk.pptx", unit="slide")


def test_a_summary(model: Model) -> None:
    summary = edgehybrid.summarize(document(), points=1, model=model)
    page = summary.points[0].page
    assert summary.unit == "slide"
    assert render(summary, Format.text).startswith(f"[slide {page}] ")
    assert render(summary, Format.markdown).endswith(f"*(slide {page})*")
    assert json.loads(render(summary, Format.json))["document"]["unit"] == "slide"
    assert unread(summary.stats) == ["1 of 4 slides have no text: 4"]


def test_an_answer_and_a_report(model: Model) -> None:
    answer = edgehybrid.ask(document(), "When are the gates opened?", model=model, keep=False)
    assert answer.unit == "slide"
    html = "".join(edgehybrid.explain(document(), points=1, model=model).html())
    assert "<h2>Slides</h2>" in html
    assert '<h2 lang="en">Slide 2</h2>' in html
    assert "Page" not in html.partition("</style>")[2]


def test_a_reading_that_is_kept_remembers(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEHYBRID_CACHE", str(tmp_path))
    for resumed in (False, True):
        read = edgehybrid.read(document(recognised=True), model=model, keep=True)
        assert bool(read.reading.resumed) == resumed
        assert (read.reading.unit, read.reading.recognised_pages) == ("slide", [2])


def test_what_was_recognised_is_said(model: Model) -> None:
    summary = edgehybrid.summarize(document(recognised=True), points=1, model=model)
    line = (
        "1 of 4 slides were read off pictures (OCR of Latin, Chinese and Japanese letters), which "
        "makes mistakes: 2"
    )
    assert recognised(summary.stats) == [line]
    assert summary.notices == (line,)


def test_a_language_model_is_asked_to_cite_it() -> None:
    assert "cite the slide that it comes from, like this: [slide 3]" in ask_for(
        80, None, None, "slide"
    )
    assert "the slide that it comes from, like this: [slide 3]" in ask_for(80, 2, None, "slide")
    assert "cite the chapter of each statement, like this: [chapter 3]" in ask_about("?", "chapter")
    assert "cite the page of each statement, like this: [p. 3]" in ask_about("?")
    assert Prompt.page_text(2, "Words.", "slide") == "[slide 2]\nWords.\n\n"


def test_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("lxml", reason="needs the extra `documents`")
    from documents.office_files import pptx, shape

    (tmp_path / "in").mkdir()
    pptx(tmp_path / "in" / "talk.pptx", [shape(texts) for texts in SLIDES])
    report = edgehybrid.summarize_folder(tmp_path / "in", tmp_path / "out", points=1, jobs=1)
    assert not report.failed
    assert (tmp_path / "out" / "talk.pptx.txt").read_text().startswith("[slide ")
