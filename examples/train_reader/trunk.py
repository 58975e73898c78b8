"""Phase 4: train the trunk: the teacher's sentence vectors, and which sentences to pick."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from batches import Lane, Window
from edgehybrid.documents.features import neighbour_features
from model import Mamba, Reader
from prepare import Corpus

log = logging.getLogger("train_reader")

LANES, LENGTH, WINDOWS = 16, 512, 16
TEACH_WEIGHT, PICK_WEIGHT = 4.0, 0.5


def pick_targets(soft: Tensor, oracle: Tensor) -> Tensor:
    """A distribution (n,) over sentences: half the greedy oracle's picks, half soft overlap."""
    parts = [t / t.sum() for t in (soft.square(), oracle) if t.sum() > 0]
    return torch.stack(parts).mean(0) if parts else torch.zeros_like(soft)


def sentence_pools(h: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """Means (n, hidden) over each sentence of h (T, hidden), and values at their ends `last`."""
    total = h.cumsum(0)[last]
    before = torch.cat([torch.zeros_like(total[:1]), total[:-1]])
    size = torch.diff(last, prepend=torch.tensor([-1])).unsqueeze(-1)
    return (total - before) / size, h[last]


def make_optimisers(model: Reader) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for the rest; `peak` is each group's highest rate.

    The embedding starts from a good place (the bag of words), so it moves slowly.
    """
    matrices, rest = [], []
    for name, p in model.named_parameters():
        if p is model.embed_tokens.weight:
            continue
        square = p.dim() == 2 and name.startswith("layers.") and min(p.shape) > 16
        (matrices if square else rest).append(p)
    muon = torch.optim.Muon(
        [{"params": matrices, "peak": 8e-4}], weight_decay=0.05, adjust_lr_fn="match_rms_adamw"
    )
    groups = [
        {"params": rest, "peak": 5e-4},
        {"params": [model.embed_tokens.weight], "peak": 2e-4, "weight_decay": 0.0},
    ]
    return [muon, torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.01)]


class Trainer:
    """Model, optimisers, lanes and step: all that a resumed run needs."""

    def __init__(self, model: Reader, corpus: Corpus, out: Path, steps: int, seed: int) -> None:
        self.model, self.corpus, self.out, self.steps, self.step = model, corpus, out, steps, 0
        self.lanes = [Lane(corpus, LENGTH, WINDOWS, seed * 1000 + i) for i in range(LANES)]
        self.states = model.alloc(LANES)
        taught = np.load(out / "teacher.npz", allow_pickle=False)
        self.vectors = torch.from_numpy(taught["vectors"])
        self.row = np.full(len(corpus.ends), -1, dtype=np.int64)
        self.row[taught["index"]] = np.arange(len(taught["index"]))
        self.optimisers = make_optimisers(model)

    def _rates(self) -> None:
        warm = min(1.0, (self.step + 1) / 100)
        shape = warm * min(1.0, 1.5 * (1 - self.step / self.steps) + 0.01)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * shape

    def _router(self) -> tuple[int, float]:
        """Far budget and exploration noise: from everything to the target, from 1 to 0."""
        done, target = self.step / self.steps, self.model.cfg.router_budget
        budget = max(target, int(LENGTH * (1 - done / 0.4) + target))
        return budget, max(0.0, 1 - done / 0.6)

    def _losses(self, h: Tensor, window: Window) -> tuple[Tensor, Tensor]:
        span = slice(window.start, window.stop)
        begin = int(self.corpus.ends[window.stop - 1]) + 1 - len(window.ids)
        last = torch.from_numpy(self.corpus.ends[span] - begin)
        vector, context = self.model.sentence_vectors(*sentence_pools(h, last))
        rows = torch.from_numpy(self.row[span])
        taught = rows >= 0
        cosine = (vector[taught] * self.vectors[rows[taught]].float()).sum(-1)
        quotable = torch.from_numpy(self.corpus.quotable[span])
        target = pick_targets(
            *(torch.from_numpy(a[span]) for a in (self.corpus.soft, self.corpus.oracle))
        )
        if target.sum() == 0:
            return (1 - cosine).sum(), torch.zeros(())
        known, heading = self.corpus.text[span], self.corpus.heading[span]
        near = neighbour_features(vector.detach().numpy(), heading, quotable.numpy())
        place = torch.from_numpy(np.concatenate([known, near], 1))
        mean = torch.cat([vector, context], -1)[quotable].mean(0, keepdim=True)
        score = self.model.head(vector, context, place, mean, context[-1:])
        score = score.masked_fill(~quotable, -1e4)
        return (1 - cosine).sum(), -(target * score.log_softmax(0)).sum() + (
            target.clamp_min(1e-9).log() * target
        ).sum()

    def _advance(self) -> tuple[list[Window], Tensor, Tensor]:
        windows = [next(lane) for lane in self.lanes]
        ids = torch.zeros(LANES, LENGTH, dtype=torch.long)
        for row, window in enumerate(windows):
            ids[row, : len(window.ids)] = torch.from_numpy(window.ids)
        fresh = torch.tensor([w.fresh for w in windows])
        self.states = [
            None
            if s is None
            else tuple(t.detach() * ~fresh.view(-1, *[1] * (t.dim() - 1)) for t in s)
            for s in self.states
        ]
        return windows, ids, torch.tensor([len(w.ids) for w in windows])

    def train_step(self) -> tuple[float, float]:
        """One optimiser step; returns mean 1 - cosine and mean divergence from the targets."""
        self._rates()
        windows, ids, lengths = self._advance()
        budget, noise = self._router()
        with torch.autocast("cpu", torch.bfloat16):
            h, self.states = self.model(ids, self.states, lengths, budget, noise)
        taught = sum(int((self.row[w.start : w.stop] >= 0).sum()) for w in windows)
        parts = [self._losses(h[i], w) for i, w in enumerate(windows)]
        teach = torch.stack([p[0] for p in parts]).sum() / max(taught, 1)
        pick = torch.stack([p[1] for p in parts]).mean()
        (TEACH_WEIGHT * teach + PICK_WEIGHT * pick).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        self.step += 1
        return teach.item(), pick.item()

    def save(self) -> None:
        """Write a checkpoint that `resume` continues from, by one rename."""
        lanes = [
            [lane.sentence, lane.stop, lane.windows, lane.random.bit_generator.state]
            for lane in self.lanes
        ]
        torch.save(
            {
                "step": self.step,
                "model": self.model.state_dict(),
                "optimisers": [o.state_dict() for o in self.optimisers],
                "states": [list(s) if s else None for s in self.states],
                "lanes": lanes,
                "random": torch.get_rng_state(),
            },
            self.out / "trunk.tmp",
        )
        shutil.move(self.out / "trunk.tmp", self.out / "trunk.pt")

    def resume(self) -> None:
        """Continue from the last checkpoint, if there is one."""
        if not (self.out / "trunk.pt").exists():
            return
        saved = torch.load(self.out / "trunk.pt", weights_only=True)
        self.step = saved["step"]
        self.model.load_state_dict(saved["model"])
        for optimiser, state in zip(self.optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.states = [tuple(s) if s else None for s in saved["states"]]
        for lane, (sentence, stop, windows, random) in zip(self.lanes, saved["lanes"], strict=True):
            lane.sentence, lane.stop, lane.windows = sentence, stop, windows
            lane.random.bit_generator.state = random
        torch.set_rng_state(saved["random"])
        log.info("trunk: resumed at step %d", self.step)


def compile_layers(model: Reader) -> None:
    """Fuse element-wise work (1.4 x faster here); needs a C++ compiler."""
    for layer in model.layers:
        layer.mlp = torch.compile(layer.mlp, dynamic=False)
        if isinstance(layer.mixer, Mamba):
            layer.mixer.forward = torch.compile(layer.mixer.forward, dynamic=False)


def train_trunk(trainer: Trainer) -> None:
    """Train to the last step, saving every five minutes."""
    trainer.resume()
    if shutil.which("c++") and trainer.step < trainer.steps:
        compile_layers(trainer.model)
    saved, began, first, sums = time.monotonic(), time.monotonic(), trainer.step, np.zeros(2)
    while trainer.step < trainer.steps:
        sums += trainer.train_step()
        if trainer.step % 25 == 0:
            speed = (trainer.step - first) * LANES * LENGTH / (time.monotonic() - began)
            log.info(
                "trunk: step %d of %d, 1 - cosine %.4f, divergence %.4f, %.0f tokens/s",
                trainer.step, trainer.steps, *(sums / 25), speed,
            )  # fmt: skip
            sums[:] = 0
        if time.monotonic() - saved > 300:
            trainer.save()
            saved = time.monotonic()
    trainer.save()
