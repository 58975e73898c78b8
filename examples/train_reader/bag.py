"""Phase 3: start the embedding as a bag of words that already resembles the teacher.

With every branch of the trunk at zero, a sentence vector is a projection of the mean embedding
of its tokens. Fitting that alone takes a minute and gives the trunk a place to start from.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from model import Reader
from prepare import Corpus

log = logging.getLogger("train_reader")


def _bags(corpus: Corpus, sentences: np.ndarray) -> tuple[Tensor, Tensor]:
    pieces = [corpus.ids[corpus.tokens(i)] for i in sentences]
    offsets = np.cumsum([0] + [len(p) for p in pieces[:-1]])
    return torch.from_numpy(np.concatenate(pieces)).long(), torch.from_numpy(offsets)


def fit_bag(model: Reader, corpus: Corpus, out: Path, epochs: int = 4, batch: int = 512) -> None:
    """Fit embedding, norm and projection of `model` in place to the vectors in teacher.npz."""
    taught = np.load(out / "teacher.npz", allow_pickle=False)
    index, vectors = taught["index"], torch.from_numpy(taught["vectors"]).float()
    weight = model.embed_tokens.weight
    torch.nn.init.normal_(weight, std=0.5)
    optimiser = torch.optim.Adam([weight, model.sentence_proj.weight], lr=0.0)
    steps, size = epochs * (len(index) // batch), model.cfg.vector_size
    order = np.concatenate([np.random.permutation(len(index)) for _ in range(epochs)])
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 4e-3 * (1 - step / steps)
        rows = order[step * batch : (step + 1) * batch]
        ids, offsets = _bags(corpus, index[rows])
        mean = F.embedding_bag(ids, weight, offsets, mode="mean")
        vector, _ = model.sentence_vectors(mean, torch.zeros_like(mean))
        loss = 1 - (vector * vectors[rows][:, :size]).sum(-1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 200 == 0:
            log.info("bag: step %d of %d, 1 - cosine %.4f", step, steps, loss.item())
