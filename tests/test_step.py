"""The portable graph gives what the kernels give, for every mixer, however tokens are cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from checkpoints import random_reader
from stepping import Step, can_run, in_pieces

import edgehybrid
from edgehybrid.bundle import DEFAULT
from edgehybrid_export import export

TOKENS = 257
#: Largest difference, in standard deviations of what is compared.
EXACT = 1e-4
#: At int8 a difference in the last bit may round an activation to the next of 255 steps.
ROUNDED = 0.15
#: What was seen to run in ONNX Runtime's builds for Node and for browsers.
CONTRIB = {"LinearAttention", "CausalConvWithState", "MatMulIntegerToFloat", "MatMulNBits"}
CONTRIB |= {"GatherBlockQuantized"}
NEEDED = ("LinearAttention", "CausalConvWithState")


pytestmark = pytest.mark.skipif(
    not can_run(), reason=f"onnxruntime {ort.__version__} has no LinearAttention"
)


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 260, TOKENS).astype(np.int32)


def _near(got: np.ndarray, wanted: np.ndarray, tolerance: float, what: str) -> None:
    assert got.shape == wanted.shape, what
    error = np.abs(got - wanted).max() / wanted.std()
    print(f"{what}: {error:.1e}")
    assert error <= tolerance, what


@pytest.mark.parametrize(("weights", "tolerance"), [("float32", EXACT), ("int8", ROUNDED)])
def test_a_reader_gives_its_sentence_vectors(
    tmp_path: Path, ids: np.ndarray, weights: str, tolerance: float
) -> None:
    export(random_reader(tmp_path / "source"), tmp_path / "bundle", weights=weights)
    stream = edgehybrid.load(tmp_path / "bundle", threads=1).stream()
    wanted = stream.feed(ids)
    assert len(wanted) >= 5
    for size in (TOKENS, 37, 1):
        made, step = in_pieces(tmp_path / "bundle", ids, size)
        got = np.concatenate([each["vectors"] for each in made])
        _near(got, wanted, tolerance, f"{weights} in pieces of {size}")
        kept = set(np.unique(step.states["stamp.1"])) - {0}
        positions = np.unique(stream.caches[1].position)
        if weights == "float32":  # else other tokens may score highest
            assert kept == set(positions[positions >= 0] + 1)
        scores = np.concatenate([each["router_score.1"] for each in made])
        assert scores.shape == (TOKENS, 2)
        assert np.isfinite(scores).all()


def test_states_do_not_grow_where_a_router_keeps(tmp_path: Path, ids: np.ndarray) -> None:
    export(random_reader(tmp_path / "source"), tmp_path / "bundle", weights="float32")
    step = Step(tmp_path / "bundle")
    before = {name: state.shape for name, state in step.states.items()}
    step.feed(np.tile(ids, 3))
    assert {name: state.shape for name, state in step.states.items()} == before


def test_the_default_bundle_carries_it() -> None:
    step = Step(DEFAULT)
    made = step.feed(np.array([5, 6, 7, 0, 9, 1], np.int32))
    assert made["vectors"].shape == (2, 320)
    model = onnx.load(DEFAULT / "step.onnx", load_external_data=False)
    own = {node.op_type for node in model.graph.node if node.domain == "com.microsoft"}
    assert set(NEEDED) <= own <= CONTRIB
    assert {node.domain for node in model.graph.node} <= {"", "com.microsoft"}
    assert not model.functions


@pytest.mark.parametrize("attribute", ["channels_last", "state_window", "dilation", "ndim"])
def test_only_what_the_first_builds_know(attribute: str) -> None:
    """Attributes that came later than onnxruntime-web and -node 1.30 would not load there."""
    model = onnx.load(DEFAULT / "step.onnx", load_external_data=False)
    assert all(a.name != attribute for node in model.graph.node for a in node.attribute)
