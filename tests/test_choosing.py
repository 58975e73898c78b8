"""How sentences are put together: nothing dangles, lengths are kept, a focus steers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgehybrid
from edgehybrid.bundle import Bundle
from edgehybrid.documents.document import Sentence
from edgehybrid.errors import RequestError
from edgehybrid.tasks.band import fitted
from edgehybrid.tasks.centrality import central
from edgehybrid.tasks.dangling import dangles, leads, leads_that_fit
from edgehybrid.tasks.length import in_band
from edgehybrid.tasks.select import select

TOWN = [
    "The river rose for three days before anyone in the town believed the warnings. "
    "However, on the fourth day the council closed the bridge and opened the school as a shelter.",
    "A new dam was planned after the flood and it cost the province nine million crowns. "
    "This sum was raised by a tax on timber that every mill along the river had to pay.",
    "Farmers received seed from the neighbouring valley and planted their fields again in May. "
    "The harvest of that year was the best that anyone on the river could remember.",
]


@pytest.fixture(scope="module")
def model() -> edgehybrid.Model:
    return edgehybrid.load()


@pytest.fixture(scope="module")
def town(model: edgehybrid.Model) -> edgehybrid.ReadDocument:
    return edgehybrid.read(edgehybrid.Document.from_text("\f".join(TOWN)), model=model)


@pytest.mark.parametrize(
    "text",
    [
        "However, the level fell.",
        "This sum was raised by a tax.",
        "These results agree with those of others.",
        "It was built of stone.",
        "He lived by the river.",
        "In this case, the dam is opened.",
        "For example, a mill may stop.",
        "But nobody came.",
        "Such wells are rare.",
    ],
)
def test_these_dangle(text: str) -> None:
    assert dangles(text)


@pytest.mark.parametrize(
    "text",
    [
        "This paper describes a dam.",
        "In this study, wells were measured.",
        "It is important that wells are clean.",
        "The dam is high.",
        "Thisbe lived by the river.",
        "Hebrew is written from right to left.",
        "Butter is made of milk.",
    ],
)
def test_these_stand_alone(text: str) -> None:
    assert not dangles(text)


def test_leads_stand_in_the_same_paragraph() -> None:
    texts = ["A dam was built.", "It is high.", "However, it leaks.", "But it holds.", "He left."]
    sentences = [Sentence(t, 1, "prose", True, int(i == 4)) for i, t in enumerate(texts)]
    assert leads(sentences, [0, 1, 2, 3, 4]) == [[], [0], [0, 1], None, None]
    assert leads(sentences, [1, 2]) == [None, None]


def test_what_a_sentence_refers_to_is_taken_along_where_it_fits() -> None:
    needed, sizes = [[], [0], [], None], np.array([20, 20, 20, 20])
    assert leads_that_fit([1, 2], needed, sizes, 60, 9) == [0]
    assert leads_that_fit([1, 2], needed, sizes, 40, 9) == []
    assert leads_that_fit([1, 2], needed, sizes, 60, 2) == []
    assert leads_that_fit([3, 0], needed, sizes, 60, 9) == []


def test_of_two_sentences_the_one_that_stands_alone_is_taken() -> None:
    texts = [
        "But the dam of the river leaks.",
        "A dam of the town is high.",
        "Mills stop at night.",
    ]
    scores = np.array([1.0, 0.9, 0.0], dtype=np.float32)
    assert select(texts, scores, None, words=None, points=1, leads=[[], [], []]) == [0]
    assert select(texts, scores, None, words=None, points=1, leads=[None, [], []]) == [1]


def _candidates(sizes: list[int]) -> list[str]:
    return [" ".join(f"w{i}x{k}" for k in range(size)) for i, size in enumerate(sizes)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(4, 40), min_size=40, max_size=80),
    st.integers(60, 300),
    st.integers(0, 2**31),
)
def test_lengths_are_kept_within_a_tenth(sizes: list[int], words: int, seed: int) -> None:
    scores = np.random.default_rng(seed).standard_normal(len(sizes)).astype(np.float32)
    picks = select(_candidates(sizes), scores, None, words=words, points=None)
    total = sum(sizes[i] for i in picks)
    assert picks == sorted(set(picks))
    assert in_band(total, words) or sum(sizes) < 0.9 * words or len(set(sizes)) < 4


def test_of_two_ways_into_the_band_the_worthier_is_taken() -> None:
    sizes, scores = np.array([40, 20, 20, 60]), np.array([3.0, 1.0, 2.0, 9.0], dtype=np.float32)
    assert fitted([0], sizes, scores, 60, lambda i, kept: True, most=9) == [3]
    assert sorted(fitted([0], sizes, scores, 60, lambda i, kept: i != 3, most=9)) == [0, 2]
    assert fitted([0, 2], sizes, scores, 60, lambda i, kept: True, most=9) == [0, 2]


def test_a_focus_steers(town: edgehybrid.ReadDocument) -> None:
    (point,) = town.summarize(points=1, focus="How good was the harvest?").points
    assert "harvest" in point.text
    summary = town.summarize(words=40, focus="What did the dam cost?")
    assert summary.points[0].page == 2
    assert not summary.notices


def test_a_focus_that_matches_nothing_is_told(town: edgehybrid.ReadDocument) -> None:
    summary = town.summarize(points=1, focus="Who won the football cup?")
    assert "football cup" in summary.notices[0]
    assert summary.points == town.summarize(points=1).points
    with pytest.raises(RequestError, match="focus is empty"):
        town.summarize(focus=" ")


STADT = (
    "Der Fluss stieg drei Tage lang, und niemand in der Stadt glaubte den Warnungen des Rates. "
    "Am vierten Tag wurde die Brücke über den Fluss gesperrt, und die Schule wurde ein Lager. "
    "Der Damm am Fluss kostete die Stadt später neun Millionen Kronen. "
    "Im Mai säten die Bauern ihre Felder neu, und die Ernte war gut."
)
CITY = (
    "河水连续上涨了三天，城里的人都不相信市政府的警告。第四天，河上的大桥被关闭，学校变成了避难所。"
    "后来城里修建了河堤，一共花费了九百万元。五月，农民重新播种，收成很好。"
)


@pytest.mark.parametrize(
    ("text", "language", "focus", "answer"),
    [(STADT, "de", "Was kostete der Damm?", "Damm"), (CITY, "zh", "河堤花费多少", "花费")],
)
def test_other_languages_are_summarised_by_their_words(
    model: edgehybrid.Model, text: str, language: str, focus: str, answer: str
) -> None:
    document = edgehybrid.read(edgehybrid.Document.from_text(text), model=model)
    summary = document.summarize(points=2)
    assert summary.stats.language == language
    assert "chosen by their words alone" in summary.notices[0]
    assert all(point.text in text for point in summary.points)
    assert answer in document.summarize(points=1, focus=focus).points[0].text
    assert answer in document.ask(focus).text


def test_a_bundle_that_says_nothing_reads_all_languages(model: edgehybrid.Model) -> None:
    told = {name: value for name, value in model.bundle.manifest.items() if name != "languages"}
    silent: Bundle = dataclasses.replace(model.bundle, manifest=told)
    assert model.bundle.languages == ("en",)
    assert silent.languages is None


def test_central_sentences_share_words_with_the_others() -> None:
    texts = ["The old bridge is closed.", "The bridge is old.", "A cat sleeps.", "Old bridge, new."]
    assert int(np.argmin(central(texts))) == 2
    assert np.isfinite(central(["", "..."])).all()
