"""Training one model: what is fed when, and what is kept of it."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from study.model import Model
from study.tasks import MQAR_VOCABULARY, TASKS, VOCABULARY, Batch, mixed, needle, zoology

log = logging.getLogger("router_study")

Stage = tuple[float, int, float]
#: Far budgets; while a router is trained, each batch has one of them by chance.
BUDGETS = (8, 16, 32, 64, 128)
#: Length of the rows that the six tasks are trained on.
LENGTH = 256
#: The stages of the six tasks: share of the items, length, share of the steps.
LEVELS = ((0.2, 64, 0.2), (0.5, 128, 0.2), (1.0, LENGTH, 0.6))
#: The stages of MQAR, easy to hard, and the tokens of a batch: pairs, length, share of the steps.
STAGES = ((4, 64, 0.25), (8, 128, 0.2), (16, 256, 0.15), (32, 256, 0.15), (64, 512, 0.25))


@dataclass(frozen=True)
class Run:
    """What is trained: `experiment` is "six" (tasks at once), "needle" (that alone) or "mqar"."""

    experiment: str
    model: str
    rate: float
    seed: int
    steps: int
    tokens: int

    @property
    def name(self) -> str:
        return f"{self.experiment}-{self.model}-{self.rate:g}-{self.seed}"


def batch_at(run: Run, step: int, random: np.random.Generator) -> Batch:
    """The rows of one step."""
    done = step / run.steps
    if run.experiment != "mqar":
        level, length, _ = _stage(LEVELS, done)
        if run.experiment == "needle":
            return needle(random, run.tokens // length, length, level)
        return mixed(random, run.tokens // length // len(TASKS), length, level)
    pairs, length, _ = _stage(STAGES, done)
    return zoology(random, run.tokens // length, length, int(pairs))


def _stage(stages: tuple[Stage, ...], done: float) -> Stage:
    """The stage that the share `done` of all steps is in; the last number is each one's share."""
    for stage in stages:
        done -= stage[2]
        if done < 0:
            break
    return stage


def exploration(run: Run, step: int, random: np.random.Generator) -> tuple[int, float]:
    """Far budget and noise: everything at first, then a budget by chance; noise until 60 %."""
    done = step / run.steps
    least = int(512 * (1 - done / 0.3))
    return max(int(random.choice(BUDGETS)), least), max(0.0, 1 - done / 0.6)


def foresight_weight(run: Run, step: int) -> float:
    """Of the routers' loss: none while attention does not know yet what it looks for."""
    return min(1.0, max(0.0, step / run.steps - 0.3) / 0.1)


def rate_at(run: Run, step: int) -> float:
    """Warm-up over 5 %, then a cosine to a twentieth."""
    done = step / run.steps
    shape = 0.05 + 0.95 * 0.5 * (1 + np.cos(np.pi * done))
    return run.rate * min(1.0, done / 0.05 + 1e-3) * float(shape)


def loss_of(
    model: Model, batch: Batch, budget: int, noise: float, foresight: float
) -> tuple[torch.Tensor, float]:
    """Cross entropy of the answers plus the routers' loss; the share of answers that is right."""
    ids, where, answers = (torch.from_numpy(np.ascontiguousarray(part)) for part in batch)
    logits, routers = model.foresight(ids, where, budget, noise)
    due = answers >= 0
    right = (logits.argmax(-1) == answers)[due].float().mean().item()
    loss = F.cross_entropy(logits.flatten(0, 1), answers.flatten())
    return loss + foresight * routers, right


def train(run: Run, folder: Path) -> Model:
    """Train, and write `<name>.pt` and `<name>.json` into `folder`; both are there already: load.

    The JSON has the run, parameters, tokens, seconds and loss and accuracy over the
    last tenth, and the accuracy over all steps, which tells rates apart early.
    """
    torch.manual_seed(run.seed)
    random = np.random.default_rng(run.seed)
    model = Model(run.model, MQAR_VOCABULARY if run.experiment == "mqar" else VOCABULARY)
    weights = folder / f"{run.name}.pt"
    if weights.with_suffix(".json").exists():
        model.load_state_dict(torch.load(weights, weights_only=True))
        return model.eval()
    decayed = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() != 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    began, curve = time.monotonic(), []
    for step in range(run.steps):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(run, step)
        batch = batch_at(run, step, random)
        explored = exploration(run, step, random)
        loss, right = loss_of(model, batch, *explored, foresight_weight(run, step))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        curve.append((loss.item(), right))
        if step % 100 == 99:
            mean = np.mean(curve[-100:], 0)
            speed = (step + 1) * run.tokens / (time.monotonic() - began)
            log.info("%s: step %d of %d, loss %.3f, right %.3f, %.0f tokens/s",
                     run.name, step + 1, run.steps, *mean, speed)  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), weights)
    loss, right = np.mean(curve[-(run.steps // 10) :], 0)
    said = asdict(run) | {
        "parameters": model.parameters_count,
        "seconds": round(time.monotonic() - began),
        "loss": round(float(loss), 4),
        "right": round(float(right), 4),
        "right_throughout": round(float(np.mean(curve, 0)[1]), 4),
    }
    weights.with_suffix(".json").write_text(json.dumps(said, indent=2) + "\n")
    return model.eval()
