"""States that were saved, forked or taken back go on bit for bit; damaged files do not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="checkpoints are made by PyTorch: edgehybrid[test]")
pytest.importorskip("transformers", reason="checkpoints are made by transformers")

from families import CASES, random_model, save
from safetensors.numpy import load, save_file

import edgehybrid
from edgehybrid.errors import (
    RequestError,
    StateDamaged,
    StateError,
    StateNotFound,
    StateOfAnotherBundle,
    StateTooNew,
    StreamError,
)
from edgehybrid.runtime.saving import KEY, describe, size_of
from edgehybrid.runtime.stream import Stream
from edgehybrid_export import export
from edgehybrid_kernels import KernelError

IDS = np.random.default_rng(5).integers(0, 299, 150)


def bundle(folder: Path, family: str) -> Path:
    export(save(random_model(family, eos_token_id=None), folder / "source"), folder / "b")
    return folder / "b"


@pytest.fixture(scope="module", params=sorted(CASES))
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> edgehybrid.Model:
    """Every family that can be exported, read by kernels where these know it whole."""
    return edgehybrid.load(bundle(tmp_path_factory.mktemp("family"), request.param), threads=2)


@pytest.fixture(scope="module")
def granite(tmp_path_factory: pytest.TempPathFactory) -> edgehybrid.Model:
    return edgehybrid.load(bundle(tmp_path_factory.mktemp("g"), "granitemoehybrid"), threads=2)


@pytest.fixture(scope="module")
def reader(bundles: dict[str, Path]) -> edgehybrid.Model:
    return edgehybrid.load(bundles["int8"], threads=2)


def read(model: edgehybrid.Model, count: int, budget: int | None = 20) -> Stream:
    stream = model.stream(budget=budget)
    stream.feed(IDS[:count])
    return stream


def assert_goes_on_as(stream: Stream, other: Stream) -> None:
    """Fed and, of a language model, written."""
    assert stream.position == other.position
    rest = IDS[stream.position :]
    for part in (rest[:1], rest[1:40], rest[40:]):
        np.testing.assert_array_equal(stream.feed(part), other.feed(part))
    if stream.model.writes:
        texts = ["".join(s.generate(12, seed=1, temperature=0.7)) for s in (stream, other)]
        assert texts[0] == texts[1]
    for name, array in stream.tensors().items():
        np.testing.assert_array_equal(array, other.tensors()[name], err_msg=name)


@pytest.mark.parametrize("budget", [None, 20])
def test_every_family_goes_on_bit_for_bit(
    model: edgehybrid.Model, tmp_path: Path, budget: int | None
) -> None:
    stream = read(model, 90, budget)
    for half in (True, False):
        size = stream.save(tmp_path / "state", half=half)
        assert size == (tmp_path / "state").stat().st_size <= size_of(stream, half=half)
    fork = stream.fork()
    rewound = stream.fork()
    rewound.checkpoint()
    rewound.feed(IDS[:50])
    rewound.rewind(90)
    for other in (model.resume(tmp_path / "state"), fork, rewound):
        assert_goes_on_as(other, read(model, 90, budget))


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(cuts=st.lists(st.integers(1, 149), max_size=5), ways=st.randoms(use_true_random=False))
def test_any_number_of_breaks_is_no_break(
    granite: edgehybrid.Model, tmp_path: Path, cuts: list[int], ways: object
) -> None:
    stream, whole = granite.stream(budget=20), read(granite, 150)
    for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), 150], strict=True):
        stream.feed(IDS[a:b]) if b > a else None
        way = ways.choice(("save", "fork", "rewind"))  # type: ignore[attr-defined]
        if way == "save":
            stream.save(tmp_path / "s")
            stream = granite.resume(tmp_path / "s")
        elif way == "fork":
            old, stream = stream, stream.fork()
            old.feed(IDS[:7])
        else:
            at = stream.checkpoint()
            stream.feed(IDS[:9])
            stream.rewind(at)
    np.testing.assert_array_equal(stream.next_logits(), whole.next_logits())


def test_a_reader_in_the_middle_of_a_sentence(reader: edgehybrid.Model, tmp_path: Path) -> None:
    """What waits in the pool is saved too."""
    stream = reader.stream()
    stream.feed(IDS[:33] % 250)
    stream.document = {"name": "a.pdf", "page": 3}
    stream.save(tmp_path / "state")
    resumed = reader.resume(tmp_path / "state")
    end = reader.sentence_head.end_tokens[:1]
    np.testing.assert_array_equal(resumed.feed(end), stream.feed(end))
    assert resumed.document == {"name": "a.pdf", "page": 3}
    assert describe(tmp_path / "state")["position"] == 33


def test_float16_streams_stay_float16(granite: edgehybrid.Model, tmp_path: Path) -> None:
    try:
        stream = granite.stream(state="float16")
    except RequestError:
        pytest.skip("no kernels for float16 states here")
    stream.feed(IDS[:40])
    stream.save(tmp_path / "s")
    np.testing.assert_array_equal(
        granite.resume(tmp_path / "s").feed(IDS[40:41]), stream.feed(IDS[40:41])
    )


def test_half_precision_files_are_half_and_near(granite: edgehybrid.Model, tmp_path: Path) -> None:
    stream = read(granite, 90)
    sizes = [stream.save(tmp_path / f"{half}", half=half) for half in (False, True)]
    assert sizes[1] < 0.8 * sizes[0]
    error = granite.resume(tmp_path / "True").feed(IDS[90:120]) - stream.feed(IDS[90:120])
    assert 0 < np.abs(error).max() < 0.02


def test_prompts_after_one_prefix(granite: edgehybrid.Model) -> None:
    stream = read(granite, 100)
    prompts = [IDS[5:9], IDS[20:50], IDS[3:4]]
    got = ["".join(s.generate(8)) for s in stream.each(prompts)]
    assert stream.position == 100
    for text, prompt in zip(got, prompts, strict=True):
        alone = read(granite, 100)
        alone.feed(prompt)
        assert "".join(alone.generate(8)) == text


def test_rewinding_mends_and_says_where_it_can_go(granite: edgehybrid.Model) -> None:
    stream = read(granite, 30)
    with pytest.raises(RequestError, match=r"no checkpoint at position 3; .* none"):
        stream.rewind(3)
    stream.checkpoint()
    stream._broken = True  # as an interrupt in the middle of a feed leaves it
    for use in (stream.fork, stream.checkpoint, lambda: stream.save("x")):
        with pytest.raises(StreamError, match="rewind"):
            use()
    stream.rewind(30)
    before = stream.nbytes
    stream.forget_checkpoints()
    assert stream.nbytes == before / 2
    assert_goes_on_as(stream, read(granite, 30))


def test_other_bundles_and_versions_are_refused(
    granite: edgehybrid.Model, reader: edgehybrid.Model, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    read(granite, 20).save(path)
    with pytest.raises(StateOfAnotherBundle, match=r"is a state of .*, not of"):
        reader.resume(path)
    with pytest.raises(StateNotFound, match="cannot read"):
        granite.resume(tmp_path / "missing")
    with pytest.raises(StateError, match="cannot write"):
        read(granite, 1).save(tmp_path / "no" / "folder")
    rewrite(path, lambda said: said.update(format=99))
    with pytest.raises(StateTooNew, match="format 99"):
        granite.resume(path)


def rewrite(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    tensors, said = load(path.read_bytes()), describe(path)
    change(said)
    save_file(tensors, path, metadata={KEY: json.dumps(said)})


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said.update(position=7),
        lambda said: said.update(position=-1),
        lambda said: said.update(document={"other": 1}),
        lambda said: said["kind"].update(budget=1 << 20),
        lambda said: said["kind"].update(budget=21),
        lambda said: said["kind"].update(state="bfloat16"),
        lambda said: said.pop("document"),
        lambda said: said.update(sha256="0" * 64),
    ],
)
def test_altered_descriptions_are_refused(
    granite: edgehybrid.Model, tmp_path: Path, change: Callable[[dict[str, object]], object]
) -> None:
    read(granite, 20).save(tmp_path / "s")
    rewrite(tmp_path / "s", change)
    with pytest.raises(StateDamaged):
        granite.resume(tmp_path / "s")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files_are_refused(
    granite: edgehybrid.Model, tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / "s"
    read(granite, 20).save(path)
    good = path.read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    if data.draw(st.booleans()):
        path.write_bytes(good[:place])
    else:
        changed = good[place] ^ data.draw(st.integers(1, 255))
        path.write_bytes(good[:place] + bytes([changed]) + good[place + 1 :])
    with pytest.raises(StateError):
        granite.resume(path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("1.heap", 1 << 30, "heap"),
        ("1.heap", -5, "heap"),
        ("1.n_routed", 1 << 40, "n_routed"),
        ("1.seen", -1, "position"),
        ("1.position", 10**9, "position"),
        ("0.recurrent", np.nan, "NaN"),
        ("history.tokens", 10**6, "tokens"),
        ("text.logits", np.inf, "NaN or infinity"),
        ("pool.count", -3, "pool.count"),
    ],
)
def test_numbers_that_would_do_harm_are_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: float, message: str
) -> None:
    """Even where the sum is right: whoever writes a file can compute it."""
    model = routed(tmp_path_factory)
    stream = model.stream(budget=8)
    stream.feed(IDS[:60])
    tensors = {n: a.copy() for n, a in stream.tensors().items()}
    tensors[name].reshape(-1)[:1] = value
    with pytest.raises(KernelError, match=message):
        stream.restore(tensors, 60)
    assert stream.is_broken


_routed: list[edgehybrid.Model] = []


def routed(factory: pytest.TempPathFactory) -> edgehybrid.Model:
    """A language model whose manifest has a router: its attention layer routes by one score."""
    if not _routed:
        folder = bundle(factory.mktemp("routed"), "granitemoehybrid")
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["layers"][1] |= {"sinks": 2, "window": 8, "budget": 8}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        _routed.append(edgehybrid.load(folder, threads=2))
    return _routed[0]


def test_no_pipe_makes_it_wait(granite: edgehybrid.Model, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StateDamaged, match="not a regular file"):
        granite.resume(tmp_path / "pipe")


def test_only_the_owner_reads_it_and_nothing_else_is_left(
    granite: edgehybrid.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = read(granite, 20)
    stream.save(tmp_path / "s")
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "s").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edgehybrid.files.sync", full)
    with pytest.raises(StateError, match="No space left"):
        stream.save(tmp_path / "s")
    assert [p.name for p in tmp_path.iterdir()] == ["s"]
    assert (tmp_path / "s").read_bytes() == before
