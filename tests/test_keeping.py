"""Readings that are kept: broken off, edited, damaged, shared, they end as if nothing had been."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edgehybrid
from edgehybrid import Keep
from edgehybrid.errors import CacheError, Cancelled, DocumentError, NotFound, RequestError
from edgehybrid.store import folder
from edgehybrid.store.entry import LOCK
from edgehybrid.store.thinning import too_many

PAGES = 14
WORDS = "river stone bridge water village people winter summer mill boat market road"


def pages(seed: int = 0, count: int = PAGES) -> list[str]:
    """Pages of sentences; enough of them that a batch is a page or two."""
    draw = random.Random(seed)
    words = [
        "river",
        "stone",
        "bridge",
        "water",
        "village",
        "people",
        "winter",
        "summer",
        "mill",
        "boat",
        "market",
        "road",
    ]
    sentence = lambda: " ".join(draw.choices(words, k=9)).capitalize() + "."  # noqa: E731
    return [" ".join(sentence() for _ in range(66)) for _ in range(count)]


@pytest.fixture(scope="module")
def model(bundles: dict[str, Path]) -> edgehybrid.Model:
    return edgehybrid.load(bundles["int8"], threads=2)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEHYBRID_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("edgehybrid.store.journal.SECONDS", 0.0)  # a checkpoint a batch
    monkeypatch.setattr("edgehybrid.store.journal.SHARE", 1e9)
    return tmp_path / "cache"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "story.txt").write_text("\f".join(pages()))
    return tmp_path / "story.txt"


def stop_at(page: int) -> object:
    return lambda progress: progress.pages_read < page


def entries() -> list[Path]:
    return sorted(p for p in (folder.place()).iterdir() if p.is_dir())


def assert_same(one: edgehybrid.ReadDocument, other: edgehybrid.ReadDocument) -> None:
    np.testing.assert_array_equal(one.reading.vectors, other.reading.vectors)
    assert one.reading.sentences == other.reading.sentences
    assert one.reading.tokens == other.reading.tokens == one.stream.position
    assert one.summarize(words=60).points == other.summarize(words=60).points
    for name, array in one.stream.tensors().items():
        np.testing.assert_array_equal(array, other.stream.tensors()[name])


def test_kept_or_not_is_the_same_and_the_second_time_nothing_is_read(
    model: edgehybrid.Model, path: Path
) -> None:
    plain = edgehybrid.read(path, model=model)
    first, second = (edgehybrid.read(path, model=model, keep=True) for _ in range(2))
    assert_same(first, plain)
    assert_same(second, plain)
    assert (first.reading.resumed, second.reading.resumed) == (0, plain.reading.tokens)
    assert edgehybrid.summarize(path, model=model, keep=True).stats.tokens_resumed > 0


@pytest.mark.parametrize("page", [1, 2, 7, 13])
def test_a_reading_that_was_stopped(model: edgehybrid.Model, path: Path, page: int) -> None:
    with pytest.raises(Cancelled, match="stopped after") as stopped:
        edgehybrid.read(path, model=model, keep=True, progress=stop_at(page))
    so_far = stopped.value.document
    assert 0 < so_far.reading.tokens == so_far.stream.position
    assert so_far.summarize(points=2).points
    resumed = edgehybrid.read(path, model=model, keep=True)
    assert resumed.reading.resumed == so_far.reading.tokens
    assert_same(resumed, edgehybrid.read(path, model=model))


def test_only_what_follows_an_edit_is_read_again(model: edgehybrid.Model, path: Path) -> None:
    edgehybrid.read(path, model=model, keep=True)
    text = pages()
    text[9] = "Another page stands here now. " * 40
    path.write_text("\f".join(text))
    edited = edgehybrid.read(path, model=model, keep=True)
    assert_same(edited, edgehybrid.read(path, model=model))
    before = edgehybrid.read(path, model=model, pages=(1, 7)).reading.tokens
    assert edited.reading.resumed >= before
    other = Keep(state="float16")
    assert edgehybrid.read(path, model=model, keep=other).reading.resumed == 0  # other options


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    stops=st.lists(st.integers(1, PAGES), max_size=3),
    edits=st.lists(st.integers(0, PAGES - 1), max_size=2),
    states=st.integers(2, 9),
)
def test_any_breaks_and_edits(
    model: edgehybrid.Model, path: Path, stops: list[int], edits: list[int], states: int
) -> None:
    """Within any number of bytes that holds two states, which is never passed."""
    text = pages(sum(stops))
    size = 80_000
    keep = Keep(checkpoint_bytes=states * size)
    for stop, edit in zip([*stops, 99], [*edits, 0, 0, 0, 0], strict=False):
        path.write_text("\f".join(text))
        with suppress(Cancelled):
            edgehybrid.read(path, model=model, keep=keep, progress=stop_at(stop))
        for entry in entries():
            assert sum(p.stat().st_size for p in entry.glob("*.state")) <= keep.checkpoint_bytes
        text[edit] = text[edit][::-1]
    path.write_text("\f".join(text))
    assert_same(edgehybrid.read(path, model=model, keep=keep), edgehybrid.read(path, model=model))


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=40), most=st.integers(100, 400))
def test_thinning(sizes: list[int], most: int) -> None:
    kept: dict[int, int] = {}
    for i, size in enumerate(sizes, 1):
        gone = too_many(kept, size, most)
        assert gone is not None
        assert not gone or max(kept) not in gone
        kept = {p: s for p, s in kept.items() if p not in gone} | {100 * i: size}
        assert sum(kept.values()) <= most


def test_thinning_keeps_distances_that_grow_with_age() -> None:
    kept = [1]
    for position in range(2, 400):
        gone = too_many(dict.fromkeys(kept, 1), 1, 12) or []
        kept = [p for p in kept if p not in gone] + [position]
    gaps = np.diff([0, *kept])
    assert len(kept) == 12
    assert gaps[0] > gaps[6] > gaps[-1] == 1
    assert too_many({5: 60}, 60, 100) is None


def test_states_too_large_for_their_bytes(
    model: edgehybrid.Model, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = edgehybrid.read(path, model=model, keep=Keep(checkpoint_bytes=1000))
    assert "more are saved: allow more" in caplog.text
    assert_same(kept, edgehybrid.read(path, model=model))
    for keep in (Keep(checkpoint_bytes=0), Keep(state="int8")):
        with pytest.raises(RequestError):
            edgehybrid.read(path, model=model, keep=keep)


@pytest.mark.parametrize(
    ("kind", "finished"),
    [
        *(("state", 1), ("state", 0), ("rows", 1), ("rows", 0)),
        *(("chain", 1), ("about.json", 1), ("sentences.json", 1)),
    ],
)
@pytest.mark.parametrize("how", ["cut", "changed", "gone", "link"])
def test_damaged_files_are_not_believed(
    model: edgehybrid.Model, path: Path, kind: str, how: str, finished: int
) -> None:
    with suppress(Cancelled):
        stop = 99 if finished else 9
        edgehybrid.read(path, model=model, keep=True, progress=stop_at(stop))
    files = [p for p in entries()[0].iterdir() if p.name.endswith(kind)]
    for file in files:
        data = file.read_bytes()
        middle = len(data) // 2
        if how == "cut":
            file.write_bytes(data[:middle])
        elif how == "changed":
            file.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
        else:
            file.unlink()
        if how == "link":
            file.symlink_to("/etc/passwd")
    assert_same(edgehybrid.read(path, model=model, keep=True), edgehybrid.read(path, model=model))


def test_a_reading_that_somebody_else_has(model: edgehybrid.Model, path: Path) -> None:
    """It is used as far as it is, and left alone."""
    with pytest.raises(Cancelled):
        edgehybrid.read(path, model=model, keep=True, progress=stop_at(9))
    entry = entries()[0]
    with FileLock(entry / LOCK):
        before = {p.name: p.stat().st_mtime_ns for p in entry.iterdir()}
        read = edgehybrid.read(path, model=model, keep=True)
        assert read.reading.resumed > 0
        assert {p.name: p.stat().st_mtime_ns for p in entry.iterdir()} == before
        assert folder.clear() == (0, 0)
    assert folder.clear()[0] == 1
    assert entries() == []


def test_the_folder_is_held_to_its_bound(
    model: edgehybrid.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(3):
        (tmp_path / f"{i}.txt").write_text("\f".join(pages(i, 3)))
        edgehybrid.read(tmp_path / f"{i}.txt", model=model, keep=True)
    edgehybrid.read(tmp_path / "0.txt", model=model, keep=True)  # used again
    size = folder.summaries()[0].nbytes
    assert [s.name for s in folder.summaries()] == ["0.txt", "2.txt", "1.txt"]
    monkeypatch.setenv("EDGEHYBRID_CACHE_BYTES", str(size * 5 // 2))
    (tmp_path / "3.txt").write_text("\f".join(pages(3, 3)))
    edgehybrid.read(tmp_path / "3.txt", model=model, keep=True)
    assert [s.name for s in folder.summaries()] == ["3.txt", "0.txt"]
    monkeypatch.setenv("EDGEHYBRID_CACHE_BYTES", "1 GB")
    with pytest.raises(CacheError, match="'1 GB', expected a number of bytes"):
        folder.bound()


def test_nothing_is_for_others_to_read(model: edgehybrid.Model, path: Path, cache: Path) -> None:
    edgehybrid.read(path, model=model, keep=True)
    assert (cache / "readings").stat().st_mode & 0o077 == 0
    for file in entries()[0].iterdir():
        assert file.name == LOCK or file.stat().st_mode & 0o077 == 0, file
    assert entries()[0].stat().st_mode & 0o077 == 0


def test_what_needs_a_password_is_not_kept(
    model: edgehybrid.Model, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    edgehybrid.read(path, model=model, keep=True, password="secret")
    assert "not kept" in caplog.text
    assert not folder.place().exists()


def test_a_folder_that_cannot_be_used(
    model: edgehybrid.Model, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("EDGEHYBRID_CACHE", str(tmp_path / "file"))
    with pytest.raises(CacheError, match=r"cannot keep readings in .*EDGEHYBRID_CACHE"):
        edgehybrid.read(path, model=model, keep=True)


def test_a_full_disk_costs_the_checkpoints_only(
    model: edgehybrid.Model,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls: Iterator[int] = iter(range(1000))

    def sync(_: int) -> None:
        if next(calls) > 12:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("edgehybrid.files.sync", sync)
    monkeypatch.setattr("edgehybrid.store.entry.sync", sync)
    kept = edgehybrid.read(path, model=model, keep=True)
    assert "No space left" in caplog.text
    monkeypatch.undo()
    assert_same(kept, edgehybrid.read(path, model=model))


def test_a_document_that_changes_while_it_is_read(model: edgehybrid.Model, path: Path) -> None:
    """What was read is not taken for what the file was before."""
    before = path.read_text()

    def change(_: edgehybrid.Progress) -> None:
        path.write_text("Another story. " * 300)

    edgehybrid.read(path, model=model, keep=True, progress=change)
    assert [s.pages for s in folder.summaries()] == [None]
    path.write_text(before)
    assert edgehybrid.read(path, model=model, keep=True).reading.pages == PAGES
    assert [s.pages for s in folder.summaries()] == [PAGES]


def test_nothing_is_left_of_what_cannot_be_read(model: edgehybrid.Model, tmp_path: Path) -> None:
    (tmp_path / "blank.txt").write_text(" \n ")
    with pytest.raises(DocumentError):
        edgehybrid.read(tmp_path / "blank.txt", model=model, keep=True)
    edgehybrid.read(
        edgehybrid.Document.from_text("A word."), model=model, keep=Keep(checkpoint_bytes=9)
    )
    assert folder.summaries() == []


def test_names_that_are_no_utf8_and_pipes(model: edgehybrid.Model, tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9\x1b.txt"
    path.write_text("\f".join(pages(1, 2)))
    reads = [edgehybrid.read(path, model=model, keep=True) for _ in range(2)]
    assert reads[1].reading.resumed == reads[0].reading.tokens
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(NotFound, match="no file"):
        edgehybrid.read(tmp_path / "pipe.txt", model=model, keep=True)


def test_two_processes_at_once(path: Path) -> None:
    command = [sys.executable, "-c", "from edgehybrid.cli import main; main()", "read", str(path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert all(line.startswith("story.txt: 14 pages") for line in told)
    assert [s.pages for s in folder.summaries()] == [14]
    again = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    tokens = re.findall(r"([\d,]+) tokens read, ([\d,]+) of them before", again)[0]
    assert tokens[0] == tokens[1]


def test_readings_by_other_routers_and_budgets_are_others(
    model: edgehybrid.Model, path: Path
) -> None:
    asked = [{}, {"router": "keydiff"}, {"router": "keydiff", "budget": 5}]
    asked += [{"router": "keydiff", "budget": {1: (5, 4)}}, {"router": "window"}]
    for how in asked:
        document = edgehybrid.read(path, model=model, keep=True, pages=(1, 2), **how)
        assert document.reading.resumed == 0
        again = edgehybrid.read(path, model=model, keep=True, pages=(1, 2), **how)
        assert again.reading.resumed == again.stream.position
        assert again.stream.kind == document.stream.kind
    assert len(entries()) == len(asked)
    named = edgehybrid.read(path, model=model, keep=True, pages=(1, 2), router="learned")
    assert named.reading.resumed  # the default, by its name
