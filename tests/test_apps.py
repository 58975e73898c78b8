"""What apps need: threads, event loops, progress, cancelling, nothing printed."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import edgehybrid
from edgehybrid import aio
from edgehybrid.errors import RequestError

ROOT = Path(__file__).parents[1]
TEXT = "The river rose in spring and the old bridge fell. " * 60
IDS = np.random.default_rng(2).integers(0, 250, 3000)


def in_threads(calls: list[Callable[[], object]]) -> list[object]:
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.fixture(scope="module")
def model(bundles: dict[str, Path]) -> edgehybrid.Model:
    return edgehybrid.load(bundles["int8"], threads=2)


def test_loading_from_many_threads(bundles: dict[str, Path]) -> None:
    calls = [lambda w=w: edgehybrid.load(bundles[w], threads=2) for w in ("int8", "int4") * 3]
    for i, model in enumerate(in_threads(calls)):
        alone = edgehybrid.load(bundles[("int8", "int4")[i % 2]], threads=2)
        np.testing.assert_array_equal(model.stream().feed(IDS), alone.stream().feed(IDS))


def test_streams_in_many_threads(model: edgehybrid.Model, bundles: dict[str, Path]) -> None:
    """Of one model and of another one, at the same time."""
    other = edgehybrid.load(bundles["int4"], threads=2)
    wanted = [m.stream().feed(IDS) for m in (model, other)]

    def read(m: edgehybrid.Model) -> object:
        stream = m.stream()
        return np.concatenate([stream.feed(IDS[i : i + 500]) for i in range(0, 3000, 500)])

    got = in_threads([lambda m=m: read(m) for m in (model, other) * 4])
    for i, vectors in enumerate(got):
        np.testing.assert_allclose(vectors, wanted[i % 2], atol=2e-3)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEHYBRID_CACHE", str(tmp_path / "cache"))
    (tmp_path / "a.txt").write_text("\f".join([TEXT] * 40))
    return tmp_path / "a.txt"


def test_in_an_event_loop(model: edgehybrid.Model, path: Path) -> None:
    async def run() -> None:
        moved: list[edgehybrid.Progress] = []
        document, other = await asyncio.gather(
            aio.read(path, model=model, progress=moved.append), aio.read(path, model=model)
        )
        assert moved[-1].pages_read == 40
        assert document.reading.tokens == other.reading.tokens
        summary = await aio.summarize(document, points=1)
        assert summary.points == (await aio.summarize(path, model=model, points=1)).points
        answer = await aio.ask(document, "What happened to the bridge?")
        assert answer.document == "a.txt"
        with pytest.raises(RequestError):
            await aio.ask(document, " ")
        assert (await aio.load(model.bundle.folder)).bundle.name == model.bundle.name

    asyncio.run(run())


def test_a_task_that_is_cancelled_leaves_a_reading_to_go_on_from(
    model: edgehybrid.Model, path: Path
) -> None:
    async def run() -> int:
        begun = asyncio.Event()
        task = asyncio.create_task(
            aio.read(path, model=model, keep=True, progress=lambda _: begun.set())
        )
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        resumed = await aio.read(path, model=model, keep=True)
        assert resumed.reading.tokens == resumed.stream.position
        return resumed.reading.resumed

    assert asyncio.run(run()) > 0


def test_the_loop_is_never_blocked(model: edgehybrid.Model, path: Path) -> None:
    async def run() -> float:
        task = asyncio.create_task(aio.read(path, model=model))
        longest, last = 0.0, time.monotonic()
        while not task.done():
            await asyncio.sleep(0.001)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        return longest

    print(f"longest: {asyncio.run(run()):.3f} s")  # no limit: the machine may be busy


def test_writing_in_an_event_loop(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="checkpoints are made by PyTorch: edgehybrid[test]")
    from writers import write_bundle

    writer = edgehybrid.load(write_bundle(tmp_path), threads=1)

    async def run() -> None:
        streams = [writer.stream() for _ in range(2)]
        for stream in streams:
            stream.feed(IDS[:40])
        pieces = [piece async for piece in aio.generate(streams[0], 12, seed=1)]
        assert "".join(pieces) == "".join(streams[1].generate(12, seed=1))
        document = await aio.read(edgehybrid.Document.from_text(TEXT[:200]), model=writer)
        shown: list[str] = []
        task = asyncio.create_task(aio.ask(document, "Why?", max_tokens=100_000, show=shown.append))
        while not shown:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await aio.ask(document, "Why?", max_tokens=3)).written is not None

    asyncio.run(run())


def test_the_background_reader(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ROOT / "examples" / "embed" / "background_reader.py"
    spec = importlib.util.spec_from_file_location("background_reader", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["background_reader"] = module
    spec.loader.exec_module(module)
    reader = module.BackgroundReader()
    whole = reader.read(path, lambda *_: None)
    broken = reader.read(tmp_path / "missing.pdf", lambda *_: None)
    stopped = reader.read(path.with_name("b.txt"), lambda job, _: job.cancel())
    path.with_name("b.txt").write_text("\f".join([TEXT[::-1] + "."] * 30))
    reader.close()
    assert whole.document.reading.pages == 40
    assert "missing.pdf" in str(broken.error)
    assert stopped.document.stream.position > 0
    module.tell(stopped, "What?")
    assert "stopped after" in capsys.readouterr().out


def test_nothing_is_printed_but_by_commands() -> None:
    for package in ("edgehybrid", "kernels/edgehybrid_kernels", "export/edgehybrid_export"):
        for path in (ROOT / package).rglob("*.py"):
            calls = [
                n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)
            ]
            assert not any(getattr(c.func, "id", "") == "print" for c in calls), path
