"""Phase 5: fit the head on whole documents, and write the finished checkpoint.

Several small heads are fitted with different seeds and averaged: side by side they are one
larger head, so the runtime sees nothing of it.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from batches import SOURCE_WEIGHTS
from features import make_features
from model import Config, Reader, SentenceHead
from prepare import Corpus
from trunk import pick_targets

log = logging.getLogger("train_reader")

STEPS, BATCH, HEADS = 1500, 24, 4


class Documents:
    """Features and targets of documents, one at a time."""

    def __init__(self, out: Path, split: str, cfg: Config) -> None:
        self.corpus, self.cfg = Corpus.load(out / f"{split}.npz"), cfg
        with np.load(out / f"features-{split}.npz", allow_pickle=False) as archive:
            self.documents, self.vectors = archive["documents"], archive["vectors"]
        sizes = np.diff(self.corpus.first)[self.documents]
        self.start = np.concatenate([[0], np.cumsum(sizes)])
        self.source = self.corpus.source[self.documents]

    def inputs(self, i: int) -> tuple[Tensor, ...]:
        """vector, context, place, mean, last of document `i`, as `SentenceHead` takes them."""
        span, size = self._span(i), self.cfg.vector_size
        both = torch.from_numpy(self.vectors[self.start[i] : self.start[i + 1]]).float()
        quotable = torch.from_numpy(self.corpus.quotable[span])
        place = torch.from_numpy(self.corpus.place[span])
        mean = both[quotable if quotable.any() else slice(None)].mean(0)
        return both[:, :size], both[:, size:], place, mean, both[-1, size:]

    def targets(self, i: int) -> tuple[Tensor, Tensor]:
        """Distribution over sentences (n,), and which are quotable."""
        span, c = self._span(i), self.corpus
        parts = (torch.from_numpy(a[span]) for a in (c.soft, c.oracle))
        return pick_targets(*parts), torch.from_numpy(c.quotable[span])

    def _span(self, i: int) -> slice:
        document = self.documents[i]
        return slice(int(self.corpus.first[document]), int(self.corpus.first[document + 1]))


def divergence(head: SentenceHead, documents: Documents, i: int) -> Tensor:
    """Kullback-Leibler divergence of the head's softmax from the targets of document `i`."""
    target, quotable = documents.targets(i)
    if target.sum() == 0:
        return torch.zeros(())
    scores = head(*documents.inputs(i)).masked_fill(~quotable, -1e4)
    floor = target.clamp_min(1e-9).log()
    return (target * (floor - scores.log_softmax(0))).sum()


def fit_one(train: Documents, val: Documents, cfg: Config, seed: int) -> SentenceHead:
    """One head, with the average of its weights over the last half of the steps."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    head = SentenceHead(cfg)
    average = torch.optim.swa_utils.AveragedModel(head)
    optimiser = torch.optim.AdamW(head.parameters(), lr=0.0, weight_decay=0.05)
    members = [np.flatnonzero(train.source == s) for s in range(len(SOURCE_WEIGHTS))]
    for step in range(STEPS):
        optimiser.param_groups[0]["lr"] = 1.5e-3 * min(1, (step + 1) / 50) * (1 - step / STEPS)
        rows = [
            random.choice(members[s]) for s in random.choice(len(members), BATCH, p=SOURCE_WEIGHTS)
        ]
        loss = torch.stack([divergence(head, train, i) for i in rows]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step >= STEPS // 2:
            average.update_parameters(head)
    finished = average.module.eval()
    with torch.inference_mode():
        each = np.array([float(divergence(finished, val, i)) for i in range(len(val.documents))])
    macro = np.mean([each[val.source == s].mean() for s in range(len(members))])
    log.info("head: seed %d, divergence on val %.4f (macro)", seed, macro)
    return finished


def side_by_side(heads: list[SentenceHead], cfg: Config) -> SentenceHead:
    """One wide head whose score is the mean of the scores of `heads`."""
    wide = SentenceHead(replace(cfg, head_hidden_size=cfg.head_hidden_size * len(heads)))
    with torch.no_grad():
        wide.hidden.weight.copy_(torch.cat([h.hidden.weight for h in heads]))
        wide.hidden.bias.copy_(torch.cat([h.hidden.bias for h in heads]))
        wide.out.weight.copy_(torch.cat([h.out.weight for h in heads], 1) / len(heads))
        wide.out.bias.copy_(torch.stack([h.out.bias for h in heads]).mean(0))
    return wide


def fit_head(out: Path, *, seed: int) -> None:
    """Read trunk/ and write checkpoint/: config.json, model.safetensors, tokenizer.json."""
    shutil.copy(out / "tokenizer.json", out / "trunk" / "tokenizer.json")
    make_features(out, out / "trunk", seed)
    model = Reader.load(out / "trunk")
    train, val = (Documents(out, split, model.cfg) for split in ("train", "val"))
    heads = [fit_one(train, val, model.cfg, seed * 100 + i) for i in range(HEADS)]
    model.head = side_by_side(heads, model.cfg)
    model.cfg = replace(model.cfg, head_hidden_size=model.cfg.head_hidden_size * HEADS)
    model.save(out / "checkpoint")
    shutil.copy(out / "tokenizer.json", out / "checkpoint" / "tokenizer.json")
    log.info("checkpoint: %s", out / "checkpoint")
