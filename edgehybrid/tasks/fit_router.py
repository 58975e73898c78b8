"""Fitting a router to one's own text: a linear probe of each KV head, see `edgehybrid.fitting`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.errors import Cancelled, RequestError
from edgehybrid.fitting.judging import evictions, kept_shares, r_squared, rank_correlation
from edgehybrid.fitting.observing import Observer
from edgehybrid.fitting.received import Segment, judged, targets
from edgehybrid.fitting.ridge import RIDGE, Moments
from edgehybrid.fitting.texts import LONGEST, Texts, read_texts
from edgehybrid.memory import peak_rss_bytes
from edgehybrid.runtime.routers import fitted
from edgehybrid.runtime.routers.regions import Regions, divide
from edgehybrid.tasks.reading import Progress, Tell

#: Tokens in the KV cache, per KV head, at which what is kept is compared.
BUDGET = 256
#: Tokens that are read at most.
MAX_TOKENS = 1 << 16
#: Rows of text for each number that is fitted, at least.
ROWS = 4

Doubles = NDArray[np.float64]
Probes = dict[int, list[tuple[Doubles, float]]]


class LayerFit(NamedTuple):
    """How well the probes of one layer do on segments that were held out, means over KV heads.

    Attributes:
        layer: its index among the layers of the manifest.
        r_squared: of the target.
        rank_correlation: with the target, within a segment.
        kept: by policy, the share of attention to far tokens that goes to tokens which it keeps.
            The `oracle` scores by the target itself.
    """

    layer: int
    r_squared: float
    rank_correlation: float
    kept: dict[str, float]


@dataclass(frozen=True)
class RouterFit:
    """What was fitted.

    Attributes:
        path: of the file.
        layers: how well it does.
        tokens: of the texts.
        fitted_tokens: that were fitted to.
        held_out_tokens: that it was judged by.
        regions: sinks, window and routed tokens at which it was judged.
        seconds: that it took.
    """

    path: Path
    layers: tuple[LayerFit, ...]
    tokens: int
    fitted_tokens: int
    held_out_tokens: int
    regions: Regions
    seconds: float

    def kept(self, policy: str) -> float:
        """The mean over layers of what `policy` keeps."""
        return float(np.mean([layer.kept[policy] for layer in self.layers]))


def fit_router(
    bundle: str | os.PathLike[str],
    texts: Sequence[str | os.PathLike[str]],
    *,
    budget: int = BUDGET,
    max_tokens: int = MAX_TOKENS,
    out: str | os.PathLike[str] | None = None,
    progress: Tell | None = None,
) -> RouterFit:
    """Fit the router `fitted` of a language model to texts like those that it will read.

    The texts are read once, in segments of at most 2,048 tokens, in which every token is kept. What
    each token shows (its key and value) is regressed on the attention that it receives once it
    has left the window. The file tells nothing of the texts but their number of tokens.

    Args:
        bundle: the folder of a language model that was trained without a router.
        texts: PDF, Markdown or text files.
        budget: tokens in the KV cache, per KV head, at which policies are compared; a quarter of
            it, at most 64, is the window.
        max_tokens: so many are read at most, from everywhere in the texts.
        out: the file to write; `router.safetensors` in the bundle's folder, where it is looked
            for, if None.
        progress: called after each segment, of which it is told as of pages; stops the work by
            returning False.

    Raises:
        BundleError: the bundle cannot be loaded.
        DocumentError: a text cannot be read.
        RequestError: nothing can be fitted, or the file cannot be written.
        Cancelled: `progress` returned False; nothing was written.
    """
    began, regions = time.monotonic(), _regions(budget)
    observer = Observer(Path(bundle))
    path = _target(observer, out)
    size = max(width for _, width in observer.shapes.values())
    read = read_texts(observer.model, texts, max_tokens, ROWS * size)
    tell = _teller(read, progress, began)
    probes = _fit(observer, read, regions, tell)
    layers = _judge(observer, read, regions, probes, tell)
    fit = RouterFit(
        path,
        tuple(layers),
        read.tokens,
        sum(map(len, read.fitted)),
        sum(map(len, read.held_out)),
        regions,
        round(time.monotonic() - began, 1),
    )
    weights = {i: np.array([w for w, _ in heads]).astype(np.float32) for i, heads in probes.items()}
    fitted.write(observer.model.bundle, weights, _described(fit), path)
    return fit


def _regions(budget: int) -> Regions:
    """How `budget` is divided.

    Raises:
        RequestError: nothing of it would be routed, or nothing of a segment would be evicted.
    """
    most = LONGEST // 2
    if not 8 <= budget <= most:
        raise RequestError(f"budget is {budget}, expected 8..{most}: half a segment at most")
    return divide(budget)


def _target(observer: Observer, out: str | os.PathLike[str] | None) -> Path:
    """The file to write, now that it is known that there is something to fit.

    Raises:
        RequestError: there is not, or the folder cannot be written to.
    """
    bundle = observer.model.bundle
    if not observer.model.writes:
        raise RequestError(f"{bundle.name} is a reader, which was trained with its router")
    if not observer.shapes:
        raise RequestError(
            f"{bundle.name} has no attention layer that could keep far tokens: nothing to fit"
        )
    path = fitted.place(bundle) if out is None else Path(out)
    if not os.access(path.parent, os.W_OK):
        raise RequestError(f"{path.parent} cannot be written to; name another file as out (--out)")
    return path


def _teller(read: Texts, progress: Tell | None, began: float) -> Callable[[int], None]:
    total, done, tokens = len(read.fitted) + len(read.held_out), 0, 0

    def tell(more: int) -> None:
        nonlocal done, tokens
        done, tokens = done + 1, tokens + more
        now = Progress(done, total, tokens, time.monotonic() - began, peak_rss_bytes())
        if progress is not None and progress(now) is False:
            raise Cancelled(f"fitting was stopped after {done} of {total} segments")

    return tell


def _fit(observer: Observer, read: Texts, regions: Regions, tell: Callable[[int], None]) -> Probes:
    moments = {
        i: [Moments(width) for _ in range(heads)] for i, (heads, width) in observer.shapes.items()
    }
    for ids in read.fitted:
        for i, seen in observer.segments(np.concatenate([read.prefix, ids])):
            rows, y = _rows(seen, read, regions), targets(seen, regions.window)
            for head, sums in enumerate(moments[i]):
                sums.add(_features(seen, head)[rows], y[head, rows])
        tell(len(ids))
    return {i: [sums.solve() for sums in heads] for i, heads in moments.items()}


def _judge(
    observer: Observer,
    read: Texts,
    regions: Regions,
    probes: Probes,
    tell: Callable[[int], None],
) -> list[LayerFit]:
    found: dict[int, list[LayerFit]] = {i: [] for i in observer.shapes}
    for ids in read.held_out:
        for i, seen in observer.segments(np.concatenate([read.prefix, ids])):
            y, rows = targets(seen, regions.window), _rows(seen, read, regions)
            found[i] += [
                _of_head(i, seen, head, probe, y[head], rows, regions)
                for head, probe in enumerate(probes[i])
            ]
        tell(len(ids))
    return [_mean(of_heads) for of_heads in found.values()]


def _of_head(
    layer: int,
    seen: Segment,
    head: int,
    probe: tuple[Doubles, float],
    y: Doubles,
    rows: slice,
    regions: Regions,
) -> LayerFit:
    weights, constant = probe
    scores = _features(seen, head) @ weights + constant
    routed = regions.budget if isinstance(regions.budget, int) else max(regions.budget)
    by_score = {
        "fitted": scores,
        "keynorm": -np.linalg.norm(seen.k[:, head], axis=1).astype(np.float64),
        "oracle": y,
    }
    until = {name: evictions(score, regions, routed) for name, score in by_score.items()}
    until["window"] = np.arange(len(y)) + regions.window + routed
    return LayerFit(
        layer,
        r_squared(y[rows], scores[rows]),
        rank_correlation(y[rows], scores[rows]),
        kept_shares(seen, head, until, regions),
    )


def _mean(parts: Sequence[LayerFit]) -> LayerFit:
    return LayerFit(
        parts[0].layer,
        float(np.mean([part.r_squared for part in parts])),
        float(np.mean([part.rank_correlation for part in parts])),
        {name: float(np.mean([p.kept[name] for p in parts])) for name in parts[0].kept},
    )


def _rows(seen: Segment, read: Texts, regions: Regions) -> slice:
    """The tokens that are fitted to: those of the text, since the prefix is always the same."""
    return judged(len(seen.k), max(len(read.prefix), regions.sinks), regions.window)


def _features(seen: Segment, head: int) -> NDArray[np.float32]:
    """(T, Dh + Dv) keys and values of one KV head."""
    return np.concatenate([seen.k[:, head], seen.v[:, head]], axis=1)


def _described(fit: RouterFit) -> dict[str, object]:
    """How it was fitted, for the file: nothing of the texts but their size."""
    return {
        "fitted_tokens": fit.fitted_tokens,
        "held_out_tokens": fit.held_out_tokens,
        "ridge": RIDGE,
        **fit.regions._asdict(),
        "layers": [
            {
                "layer": layer.layer,
                "r_squared": round(layer.r_squared, 4),
                "rank_correlation": round(layer.rank_correlation, 4),
                "kept": {name: round(share, 4) for name, share in layer.kept.items()},
            }
            for layer in fit.layers
        ],
    }
