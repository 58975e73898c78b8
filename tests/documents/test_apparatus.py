"""What is never quoted: thanks, rights, funding, captions; and what must not be taken for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgehybrid.documents.apparatus import is_caption, is_title, marked, spared
from edgehybrid.documents.document import Block, Document, PageText, Sentence
from edgehybrid.documents.notices import is_notice
from edgehybrid.documents.sentences import iter_sentences

NOTICES = [
    "© 2019 The Authors and the press.",
    "Copyright (c) 2003 by the river board.",
    "This is an open access article distributed under the terms of the Creative Commons licence.",
    "Permission is hereby granted, free of charge, to any person who obtains a copy.",
    "This document has been placed in the public domain.",
    "This work is licensed under a Creative Commons Attribution 4.0 licence.",
    'The software is provided "as is", without warranty of any kind.',
    "This study was funded by the National Water Foundation under contract 12.",
    "The water was measured under grant number 4711.",
    "The authors declare no conflict of interest.",
    "The authors have declared that no competing interests exist.",
    "Dr Flow has received consulting fees from Dam Ltd.",
    "We would like to thank Ann Bank for her helpful comments.",
    "Thanks to Ann and Ben for reviewing this proposal.",
    "AB and CD designed the study.",
    "All authors read and approved the final manuscript.",
    "Correspondence should be addressed to A. Bank.",
    "E-mail: a.bank@example.org.",
    "Keywords: river, bank, flood, town.",
    "The data are available from the corresponding author on reasonable request.",
    "Received 3 May 2017; accepted 4 June 2017.",
    'The key words "MUST" and "MAY" are to be interpreted as described in RFC 2119.',
    "Distribution of this memo is unlimited.",
]
CONTENTS = [
    "Copyright protects the expression of an idea and not the idea.",
    "The licence field of the metadata names the terms of distribution.",
    "The bill was supported by the council and by two ministries.",
    "I thank the member for that question, which I shall answer.",
    "Thanks to the portability of the language, one system was enough.",
    "The cells were supported by a grid while the fluid was removed.",
    "At most two members may have a conflict of interest with one supplier.",
    "Figure 3 shows that the level fell after the rain.",
    "Every competing design needs more memory than this one.",
    "The river received 40 mm of rain and was accepted as full.",
    "The keywords are reserved and cannot name a variable.",
    "Funding for schools was cut by a tenth in that year.",
    "The archive offers printed lists of its rooms, available on request.",
    "In the preceding paragraph the authors acknowledge the frog and cite it as support.",
    "Users may request a copy of the data from the archive.",
]


@pytest.mark.parametrize("text", NOTICES)
def test_notices_are_not_quoted(text: str) -> None:
    assert is_notice(text)


@pytest.mark.parametrize("text", CONTENTS)
def test_sentences_about_such_things_are_quoted(text: str) -> None:
    assert not is_notice(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Figure 3. The level after the rain.", True),
        ("Table 2: Rain by month.", True),
        ("FIG. 4 | Two wells.", True),
        ("Fig. S1.", True),
        ("Figure 3 shows the level.", False),
        ("Figure 4A–C shows the level.", False),
        ("Table 1 (supplement) gives them.", False),
        ("Tables were laid for ten.", False),
    ],
)
def test_captions(text: str, expected: bool) -> None:
    assert is_caption(text) is expected


@pytest.mark.parametrize(
    "title", ["7. Acknowledgements", "AUTHOR CONTRIBUTIONS", "Funding", "VI Data availability"]
)
def test_titles(title: str) -> None:
    assert is_title(title)


@pytest.mark.parametrize(
    "title",
    [
        "Credits",
        "Licence",
        "Funding of schools",
        "Data",
        "Intellectual Property Rights",
        "Marketing: Thanks",
        "Conflicts of interest",
    ],
)
def test_titles_of_contents(title: str) -> None:
    assert not is_title(title)


def _sentences(*blocks: tuple[str, str]) -> list[Sentence]:
    page = PageText(1, tuple(Block(text, kind) for kind, text in blocks))
    return list(iter_sentences([page]))


def test_a_section_of_thanks_ends_with_the_next_heading_of_its_level() -> None:
    found = _sentences(
        ("heading", "6 Acknowledgements"),
        ("prose", "Many people have helped us with the wells."),
        ("heading", "6.1 The town"),
        ("prose", "The mayor lent us three strong pumps."),
        ("heading", "7 Results"),
        ("prose", "The level fell after two days."),
    )
    assert [s.quotable for s in found if s.kind == "prose"] == [False, False, True]


def test_a_section_without_end_is_none() -> None:
    blocks = [("prose", f"Sentence number {n} tells of the river.") for n in range(60)]
    found = _sentences(("heading", "Thanks"), *blocks)
    assert found[-1].quotable
    assert not found[1].quotable


def test_marking_is_a_stream() -> None:
    def endless() -> Iterator[Sentence]:
        while True:
            yield Sentence("All rights reserved by the town.", 1, "prose", True)

    stream = marked(endless())
    assert [next(stream).quotable for _ in range(3)] == [False] * 3


def test_what_is_mostly_licence_can_be_summarised() -> None:
    text = "\n".join(NOTICES)
    assert all(s.quotable for s in Document.from_text(text).sentences if len(s.text.split()) > 4)
    longer = "\n".join(NOTICES + CONTENTS * 2)
    left = [s.text for s in Document.from_text(longer).sentences if s.quotable]
    assert left == CONTENTS * 2


def test_captions_of_text_are_read_and_not_quoted() -> None:
    text = "Figure 1. The well of the town.\n\nThe well is older than the town."
    kinds = [(s.kind, s.quotable) for s in Document.from_text(text).sentences]
    assert kinds == [("caption", False), ("caption", False), ("prose", True)]


def test_sparing_keeps_order_and_text() -> None:
    found = _sentences(*(("prose", text) for text in NOTICES))
    assert [s.text for s in spared(found)] == [s.text for s in found]
