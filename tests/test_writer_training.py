"""The model that examples/train_writer trains is the one that transformers and bundles compute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch: pip install 'edgehybrid[test]'")
pytest.importorskip("transformers", reason="parity needs transformers: edgehybrid[test]")

import torch
import transformers
from checkpoints import byte_tokenizer

import edgehybrid
from edgehybrid_export import export
from granite import Writer, writer_config


def test_three_times_the_same_model(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = byte_tokenizer()
    model = Writer(writer_config(vocab_size=300, hidden_size=64, mamba_expand=4)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:  # branches begin at zero
                weight.normal_(0, weight.shape[-1] ** -0.5)
    model.save(tmp_path / "source", tokenizer)
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, 300, (1, 192)))
    original = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "source").eval()
    with torch.no_grad():
        ours, theirs = model(ids)[0].numpy(), original(ids).logits[0].numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * theirs.std())
    export(tmp_path / "source", tmp_path / "bundle", weights="float32")
    bundle = edgehybrid.load(tmp_path / "bundle", threads=1)
    got = bundle.stream().feed(ids[0].numpy(), all_logits=True)
    np.testing.assert_allclose(got, theirs, atol=1e-4 * theirs.std())
    again = Writer.load(tmp_path / "source")
    with torch.no_grad():
        assert torch.equal(again(ids)[0], model(ids)[0])
