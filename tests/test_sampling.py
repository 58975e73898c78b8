"""Which token is drawn: the probabilities of transformers' own processors."""

from __future__ import annotations

import numpy as np
import pytest

from edgehybrid.runtime.sampling import Sampling
from edgehybrid.runtime.text import StopStrings

VOCAB, DRAWS = 30, 20_000
SEEN = np.arange(VOCAB) % 4 == 0
OPTIONS = [
    {"temperature": 0.7},
    {"temperature": 1.3, "top_k": 5},
    {"temperature": 1.0, "top_p": 0.8},
    {"temperature": 1.0, "min_p": 0.1},
    {"temperature": 2.0, "top_k": 12, "top_p": 0.9, "min_p": 0.05, "repetition_penalty": 1.5},
]


def _transformers(logits: np.ndarray, options: dict) -> np.ndarray:
    torch = pytest.importorskip("torch", reason="compares with PyTorch: edgehybrid[test]")
    transformers = pytest.importorskip("transformers", reason="compares with transformers")
    process = transformers.generation.logits_process
    chain = {
        "repetition_penalty": process.RepetitionPenaltyLogitsProcessor,
        "temperature": process.TemperatureLogitsWarper,
        "top_k": process.TopKLogitsWarper,
        "top_p": process.TopPLogitsWarper,
        "min_p": process.MinPLogitsWarper,
    }
    scores = torch.from_numpy(logits)[None]
    for name, make in chain.items():
        if name in options:
            scores = make(options[name])(torch.from_numpy(np.flatnonzero(SEEN))[None], scores)
    return torch.softmax(scores, -1)[0].numpy()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_probabilities_are_those_of_transformers(options: dict) -> None:
    logits = (2 * np.random.default_rng(0).standard_normal(VOCAB)).astype(np.float32)
    wanted = _transformers(logits, options)
    sampling, random = Sampling(**options), np.random.default_rng(1)
    drawn = [sampling.choose(logits, SEEN, random) for _ in range(DRAWS)]
    share = np.bincount(drawn, minlength=VOCAB) / DRAWS
    assert not share[wanted == 0].any()
    deviation = np.sqrt(wanted * (1 - wanted) / DRAWS)
    assert (np.abs(share - wanted) <= 5 * deviation + 1e-9).all()


def test_logits_are_not_changed() -> None:
    logits = np.linspace(-1, 1, VOCAB, dtype=np.float32)
    before = logits.copy()
    Sampling(repetition_penalty=2, logit_bias={3: 9.0}).choose(
        logits, SEEN, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize(
    ("pieces", "stops", "shown", "found"),
    [
        (["abc", "def"], ["cd"], "ab", True),
        (["ab", "a", "b"], ["abc"], "abab", False),
        (["aab", "aac"], ["aac"], "aab", True),
        (["x", "END", "y"], ["END", "xE"], "", True),
        (["abc"], [], "abc", False),
    ],
)
def test_stop_strings(pieces: list[str], stops: list[str], shown: str, found: bool) -> None:
    cut, got = StopStrings(stops), ""
    for piece in pieces:
        got += cut.add(piece)
        if cut.found:
            break
    assert (got + cut.flush(), cut.found) == (shown, found)
