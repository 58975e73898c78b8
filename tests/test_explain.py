"""The page that shows what was kept: true to the cache, safe whatever the document holds."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from checkpoints import byte_tokenizer
from contrast import contrast
from hypothesis import given, settings
from hypothesis import strategies as st
from test_summarize import STORY

import edgehybrid
from edgehybrid.documents.document import Sentence
from edgehybrid.errors import RequestError
from edgehybrid.report.escaping import REPLACEMENT, escaped
from edgehybrid.report.marks import marks_of
from edgehybrid.report.pieces import pieces
from edgehybrid.report.style import DARK, LIGHT
from edgehybrid.report.units import text_of_sentences
from edgehybrid.runtime.kept import KeptLayer, kept_layers
from edgehybrid.runtime.state import CacheGroup, FullCache, RoutedCache
from edgehybrid_kernels import load_kernels

LONG = "\f".join("\n\n".join(STORY.replace("river", f"river {page}") for _ in range(3))
                 for page in range(4))  # fmt: skip
HOSTILE = (
    "<script>alert(1)</script> ends the first sentence here.",
    "An image <img src=x onerror=alert(2)> stands in the second sentence.",
    "Quotes \" and ' and &amp; and ]]> and --> are in the third sentence.",
    "An override \u202etxt.exe\u2066 turns the fourth sentence around.",
    "A bell \x07 and an escape \x1b[31m ring in the fifth sentence.",
    "Accents e\u0301, \u05e9\u05dc\u05d5\u05dd, emoji \U0001f642 and \ufffe end the sixth one.",
)
#: Elements that may stand in the page, and attributes that they may have.
ELEMENTS = """html head meta title style body a h1 bdi dl dt dd section h2 h3 ol ul li q mark span
    strong sup details summary table thead tbody tr th td nav svg rect main p footer"""
ATTRIBUTES = """lang charset http-equiv content name class href id dir title aria-label aria-hidden
    viewbox preserveaspectratio y width height scope"""


class Page(HTMLParser):
    """What a browser would make of it: text of the document, marks and links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.titles, self.links, self.ids = "", [], [], []
        self.style = ""
        self.feed(html)
        self.close()
        assert self.open == [], "an element is never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert tag in ELEMENTS.split()
        assert set(found) <= set(ATTRIBUTES.split())
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        self.titles += [found["title"]] if tag == "mark" and "title" in found else []
        if tag not in ("meta", "rect"):
            self.open.append((tag, found))

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        inside = [tag for tag, _ in self.open]
        if inside[-1:] == ["style"]:
            self.style += data
        own = not {"sup", "h2"} & set(inside) and not any(
            {"count", "glyph"} & set((found.get("class") or "").split()) for _, found in self.open
        )
        if "main" in inside and own:
            self.text += data


@pytest.fixture(scope="module")
def model() -> edgehybrid.Model:
    return edgehybrid.load()


def explained(text: str, model: edgehybrid.Model, **options: object) -> tuple[object, Page, str]:
    document = edgehybrid.Document.from_text(text, name='<b>"name".txt')
    made = edgehybrid.explain(document, model=model, **options)
    html = "".join(made.html())
    return made, Page(html), html


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_marks_are_what_the_cache_holds(model: edgehybrid.Model) -> None:
    made, page, html = explained(LONG, model, points=3, budget=5)
    [cache] = [c for c in made.document.stream.caches if isinstance(c, RoutedCache)]
    routed = cache.position[:, cache.sinks + cache.window :]
    distinct = np.unique(routed)
    assert len(page.titles) == len(distinct)
    scores = [float(s) for title in page.titles for s in re.findall(r"head \d+ (-?[\d.]+)", title)]
    held = cache.score[:, cache.sinks + cache.window :]
    np.testing.assert_allclose(sorted(scores), sorted(held.ravel()), atol=0.006)
    told = re.findall(r'<p class="count".*?>(.*?)</p>', html)
    assert len(told) == 4
    of_pages = [re.match(r"(\d+) of ([\d,]+) tokens kept(?:: (\d+))? ?(.*)", t) for t in told]
    routed_ones = [int(f[3] or f[1]) for f in of_pages if f[4].startswith("by the router")]
    assert sum(routed_ones) == len(distinct)
    tokens = sum(int(found[2].replace(",", "")) for found in of_pages)
    assert tokens == made.document.stream.position


