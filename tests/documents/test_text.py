"""Plain text and Markdown to blocks and sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.documents.document import Block, Document, PageText
from edgehybrid.documents.markdown import pages_of_markdown
from edgehybrid.documents.sentences import is_quotable, iter_sentences
from edgehybrid.documents.text import pages_of_text
from edgehybrid.documents.words import count_words
from edgehybrid.errors import NoText, RequestError


def _blocks(text: str) -> list[tuple[str, str]]:
    return [(b.kind, b.text) for page in pages_of_text(text) for b in page.blocks]


def test_wrapped_lines_become_paragraphs() -> None:
    text = (
        "The committee met on a cold morning and agreed on very little of\n"
        "what had been proposed, but it did agree that the old bridge was un-\n"
        "safe for heavy traffic.\n\n"
        "A second paragraph begins here and goes on for some more words, so\n"
        "that it is wrapped as well.\n"
    )
    blocks = _blocks(text)
    assert [kind for kind, _ in blocks] == ["prose", "prose"]
    assert "was unsafe for heavy" in blocks[0][1]
    assert blocks[1][1].endswith("more words, so that it is wrapped as well.")


def test_long_lines_are_paragraphs() -> None:
    paragraph = "Word after word makes a long line that nobody wrapped by hand. " * 4
    assert _blocks(f"Heading One\n{paragraph}\n{paragraph}") == [
        ("heading", "Heading One"),
        ("prose", paragraph.strip()),
        ("prose", paragraph.strip()),
    ]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("- An item of a list, with a full sentence in it.", "list"),
        ("3. The third of several steps is this one.", "list"),
        ("Introduction ........ 7", "toc"),
        ("name | size | colour", "table"),
        ("----------", "table"),
        ("Materials and Methods", "heading"),
        ("This is an ordinary sentence.", "prose"),
    ],
)
def test_kinds_of_lines(line: str, kind: str) -> None:
    assert _blocks(line)[0][0] == kind


def test_references_are_not_quoted() -> None:
    text = "Body\nThis sentence can be quoted by anyone.\nReferences\nSmith wrote a paper about it."
    document = Document.from_text(text)
    assert [s.quotable for s in document.sentences] == [False, True, False, False]


def test_control_characters_never_reach_a_terminal() -> None:
    text = "A sentence with \x1b[31mcolour\x9b and \u202etricks in it stands here."
    for pages in (pages_of_text(text), pages_of_markdown(text)):
        (block,) = next(iter(pages)).blocks
        assert not set(block.text) & {"\x1b", "\x9b", "\u202e"}


def test_markdown() -> None:
    text = (
        "---\ntitle: x\n---\n# Title\n\nSome *marked* text with `code` and a [link](http://x).\n"
        "It goes on.\n\n- One item here.\n- Another item.\n\n```\ncode = 1\n```\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n## References\n\nA paper.\n"
    )
    blocks = [(b.kind, b.text) for page in pages_of_markdown(text) for b in page.blocks]
    assert blocks == [
        ("heading", "Title"),
        ("prose", "Some marked text with code and a link. It goes on."),
        ("list", "One item here."),
        ("list", "Another item."),
        ("code", "code = 1"),
        ("table", "a | b"),
        ("table", "1 | 2"),
        ("heading", "References"),
        ("reference", "A paper."),
    ]


def test_a_sentence_over_a_page_break_belongs_to_where_it_begins() -> None:
    pages = [
        PageText(4, (Block("First one. The second goes on", "prose"),), continues=True),
        PageText(5, (Block("to the next page. A third follows.", "prose"),)),
    ]
    found = [(s.page, s.text) for s in iter_sentences(pages)]
    assert found == [
        (4, "First one."),
        (4, "The second goes on to the next page."),
        (5, "A third follows."),
    ]


def test_a_paragraph_may_run_over_several_pages() -> None:
    pages = [PageText(n, (Block(f"part {n}", "prose"),), continues=n < 3) for n in (1, 2, 3)]
    assert [(s.page, s.text) for s in iter_sentences(pages)] == [(1, "part 1 part 2 part 3")]


@given(st.lists(st.text(max_size=80), max_size=8))
def test_no_text_is_lost(paragraphs: list[str]) -> None:
    text = "\n\n".join(paragraphs)
    try:
        document = Document.from_text(text)
    except NoText:
        return
    kept = "".join("".join(s.text.split()) for s in document.sentences)
    pages = "".join("".join(p.text.split()) for p in document.pages)
    assert kept == pages


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("This is a plain sentence.", "prose", True),
        ("This is a plain sentence.", "heading", False),
        ("Too short.", "prose", False),
        ("this is what a table left over.", "prose", False),
        ("No end to this sentence here", "prose", False),
        ("x = 3 * (y + 4) / 2 - 17 + 5;", "prose", False),
        ("word " * 130 + ".", "prose", False),
        (", 9, that is a digit of it.", "prose", False),
        ("They are numbered by i = 1, 2, . . .", "prose", False),
        ("Y ~ M + 1, y is M of A, B.", "prose", False),
        ("The level fell by 33.9% and 39.4% in May and June.", "prose", True),
    ],
)
def test_what_can_be_quoted(text: str, kind: str, expected: bool) -> None:
    assert is_quotable(text, kind) is expected


def test_words_are_what_holds_a_letter_or_figure() -> None:
    assert count_words("Introduction . . . . . . 7 — and") == 3


def test_only_some_pages() -> None:
    document = Document.from_text("One page here.\fAnother page there.\fThe last page of all.")
    assert [p.number for p in document.only(2, 3).pages] == [2, 3]
    assert [s.page for s in document.only(2, 3).sentences] == [2, 3]
    with pytest.raises(RequestError, match="pages 7-9 were asked of text, which has 3"):
        document.only(7, 9)
