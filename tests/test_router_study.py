"""The study's tasks have the answers they claim, and its models are what they are said to be."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the study trains with PyTorch")

from study.answering import policy, right, through_caches  # noqa: E402
from study.mixers import CHUNK, HEADS, STATE, gated_delta, ssd  # noqa: E402
from study.model import MODELS, Model  # noqa: E402
from study.probing import fit_probe, needed  # noqa: E402
from study.tasks import COPY, NEEDLE, TASKS, VALUES, VOCABULARY, mixed, zoology  # noqa: E402
from study.training import Run, train  # noqa: E402


def _context(row: np.ndarray, where: np.ndarray) -> list[int]:
    return [int(t) for t in row[: where[0] + 1]]


@pytest.mark.parametrize("level", [0.2, 0.6, 1.0])
@pytest.mark.parametrize("name", TASKS)
def test_answers_follow_from_the_row(name: str, level: float) -> None:
    """Each answer stands in the row after its question, and before it where the task says so."""
    batch = TASKS[name](np.random.default_rng(1), 16, 256, level)
    for ids, where, answers in zip(*batch, strict=True):
        assert (np.diff(where) > 0).all()
        assert [int(ids[p + 1]) for p in where[:-1]] == answers[:-1].tolist()
        first = _context(ids, where)[:-1]
        if name in ("mqar", "overwritten"):
            for p, answer in zip(where, answers, strict=True):
                last = max(i for i in range(where[0]) if ids[i] == ids[p])
                assert ids[last + 1] == answer
        elif name == "copying":
            assert ids[where[0]] == COPY
            assert [t for t in first if t in VALUES] == answers.tolist()
        elif name == "needle":
            key = ids[where[0]]
            at = next(i for i, t in enumerate(first) if t == NEEDLE and first[i + 1] == key)
            assert first[at + 2 : at + 4] == answers[:2].tolist()


@pytest.mark.parametrize(("pairs", "length"), [(4, 64), (64, 512)])
def test_mqar_is_laid_out_as_in_zoology(pairs: int, length: int) -> None:
    batch = zoology(np.random.default_rng(2), 8, length, pairs)
    for ids, where, answers in zip(*batch, strict=True):
        table = dict(zip(ids[0 : 2 * pairs : 2], ids[1 : 2 * pairs : 2], strict=True))
        assert len(table) == pairs == len(set(where.tolist()))
        assert where.min() >= 2 * pairs
        assert [table[ids[p]] for p in where] == answers.tolist()


def test_chunked_scans_are_their_recurrences() -> None:
    torch.manual_seed(0)
    length, width = 2 * CHUNK, 8
    log_decay = -torch.rand(1, length, HEADS) * 0.3
    b, c = torch.randn(2, 1, length, STATE).unbind()
    x = torch.randn(1, length, HEADS, width)
    state, expected = torch.zeros(HEADS, STATE, width), []
    for t in range(length):
        state = state * log_decay[0, t].exp()[:, None, None]
        state = state + b[0, t][None, :, None] * x[0, t][:, None]
        expected.append((c[0, t][None, None] @ state)[:, 0])
    torch.testing.assert_close(
        ssd(x, log_decay, b, c)[0], torch.stack(expected), rtol=1e-4, atol=1e-4
    )

    q, k = torch.nn.functional.normalize(torch.randn(2, 1, length, HEADS, STATE), dim=-1).unbind()
    beta = torch.rand(1, length, HEADS)
    state, expected = torch.zeros(HEADS, STATE, width), []
    for t in range(length):
        state = state * log_decay[0, t].exp()[:, None, None]
        new = beta[0, t][:, None] * (x[0, t] - (k[0, t][:, None] @ state)[:, 0])
        state = state + k[0, t][:, :, None] * new[:, None]
        expected.append((q[0, t][:, None] @ state)[:, 0])
    got = gated_delta(q, k, x, log_decay, beta)[0]
    torch.testing.assert_close(got, torch.stack(expected), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("budget", [0, 8, 40])
def test_masks_of_training_are_the_caches_of_the_product(budget: int) -> None:
    torch.manual_seed(1)
    model = Model("ssd+router", VOCABULARY).eval()
    torch.nn.init.normal_(model.layers[1].mixer.score.weight)
    batch = mixed(np.random.default_rng(3), 2, 192)
    ids, where = torch.from_numpy(batch.ids), torch.from_numpy(batch.where)
    with torch.inference_mode():
        masked = model(ids, where, budget)
        cached = model.logits(through_caches(model, ids, policy("learned", budget)), where)
    torch.testing.assert_close(cached, masked, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_models_have_about_as_many_parameters(name: str) -> None:
    count = Model(name, VOCABULARY).parameters_count
    assert 0.95 < count / Model("ssd", VOCABULARY).parameters_count < 1.11


def test_a_run_is_kept_and_not_repeated(tmp_path: object) -> None:
    run = Run("six", "ssd+router", 1e-3, 0, 3, 1536)
    first = train(run, tmp_path)
    again = train(run, tmp_path)
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    batch = TASKS["mqar"](np.random.default_rng(0), 2, 100)
    assert right(first, batch, policy("learned", 8)).shape == batch.answers.shape


def test_a_probe_finds_what_is_looked_at() -> None:
    """Its scores go with the attention that keys receive in rows it was not fitted to."""
    torch.manual_seed(3)
    model = Model("ssd+full", VOCABULARY).eval()
    weights = torch.from_numpy(fit_probe(model, 128, rows=20))
    with torch.inference_mode():
        h = model.layers[0](
            model.embed(torch.from_numpy(mixed(np.random.default_rng(4), 2, 128).ids)), 0, 0.0
        )
        q, k, v, _ = model.layers[1].mixer.parts(model.layers[1].before(h))
        scores = (torch.cat([k, v], -1) * weights[:, None]).sum(-1)
        looked_at = (needed(q, k) + 1e-4).log()
    for head in range(2):
        both = torch.stack([scores[:, head].flatten(), looked_at[:, head].flatten()])
        assert torch.corrcoef(both)[0, 1] > 0.1