def test_the_text_is_that_of_the_document(model: edgehybrid.Model) -> None:
    made, page, _ = explained(LONG, model, points=3)
    sentences = made.document.reading.sentences
    assert squeezed(page.text) == squeezed("".join(s.text for s in sentences))
    assert [p.text for p in made.points] == [sentences[i].text for i in made.cited]
    assert made.points == made.document.summarize(points=3).points
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert [i for i in page.ids if i.startswith("cited-")] == ["cited-1", "cited-2", "cited-3"]


def test_a_kept_reading_gives_the_same_page(model: edgehybrid.Model, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(LONG)
    pages = [
        "".join(edgehybrid.explain(tmp_path / "a.txt", model=model, keep=keep).html())
        for keep in (False, True, True)
    ]
    assert pages[0] == pages[1] == pages[2]


def test_it_grows_with_text_and_with_what_is_kept(model: edgehybrid.Model) -> None:
    text = "\n\n".join([STORY] * 60)
    *_, html = explained(text, model, points=1)
    assert len(html) < 1.1 * len(text) + 30_000


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=60), min_size=1, max_size=8))
def test_hostile_text_is_only_text(model: edgehybrid.Model, texts: list[str]) -> None:
    text = "\n\n".join(["A first sentence with some plain words.", *texts])
    made, page, html = explained(text, model, points=2)
    assert all(link.startswith("#") for link in page.links)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
    html.encode()
    whole = "".join(s.text for s in made.document.reading.sentences)
    shown = squeezed(re.sub(".", lambda m: REPLACEMENT if escaped(m[0]) == REPLACEMENT else m[0],
                            whole, flags=re.S))  # fmt: skip
    assert squeezed(page.text) == shown


@pytest.mark.parametrize("text", HOSTILE)
def test_escaping(text: str) -> None:
    assert not set("<>\"'\x07\x1b\u202e\u2066\ufffe") & set(escaped(text))


TOKENIZERS = {"bytes": byte_tokenizer(), "reader": edgehybrid.load().tokenizer}


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(TOKENIZERS)),
    st.text("ab é\u0301\U0001f642\u05e9 \n", max_size=20),
    st.sets(st.integers(0, 60)),
    st.integers(0, 9),
    st.integers(5, 60),
)
def test_pieces_are_the_text_and_hold_every_kept_token(
    name: str, text: str, kept: set[int], sinks: int, window: int
) -> None:
    sentences = [Sentence("Before.", 1, "prose", True), Sentence(text, 1, "prose", True)]
    laid = text_of_sentences(TOKENIZERS[name], sentences)
    seen = laid.units[1].start + laid.units[1].tokens
    routed = np.array([sorted(p for p in kept if p < seen)], np.int64)
    layer = KeptLayer(3, 1, sinks, window, routed, np.zeros(routed.shape, np.float32), False)
    marks = marks_of([layer], seen)
    for unit in laid.units:
        found = list(pieces(unit, laid.spans(unit), marks))
        assert "".join(piece.text for piece in found) == unit.text
        within = [p for p in routed[0].tolist() if unit.start <= p < unit.start + unit.tokens]
        assert sorted(chain.from_iterable(piece.routed for piece in found)) == within
    everything = {*range(min(sinks, seen)), *range(window, seen), *routed[0].tolist()}
    assert marks.counts(0, seen) == (routed.size, len(everything))


