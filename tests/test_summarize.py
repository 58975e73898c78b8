"""Summaries: verbatim, in order, each with its page, of the asked length, nothing twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgehybrid
from edgehybrid.documents.words import count_words
from edgehybrid.errors import EmptyFile, NoText, NotFound, NotThisFormat, RequestError
from edgehybrid.tasks.select import select

STORY = (
    "The river rose for three days before anyone in the town believed the warnings. "
    "On the fourth day the bridge was closed and the school became a shelter. "
    "Volunteers carried sandbags through the night while the rain went on. "
    "By morning the water had reached the market square and stopped there. "
    "Nobody was hurt, and the mayor thanked everyone who had helped."
)


@pytest.fixture(scope="module")
def model() -> edgehybrid.Model:
    return edgehybrid.load()


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_points_are_verbatim_in_order_with_pages(tmp_path: Path, model: edgehybrid.Model) -> None:
    pages = [
        STORY,
        "A second page tells of the repairs that followed in the summer. " * 1,
        STORY[::1],
    ]
    path = _write(tmp_path, "flood.txt", "\f".join(pages))
    summary = edgehybrid.summarize(path, points=3, model=model)
    assert len(summary.points) == 3
    assert [p.page for p in summary.points] == sorted(p.page for p in summary.points)
    for point in summary.points:
        assert point.text in pages[point.page - 1]
    assert summary.text == " ".join(p.text for p in summary.points)
    assert summary.stats.pages == 3
    assert summary.stats.kv_tokens_seen == summary.stats.tokens > 50


def test_no_sentence_twice(model: edgehybrid.Model) -> None:
    document = edgehybrid.Document.from_text("\n\n".join([STORY] * 4))
    texts = [p.text for p in edgehybrid.summarize(document, points=10, model=model).points]
    assert len(texts) == len(set(texts)) == 5


@pytest.mark.parametrize("words", [15, 30, 45])
def test_length_is_kept(model: edgehybrid.Model, words: int) -> None:
    document = edgehybrid.Document.from_text(STORY)
    summary = edgehybrid.summarize(document, words=words, model=model)
    assert 0 < len(summary.text.split()) <= words * 1.1


def test_page_range(tmp_path: Path, model: edgehybrid.Model) -> None:
    other = STORY.replace("river", "lake").replace("town", "village")
    path = _write(tmp_path, "two.txt", f"{STORY}\f{other}")
    summary = edgehybrid.summarize(path, pages=(2, 2), points=2, model=model)
    assert {p.page for p in summary.points} == {2}
    with pytest.raises(RequestError, match="pages"):
        edgehybrid.summarize(path, pages=(5, 9), model=model)


def test_progress_moves(tmp_path: Path, model: edgehybrid.Model) -> None:
    path = _write(tmp_path, "long.txt", "\f".join([STORY] * 120))
    seen: list[edgehybrid.Progress] = []
    edgehybrid.summarize(path, model=model, progress=seen.append)
    assert [p.tokens for p in seen] == sorted({p.tokens for p in seen})
    assert seen[-1].pages_read == seen[-1].pages_total == 120


def test_document_and_path_agree(tmp_path: Path, model: edgehybrid.Model) -> None:
    path = _write(
        tmp_path, "flood.md", f"# Flood\n\n{STORY}\n\n- An item of the list stands here.\n"
    )
    document = edgehybrid.open_document(path)
    assert [p.number for p in document.pages] == [1]
    assert document.sentences[0].kind == "heading"
    a = edgehybrid.summarize(path, points=2, model=model)
    b = edgehybrid.summarize(document, points=2, model=model)
    assert [p.text for p in a.points] == [p.text for p in b.points]


def test_bad_requests(tmp_path: Path, model: edgehybrid.Model) -> None:
    path = _write(tmp_path, "a.txt", STORY)
    with pytest.raises(RequestError, match="words is 0"):
        edgehybrid.summarize(path, words=0, model=model)
    with pytest.raises(RequestError, match=r"seed is 1, but .* is a reader"):
        edgehybrid.summarize(path, seed=1, model=model)
    with pytest.raises(NotFound, match=r"nothing\.pdf"):
        edgehybrid.summarize(tmp_path / "nothing.pdf", model=model)
    with pytest.raises(EmptyFile):
        edgehybrid.summarize(_write(tmp_path, "e.txt", ""), model=model)
    with pytest.raises(NotThisFormat, match="folder"):
        edgehybrid.summarize(tmp_path, model=model)
    (tmp_path / "b.bin").write_bytes(b"\x7fELF\0\0\0")
    with pytest.raises(NotThisFormat, match="not text"):
        edgehybrid.summarize(tmp_path / "b.bin", model=model)
    with pytest.raises(NoText):
        edgehybrid.Document.from_text(" \n ")


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.text("abc def.", min_size=1), min_size=1, max_size=12),
    st.none() | st.integers(1, 30),
    st.integers(1, 5),
    st.integers(0, 2**31),
)
def test_selection_keeps_its_limits(
    texts: list[str], words: int | None, points: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((len(texts), 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = random.standard_normal(len(texts)).astype(np.float32)
    picks = select(texts, scores, vectors, words=words, points=points)
    assert picks == sorted(set(picks))
    assert 1 <= len(picks) <= points
    used = sum(count_words(texts[i]) for i in picks)
    assert words is None or len(picks) == 1 or used <= words * 1.1


def test_json_has_the_promised_shape(tmp_path: Path, model: edgehybrid.Model) -> None:
    from edgehybrid.tasks.rendering import Format, render

    summary = edgehybrid.summarize(_write(tmp_path, "a.txt", STORY), points=1, model=model)
    told = json.loads(render(summary, Format.json))
    assert set(told) == {
        "summary", "written", "points", "document", "model", "notices", "stats",
    }  # fmt: skip
    assert set(told["points"][0]) == {"text", "page", "score"}
    assert {"pages", "words", "tokens", "pages_without_text", "language"} <= set(told["document"])
    assert {
        "seconds", "tokens_per_second", "peak_rss_bytes", "state_bytes", "kv_tokens_kept",
        "kv_tokens_seen",
    } <= set(told["stats"])  # fmt: skip
