"""Phase 5: fit the head on whole documents, and write the finished checkpoint.

Several small heads are fitted with different seeds and averaged: side by side they are one
larger head, so the runtime sees nothing of it.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from batches import SOURCE_WEIGHTS
from edgehybrid.documents.features import neighbour_features
from features import make_features
from model import Config, Reader, SentenceHead
from prepare import Corpus

log = logging.getLogger("train_reader")

STEPS, BATCH, HEADS = 1200, 24, 6


class Batch(NamedTuple):
    """The sentences of some documents, end to end.

    Attributes:
        inputs: vector, context, place, mean, last as `SentenceHead` takes them, a row a sentence.
        soft, oracle, quotable: (n,) of each sentence.
        owner: (n,) its document, 0..documents-1.
        documents: how many.
    """

    inputs: tuple[Tensor, ...]
    soft: Tensor
    oracle: Tensor
    quotable: Tensor
    owner: Tensor
    documents: int


class Documents:
    """Features and targets of documents."""

    def __init__(self, out: Path, split: str, cfg: Config) -> None:
        self.corpus, self.size = Corpus.load(out / f"{split}.npz"), cfg.vector_size
        with np.load(out / f"features-{split}.npz", allow_pickle=False) as archive:
            self.documents, self.vectors = archive["documents"], archive["vectors"]
        self.source = self.corpus.source[self.documents]
        self.sizes = np.diff(self.corpus.first)[self.documents]
        self.start = np.concatenate([[0], np.cumsum(self.sizes)])
        spans = [range(*self.corpus.first[d : d + 2]) for d in self.documents]
        self.sentence = np.fromiter((i for span in spans for i in span), np.int64, self.start[-1])
        self.near, self.mean = self._about_vectors()

    def _about_vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """Neighbour features of all sentences, and the mean vector of each document."""
        near, means = [], []
        for a, b in zip(self.start[:-1], self.start[1:], strict=True):
            own = self.sentence[a:b]
            quotable, both = self.corpus.quotable[own], self.vectors[a:b].astype(np.float32)
            heading = self.corpus.heading[own]
            near.append(neighbour_features(both[:, : self.size], heading, quotable))
            means.append(both[quotable if quotable.any() else slice(None)].mean(0))
        return np.concatenate(near), np.array(means)

    def batch(self, numbers: np.ndarray) -> Batch:
        """The documents with these numbers, each of which has sentences."""
        rows = np.concatenate([np.arange(*self.start[i : i + 2]) for i in numbers])
        owner = np.repeat(np.arange(len(numbers)), self.sizes[numbers])
        own = self.sentence[rows]
        both = torch.from_numpy(self.vectors[rows].astype(np.float32))
        place = np.concatenate([self.corpus.text[own], self.near[rows]], 1)
        last = self.vectors[self.start[numbers + 1] - 1, self.size :].astype(np.float32)
        inputs = (
            *(both[:, : self.size], both[:, self.size :], torch.from_numpy(place)),
            *(torch.from_numpy(a[owner]) for a in (self.mean[numbers], last)),
        )
        c = self.corpus
        targets = (torch.from_numpy(a[own]) for a in (c.soft, c.oracle, c.quotable))
        return Batch(inputs, *targets, torch.from_numpy(owner), len(numbers))


def summed(x: Tensor, batch: Batch) -> Tensor:
    """Sums (documents,) of x (n,)."""
    return torch.zeros(batch.documents).index_add(0, batch.owner, x)


def targets(batch: Batch) -> Tensor:
    """Distributions (n,) as `trunk.pick_targets` makes them; 0 where a document has none."""
    parts = (batch.soft.square(), batch.oracle)
    shares = [t / summed(t, batch).clamp_min(1e-9)[batch.owner] for t in parts]
    target = torch.stack(shares).sum(0)
    return target / summed(target, batch).clamp_min(1e-9)[batch.owner]


def divergence(head: SentenceHead, batch: Batch) -> Tensor:
    """Kullback-Leibler divergences (documents,) of the head's softmax from the targets."""
    target = targets(batch)
    scores = head(*batch.inputs).masked_fill(~batch.quotable, -1e4)
    top = torch.full((batch.documents,), -1e9).scatter_reduce(0, batch.owner, scores, "amax")
    scores = scores - top[batch.owner]
    total = summed(scores.exp(), batch).log()
    return summed(target * (target.clamp_min(1e-9).log() - scores + total[batch.owner]), batch)


def fit_one(train: Documents, val: Documents, cfg: Config, seed: int) -> SentenceHead:
    """One head, with the average of its weights over the last half of the steps."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    head = SentenceHead(cfg)
    average = torch.optim.swa_utils.AveragedModel(head)
    optimiser = torch.optim.AdamW(head.parameters(), lr=0.0, weight_decay=0.05)
    readable = train.sizes > 0
    members = [np.flatnonzero(readable & (train.source == s)) for s in range(len(SOURCE_WEIGHTS))]
    for step in range(STEPS):
        optimiser.param_groups[0]["lr"] = 1.5e-3 * min(1, (step + 1) / 50) * (1 - step / STEPS)
        drawn = random.choice(len(members), BATCH, p=SOURCE_WEIGHTS)
        batch = train.batch(np.array([random.choice(members[s]) for s in drawn]))
        divergence(head, batch).mean().backward()
        optimiser.step()
        optimiser.zero_grad()
        if step >= STEPS // 2:
            average.update_parameters(head)
    finished = average.module.eval()
    log.info("head: seed %d, divergence on val %.4f (macro)", seed, macro(finished, val))
    return finished


@torch.inference_mode()
def macro(head: SentenceHead, val: Documents) -> float:
    """The mean divergence of each source, and of these the mean."""
    numbers = np.flatnonzero(val.sizes > 0)
    each = np.array([float(divergence(head, val.batch(one))) for one in numbers[:, None]])
    source = val.source[numbers]
    return float(np.mean([each[source == s].mean() for s in np.unique(source)]))


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