def test_what_caches_hold() -> None:
    random, attention = np.random.default_rng(0), load_kernels("numpy").attention
    full, routed = FullCache.alloc(2, 8), RoutedCache.alloc(2, 8, 2, 4, 3)
    for cache in (full, routed):
        q, k, v = (random.standard_normal((20, 16)).astype(np.float32) for _ in range(3))
        score = random.standard_normal((20, 2)).astype(np.float32)
        attention(q, k, v, score, cache, np.empty_like(q), scale=1.0)
    first, second = kept_layers([full, CacheGroup([routed])])
    assert (first.full, first.layer, first.routed.size) == (True, 0, 0)
    assert (second.full, second.layer, second.sinks, second.window) == (False, 1, 2, 16)
    best = np.argsort(-score[2:16], axis=0)[:3].T + 2
    np.testing.assert_array_equal(np.sort(second.routed), np.sort(best))
    np.testing.assert_array_equal(second.scores[0], score[second.routed[0], 0])


def test_the_policy_lets_the_style_in_and_nothing_else(model: edgehybrid.Model) -> None:
    _, page, html = explained(STORY, model)
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    sum_of_style = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{sum_of_style}'; ")
    assert "url(" not in page.style
    assert "@import" not in page.style


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_contrast(colours: dict[str, str]) -> None:
    def of(one: str, other: str) -> float:
        return contrast(colours[one], colours[other])

    for ground in ("paper", "cited", "place", "k1", "k2", "k3", "k4"):
        assert of("ink", ground) >= 4.5, ground
    assert min(of(name, "paper") for name in ("muted", "link")) >= 4.5
    assert of("bar", "paper") >= 3


def test_a_language_model(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from writers import write_bundle

    writer = edgehybrid.load(write_bundle(tmp_path))
    (tmp_path / "a.txt").write_text(LONG + " <script>")
    made = edgehybrid.explain(tmp_path / "a.txt", model=writer, budget=30)
    page = Page("".join(made.html()))
    document = edgehybrid.open_document(tmp_path / "a.txt")
    assert squeezed(document.pages[2].text) in squeezed(page.text)
    assert "Thisisthedocumenta.txt" in squeezed(page.text)
    assert "page-0" in page.ids
    assert (made.points, page.titles) == ((), [])
    everything = "".join(edgehybrid.explain(tmp_path / "a.txt", model=writer).html())
    assert "all kept by a layer without a budget" in everything
    Page(everything)
    layer = next(i.layer for i in made.layers)
    routed = edgehybrid.explain(
        tmp_path / "a.txt", model=writer, budget={layer: (30, 50)}, router="keydiff"
    )
    [kept] = routed.layers
    assert (kept.routed >= 0).sum(axis=1).tolist() == [19, 39]
    page = Page("".join(routed.html()))
    assert len(page.titles) == len(np.unique(kept.routed[kept.routed >= 0]))
    with pytest.raises(RequestError, match=r"words is 9, but .* is a language model"):
        edgehybrid.explain("missing.pdf", model=writer, words=9)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from edgehybrid.cli import main

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["explain", *arguments])
        return int(end.value.code or 0), *capsys.readouterr()

    (tmp_path / "a.txt").write_text(STORY.replace("river", "río"))
    file, html = str(tmp_path / "a.txt"), tmp_path / "a.html"
    assert run(file, "--html", str(html), "--points", "2") == (
        *(0, ""),
        f"edgehybrid: {html}: {html.stat().st_size:,} bytes\n",
    )
    command = [sys.executable, "-c", "from edgehybrid.cli import main; main()"]
    done = subprocess.run(
        [*command, "explain", file, "--html", "-", "--points", "2"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=120,
    )
    assert (done.stdout, done.stderr) == (html.read_bytes(), b"")
    nowhere = str(tmp_path / "nowhere" / "a.html")
    for target, message in (
        (file, "is the document itself"),
        (str(tmp_path), "is no file"),
        (nowhere, "there is no folder"),
    ):
        code, out, err = run(file, "--html", target)
        assert (code, out, message in err, err.count("\n")) == (2, "", True, 1)
    assert (tmp_path / "a.txt").read_text().startswith("The río rose")
