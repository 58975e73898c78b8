"""Ligatures, hyphens at line ends, and the vocabulary that decides about them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.documents.layout.words import Vocabulary, clean, join, join_lines, repair


def knowing(*lines: str) -> Vocabulary:
    vocabulary = Vocabulary()
    for line in lines:
        vocabulary.add(line)
    return vocabulary


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("eﬀect of ﬁnal ﬂow, oﬃce", "effect of final flow, office"),
        ("infor\u00admation", "information"),
        ("ends with\u00ad", "ends with\u00ad"),
        ("a\x00b\x07c\ufffe", "abc"),
        ("cafe\u0301", "café"),
        ("non\u2011breaking\u00a0space", "non-breaking space"),
    ],
)
def test_clean_repairs(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("the informa-", "tion given", "the information given"),
        ("a decision-", "making body", "a decision-making body"),
        ("state-of-the-", "art methods", "state-of-the-art methods"),
        ("the COVID-", "19 wave", "the COVID-19 wave"),
        ("the Smith-", "Jones case", "the Smith-Jones case"),
        ("short-", "and long-term", "short- and long-term"),
        ("in 1990–", "2000 it", "in 1990–2000 it"),
        ("at https://", "example.org", "at https://example.org"),
        ("a self-", "evident truth", "a self-evident truth"),
        ("a pause -", "then more", "a pause - then more"),
        ("soft\u00ad", "ware", "software"),
        ("plain", "words", "plain words"),
    ],
)
def test_join_at_line_ends(before: str, after: str, expected: str) -> None:
    known = knowing("a decision in the making of state of the art")
    assert join(before, after, known) == expected


def test_the_document_decides_about_compounds() -> None:
    assert join("a co-", "ordinate", knowing("their coordinate system")) == "a coordinate"
    assert join("a co-", "ordinate", knowing("their co-ordinate system")) == "a co-ordinate"


def test_words_cut_by_a_line_break_are_not_learnt() -> None:
    known = knowing("is very effect-", "ive in the end")
    assert "effect" not in known
    assert "ive" not in known
    assert "end" in known


def test_repair_of_a_wrongly_mapped_ligature() -> None:
    known = knowing("and the thymus of this")
    assert repair("+e plant. 3ymus is a +is", known) == "The plant. Thymus is a This"
    assert repair("1+e and 3rd +1", known) == "1+e and 3rd +1"


@given(st.text())
def test_clean_never_fails_and_is_idempotent(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)


@given(st.lists(st.text(alphabet="ab -\u00ad–/.é19", max_size=8), max_size=6))
def test_joining_keeps_all_letters_in_order(lines: list[str]) -> None:
    known = knowing("ab a b")
    joined = join_lines([clean(line) for line in lines], known)
    letters = [c for c in "".join(lines) if c.isalnum()]
    assert [c for c in joined if c.isalnum()] == letters
    assert join_lines([joined], known) == joined.strip()
