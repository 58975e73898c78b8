"""The PyTorch reference, the exported bundle and the NumPy reference are the same function."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from checkpoints import random_reader
from hypothesis import given, settings
from hypothesis import strategies as st

import edgehybrid
from edgehybrid.documents.document import Document
from edgehybrid.documents.encoding import encode
from edgehybrid.documents.features import sentence_features
from edgehybrid.documents.lexicon import Lexicon

torch = pytest.importorskip("torch", reason="PyTorch is not installed: parity is not checked")
pytest.importorskip("nltk", reason="nltk is not installed: targets are not checked")

from model import Reader  # noqa: E402
from routing import attention_bias, eviction_times  # noqa: E402
from ssd import ssd_chunked  # noqa: E402
from trunk import pick_targets, sentence_pools  # noqa: E402

TEXT = Document.from_text(
    "Introduction\nThe quick brown fox jumps over the lazy dog. It was never seen again by anyone. "
    "Results\nWe measured what remained of the fence after that day. Nothing was left of it at all."
)


@pytest.fixture(scope="module", params=[{}, {"layer_types": ["mamba", "mamba"]}], ids=str)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_reader(tmp_path_factory.mktemp("parity") / "source", **request.param)


def test_bundle_gives_the_vectors_and_scores_of_pytorch(source: Path, tmp_path: Path) -> None:
    from edgehybrid_export import export

    export(source, tmp_path / "bundle", weights="float32")
    model, reader = edgehybrid.load(tmp_path / "bundle"), Reader.load(source)
    ids, last = encode(model.tokenizer, TEXT.sentences)
    got = model.stream().feed(ids)
    quotable = np.array([s.quotable for s in TEXT.sentences])
    lexicon = Lexicon.of([s.text for s in TEXT.sentences])
    meaning = got[:, : model.sentence_head.vector_size]
    place = sentence_features(TEXT.sentences, lexicon, meaning, quotable)
    with torch.inference_mode():
        h, _ = reader(torch.from_numpy(ids)[None].long(), reader.alloc(1))
        vector, context = reader.sentence_vectors(*sentence_pools(h[0], torch.from_numpy(last)))
        both = torch.cat([vector, context], -1)
        mean = both[torch.from_numpy(quotable)].mean(0, keepdim=True)
        scores = reader.head(vector, context, torch.from_numpy(place), mean, context[-1:])
    np.testing.assert_allclose(got, both.numpy(), atol=2e-4)
    np.testing.assert_allclose(
        model.head.score(got, place, quotable), scores.numpy(), atol=2e-3, rtol=1e-3
    )


def test_windows_with_carried_state_are_the_whole(tmp_path: Path) -> None:
    torch.manual_seed(0)
    reader = Reader.load(random_reader(tmp_path, layer_types=["mamba", "mamba"]))
    ids = torch.randint(0, 260, (2, 90))
    with torch.inference_mode():
        whole, _ = reader(ids, reader.alloc(2))
        padded = torch.cat([ids[:, :33], torch.zeros(2, 7, dtype=torch.long)], 1)
        first, states = reader(padded, reader.alloc(2), torch.tensor([33, 33]))
        second, _ = reader(ids[:, 33:], states)
    torch.testing.assert_close(torch.cat([first[:, :33], second], 1), whole, atol=1e-3, rtol=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-5, 5), max_size=40), st.integers(0, 4), st.integers(0, 10))
def test_eviction_times_are_the_cumulative_top(scores: list[int], sinks: int, budget: int) -> None:
    gone = eviction_times(np.array(scores, dtype=np.float64), sinks, budget)
    for now in range(sinks, len(scores)):
        arrived = sorted(range(sinks, now + 1), key=lambda j: (-scores[j], j))
        kept = {j for j in range(sinks, now + 1) if gone[j] > now}
        assert kept == set(arrived[:budget])


def test_bias_is_zero_near_log_sigmoid_far_and_nothing_later() -> None:
    scores = torch.tensor([[[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]])
    bias = attention_bias(scores, sinks=1, window=2, budget=1)[0, 0]
    far = torch.nn.functional.logsigmoid(scores[0, 0])
    inf = float("inf")
    assert bias[5].tolist() == pytest.approx([0, -inf, -inf, float(far[3]), 0, 0])
    assert bias[3].tolist() == pytest.approx([0, float(far[1]), 0, 0, -inf, -inf])


def test_chunked_scan_is_the_recurrence() -> None:
    torch.manual_seed(0)
    x, dt = torch.randn(2, 77, 3, 5), torch.rand(2, 77, 3)
    b, c, a = torch.randn(2, 77, 4), torch.randn(2, 77, 4), -torch.rand(3)
    start = torch.randn(2, 3, 4, 5)
    y, end = ssd_chunked(x, dt, a, b, c, start, chunk=16)
    state = start
    for t in range(77):
        decay = (dt[:, t] * a).exp()[..., None, None]
        state = decay * state + dt[:, t, :, None, None] * b[:, t, None, :, None] * x[:, t, :, None]
        torch.testing.assert_close(
            y[:, t], (c[:, t, None, :, None] * state).sum(2), atol=1e-4, rtol=1e-4
        )
    torch.testing.assert_close(end, state, atol=1e-4, rtol=1e-4)


def test_pools_are_means_and_ends() -> None:
    h = torch.arange(12.0).view(6, 2)
    mean, end = sentence_pools(h, torch.tensor([1, 5]))
    torch.testing.assert_close(mean, torch.stack([h[:2].mean(0), h[2:].mean(0)]))
    torch.testing.assert_close(end, h[[1, 5]])


def test_targets_are_a_distribution_or_nothing() -> None:
    target = pick_targets(torch.tensor([0.1, 0.3, 0.0]), torch.tensor([0.0, 1.0, 0.0]))
    assert target.sum() == pytest.approx(1)
    assert target.argmax() == 1
    assert pick_targets(torch.zeros(3), torch.zeros(3)).sum() == 0
