"""Writing: the same tokens as transformers, whole characters, and every way to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="parity needs PyTorch: pip install 'edgehybrid[test]'")
pytest.importorskip("transformers", reason="parity needs transformers: edgehybrid[test]")

import torch
from families import CASES, random_model, save

import edgehybrid
from edgehybrid.errors import RequestError, StreamError
from edgehybrid.runtime.text import TextPieces
from edgehybrid_export import export

PROMPT = np.random.default_rng(5).integers(0, 256, 40)


@pytest.fixture(scope="module", params=CASES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp(request.param)
    model = random_model(request.param, vocab_size=260, eos_token_id=None)
    export(save(model, folder / "source"), folder / "bundle", weights="float32")
    return model, edgehybrid.load(folder / "bundle", threads=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> edgehybrid.Model:
    folder = tmp_path_factory.mktemp("writer")
    source = save(random_model("mamba2", vocab_size=260, eos_token_id=None), folder / "source")
    export(source, folder / "bundle", weights="float32")
    return edgehybrid.load(folder / "bundle", threads=1)


def write(model: edgehybrid.Model, **options) -> tuple[list[str], list[int]]:
    stream, tokens = model.stream(), []
    stream.feed(PROMPT)
    pieces = list(stream.generate(callback=lambda t: tokens.append(t), **options))
    return pieces, tokens


def test_200_greedy_tokens_are_those_of_transformers(pair) -> None:
    original, model = pair
    prompt = torch.from_numpy(PROMPT)[None]
    mask = torch.ones_like(prompt)
    wanted = original.generate(
        prompt, attention_mask=mask, max_new_tokens=200, do_sample=False, pad_token_id=0
    )
    _, got = write(model, max_tokens=200)
    assert got == wanted[0, len(PROMPT) :].tolist()


def test_pieces_are_the_text(model: edgehybrid.Model) -> None:
    pieces, tokens = write(model, max_tokens=60, temperature=1.5, seed=0)
    assert "".join(pieces) == model.tokenizer.decode(tokens)
    assert all(pieces)


def test_a_character_of_four_tokens_comes_whole(model: edgehybrid.Model) -> None:
    text = TextPieces(model.tokenizer)
    shown = [text.add(token) for token in model.tokenizer.encode("a🦜é").ids]
    assert [piece for piece in shown if piece] == [" ", "a", "🦜", "é"]  # each after its last byte


def test_what_was_shown_was_read(model: edgehybrid.Model) -> None:
    stream = model.stream()
    stream.feed(PROMPT)
    tokens: list[int] = []
    list(stream.generate(10, callback=lambda t: tokens.append(t)))
    assert stream.position == len(PROMPT) + 10
    whole = model.stream().feed([*PROMPT, *tokens])
    np.testing.assert_allclose(stream.next_logits(), whole, atol=1e-4)


def test_seed_repeats(model: edgehybrid.Model) -> None:
    first, again, other = (write(model, max_tokens=40, temperature=1.0, seed=s) for s in (1, 1, 2))
    assert first == again
    assert first[1] != other[1]


def test_callback_ends(model: edgehybrid.Model) -> None:
    stream, tokens = model.stream(), []
    stream.feed(PROMPT)

    def three(token: int) -> bool:
        tokens.append(token)
        return len(tokens) < 3

    list(stream.generate(50, callback=three))
    assert len(tokens) == 3
    assert stream.position == len(PROMPT) + 2  # the refused token was not read


def test_stop_token_is_neither_shown_nor_read(model: edgehybrid.Model) -> None:
    _, tokens = write(model, max_tokens=30)
    stop = tokens[12]
    stream = model.stream()
    stream.feed(PROMPT)
    pieces = list(stream.generate(30, stop=[stop]))
    first = tokens.index(stop)
    assert stream.position == len(PROMPT) + first
    assert "".join(pieces) == model.tokenizer.decode(tokens[:first])


def test_stop_string_is_cut_off(model: edgehybrid.Model) -> None:
    text = "".join(write(model, max_tokens=60, temperature=1.5, seed=3)[0])
    stop = text[20:23]
    pieces, _ = write(model, max_tokens=60, temperature=1.5, seed=3, stop=stop)
    assert "".join(pieces) == text[: text.index(stop)]


def test_logit_bias_decides(model: edgehybrid.Model) -> None:
    assert write(model, max_tokens=5, logit_bias={65: 1e6})[1] == [65] * 5
    banned = write(model, max_tokens=1)[1][0]
    assert banned not in write(model, max_tokens=20, logit_bias={banned: -np.inf})[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "temperature is -1, expected 0 or more"),
        ({"top_p": 0}, "top_p is 0, expected above 0"),
        ({"min_p": 2}, "min_p is 2"),
        ({"top_k": -3}, "top_k is -3"),
        ({"repetition_penalty": 0}, "repetition_penalty is 0"),
        ({"max_tokens": -1}, "max_tokens is -1"),
        ({"stop": ""}, "none ''"),
    ],
)
def test_bad_options(model: edgehybrid.Model, options: dict, message: str) -> None:
    stream = model.stream()
    stream.feed(PROMPT)
    with pytest.raises(RequestError, match=message):
        stream.generate(**options)


def test_a_logit_bias_out_of_range(model: edgehybrid.Model) -> None:
    with pytest.raises(RequestError, match=r"token id 260 is not in 0\.\.259"):
        write(model, max_tokens=1, logit_bias={260: 1.0})


def test_nothing_read_yet(model: edgehybrid.Model) -> None:
    with pytest.raises(StreamError, match="feed a prompt"):
        model.stream().generate(5)
    with pytest.raises(RequestError, match="no token ids"):
        model.stream().feed([])
    assert model.stream().feed([], all_logits=True).shape == (0, 260)


def test_a_reader_does_not_write(bundles: dict[str, Path]) -> None:
    stream = edgehybrid.load(bundles["float32"], threads=1).stream()
    stream.feed([1, 2])
    with pytest.raises(RequestError, match="is a reader"):
        stream.generate(5)
    with pytest.raises(RequestError, match="no logits"):
        stream.feed([1], all_logits=True)


def test_a_language_model_does_not_score(model: edgehybrid.Model) -> None:
    with pytest.raises(RequestError, match="not a reader"):
        model.sentence_head  # noqa: B018


def test_reset_forgets_the_text(model: edgehybrid.Model) -> None:
    stream = model.stream()
    stream.feed(PROMPT)
    stream.reset()
    assert not stream.seen_tokens.any()
    with pytest.raises(StreamError):
        stream.next_logits()
