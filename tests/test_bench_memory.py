"""`edgehybrid bench --memory`: what it counts, what it writes, and what it reads again."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from contrast import contrast
from test_cli import run

from edgehybrid.bench import page
from edgehybrid.bench.measuring import Plan
from edgehybrid.bench.remembering import (
    Transformer,
    like,
    measure_memory,
    measure_memory_here,
)
from edgehybrid.bench.results import Results, parse_results, read_results
from edgehybrid.bench.series import panels
from edgehybrid.errors import RequestError
from edgehybrid.report.style import DARK, LIGHT
from edgehybrid.runtime.mixers import Attention
from edgehybrid_kernels import FullCache


def told(tokens: tuple[int, ...] = (1000, 64_000), processor: str = "A board") -> dict[str, Any]:
    """A file of results, by hand."""
    shape = {"layers": 4, "kv_heads": 2, "head_dim": 64, "bytes": 2}
    rows = [
        {
            "tokens": n,
            "peak_rss_bytes": 150_000_000,
            "state_bytes": 400_000,
            "cache_bytes": 150_000,
            "transformer_bytes": Transformer(**shape).cache_bytes(n),
        }
        for n in tokens
    ]
    return {
        "format": 1,
        "kind": "edgehybrid memory",
        "model": "a",
        "weights": "int8",
        "route": "numba alone",
        "threads": 2,
        "transformer": shape,
        "rows": rows,
        "machine": {"processor": processor, "cores": 4, "python": "3.13.1"},
    }


def test_the_formula() -> None:
    """By hand: 2 of keys and values, 4 layers, 2 heads of 64 numbers, 2 bytes: 2 KB a token."""
    assert Transformer(4, 2, 64, 2).cache_bytes(1_000) == 2_048_000


def test_a_transformer_of_the_same_size() -> None:
    attention = Attention(heads=8, kv_heads=2, head_dim=32, scale=1.0)
    assert like([attention] * 3, 99) == Transformer(3, 2, 32)
    assert like([], 256) == Transformer(0, 1, 256)


def test_what_is_remembered_does_not_grow(bundles: dict[str, Path]) -> None:
    short, long = (measure_memory_here(Plan(bundles["int8"], n, 1, 1, None)) for n in (10, 9000))
    assert short.row.state_bytes == long.row.state_bytes > 0
    assert short.row.cache_bytes == long.row.cache_bytes > 0
    assert long.row.transformer_bytes == 900 * short.row.transformer_bytes


def test_a_cache_of_every_token_is_told_to_grow() -> None:
    from edgehybrid.bench.remembering import cache_bytes

    assert cache_bytes(FullCache.alloc(2, 8, capacity=900)) > cache_bytes(FullCache.alloc(2, 8))


def test_refusals() -> None:
    with pytest.raises(RequestError, match="context 0 is not in"):
        measure_memory(Plan(None, 0, 1, None, None))


def test_command_and_comparing(bundles: dict[str, Path], tmp_path: Path) -> None:
    options = ("--bundle", str(bundles["int8"]), "--contexts", "300,64", "--format", "json")
    done = run("bench", "--memory", *options)
    assert done.returncode == 0, done.stderr
    mine, other, html = tmp_path / "mine.json", tmp_path / "other.json", tmp_path / "both.html"
    mine.write_text(done.stdout)
    assert [row.tokens for row in read_results(mine).rows] == [64, 300]
    other.write_text(json.dumps(told()))
    compared = ("--compare", str(mine), "--compare", str(other))
    done = run("bench", "--memory", *compared, "--html", str(html))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # nothing was measured
    assert "A board" in done.stdout
    assert "2 * layers * kv_heads" in done.stdout
    assert html.read_text().count("<table>") == 2
    done = run("bench", "--memory", *compared, "--html", str(mine))
    assert done.returncode == 2
    assert "name another file" in done.stderr


def test_options_that_go_with_memory() -> None:
    done = run("bench", "--html", "a.html")
    assert done.returncode == 2
    assert "--html and --compare go with --memory" in done.stderr


def test_written_and_read_again() -> None:
    results = parse_results(told((64_000, 1000)))
    assert [row.tokens for row in results.rows] == [1000, 64_000]
    assert parse_results(json.loads(json.dumps(results.described()))) == results
    assert isinstance(results, Results)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "others"}, "kind is not"),
        ({"format": 2}, "format is 2, this version reads up to 1"),
        ({"format": True}, "format is True"),
        ({"rows": []}, "rows is not a list of 1"),
        ({"threads": -1}, "threads is -1"),
        ({"threads": 1.5}, "threads is 1.5"),
        ({"model": None}, "'None' is no text"),
        ({"machine": {}}, "no object with a processor"),
        ({"machine": {"processor": [1]}}, "is no text"),
        ({"transformer": {"layers": 1}}, "'kv_heads' is missing"),
        ({"rows": [{"tokens": 5}]}, "'peak_rss_bytes' is missing"),
        ({"rows": [7]}, "holds no memory results"),
        ({"rows": [{**told()["rows"][0], "tokens": 1 << 55}]}, "tokens is"),
    ],
)
def test_what_is_none_of_it_is_refused(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(told() | change))
    with pytest.raises(RequestError, match=re.escape(why)) as caught:
        read_results(path)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_results(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    with pytest.raises(RequestError, match="cannot be read"):
        read_results(path)
    for data in (b"", b"[]", b"{", b"\xff", b"NaN"):
        path.write_bytes(data)
        with pytest.raises(RequestError, match="holds no memory results"):
            read_results(path)
    path.write_bytes(b" " * (1 << 20) + b"{}")
    with pytest.raises(RequestError, match="has over"):
        read_results(path)


def test_lines() -> None:
    """One result: the transformer beside the process; two of one model: remembered drawn once."""
    one = parse_results(told())
    peaks, remembered = panels([one])
    assert [series.computed for series in peaks.series] == [False, True]
    first, last = peaks.series[1].points
    assert last[1] - first[1] == pytest.approx(63_000 * 2048 / 1e6)
    assert len(remembered.series) == 3
    peaks, remembered = panels([one, parse_results(told(processor="Another"))])
    assert [series.name for series in peaks.series] == [
        "a, A board: edgehybrid",
        "a, Another: edgehybrid",
    ]
    assert len(remembered.series) == 3
    unknown = told()
    for row in unknown["rows"]:
        row["peak_rss_bytes"] = None
    assert len(panels([parse_results(unknown)])) == 1


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_runs_nothing() -> None:
    html = page.memory_page([parse_results(told(processor="<script>alert(1)</script>\u202e"))])
    tags = _Tags()
    tags.feed(html)
    assert tags.open == []
    assert not tags.seen & {"script", "img", "link", "iframe", "a"}
    names = {name for name, _ in tags.attributes}
    assert not {name for name in names if name.startswith("on")} | (
        names & {"style", "src", "href"}
    )
    assert "\u202e" not in html
    digest = base64.b64encode(hashlib.sha256(page.style().encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in html
    drawn = [value for name, value in tags.attributes if name == "aria-label"]
    assert len(drawn) == 2
    assert "131.1 MB at 64,000 tokens" in (drawn[1] or "")  # the chart in words


@pytest.mark.parametrize(("colours", "paper"), [(page.LIGHT, LIGHT), (page.DARK, DARK)])
def test_lines_stand_out(colours: tuple[str, ...], paper: dict[str, str]) -> None:
    assert min(contrast(colour, paper["paper"]) for colour in colours) >= 3


def test_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="--plot needs matplotlib")
    from edgehybrid.bench.plotting import plot_memory

    plot_memory([parse_results(told()), parse_results(told((7, 50)))], tmp_path / "memory.png")
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("tokens", [(5,), (1, 2, 3, 4, 5, 6, 7), (1, 1 << 40)])
def test_any_lengths_are_drawn(tokens: tuple[int, ...]) -> None:
    html = page.memory_page([parse_results(told(tokens))])
    assert html.count("<figure") == 2
    assert "nan" not in html
