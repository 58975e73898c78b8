"""Is the bundle the checkpoint? Names, shapes, values, in that order.

One segment at a time is loaded, and one layer of the checkpoint: so a model of any size is
compared in little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edgehybrid.bundle import Bundle
from edgehybrid.runtime.graph import Segment
from edgehybrid.runtime.mixers import Mixer, load_mixers
from edgehybrid.runtime.model import Model
from edgehybrid.runtime.routers import Asked
from edgehybrid_export.errors import ValidationError
from edgehybrid_export.precision import Precisions
from edgehybrid_export.reference import logits, residuals
from edgehybrid_export.spec import Experts, LogitsHead, ModelSpec
from edgehybrid_kernels import load_kernels

Array = NDArray[np.float32]
TOKENS, SEED = 300, 0
#: Largest mean error of one layer's residual stream, in its own standard deviations.
TOLERANCE = {"float32": 1e-5, "float16": 2e-3, "int8": 0.1, "int4": 0.35}
#: By rounding, a token may go to other experts: then the layer's error may be so much larger.
OTHER_EXPERTS = 3
#: Tokens whose logits are in memory at a time.
ROWS = 64


def validate(
    spec: ModelSpec,
    bundle: Bundle,
    precisions: Precisions,
    text: NDArray[np.int32] | None = None,
) -> dict[str, Any]:
    """Compare `bundle` with `spec` on random tokens, and on those of a text; return the loss.

    Raises:
        ValidationError: which name, shape or value differs, with both numbers.
    """
    for i in range(len(spec.layers) + 1):
        _check_interface(bundle.file(f"segment.{i}.onnx"), spec.hidden_size)
    ids = sample_ids(spec)
    loss = _compare(spec, bundle, ids, precisions)
    if text is not None and isinstance(spec.head, LogitsHead):
        loss["calibration"] = text_loss(
            spec.head, bundle, last_residuals(bundle, text), last(residuals(spec, text))
        )
    return loss


def sample_ids(spec: ModelSpec) -> NDArray[np.int32]:
    """Token ids (TOKENS,) drawn evenly, the same every time."""
    random = np.random.default_rng(SEED)
    return random.integers(0, spec.embedding.outputs, TOKENS, dtype=np.int32)


def last(stages: Iterator[Array]) -> Array:
    """The last of some residuals."""
    for h in stages:  # noqa: B007
        pass
    return h


def last_residuals(bundle: Bundle, ids: NDArray[np.int32]) -> Array:
    """Residuals (T, hidden) after the last layer, as the bundle's graphs compute them."""
    feeds = _first_feeds(ids)
    for layer in _layers(bundle):
        layer(feeds)
    return feeds["h"]


Feeds = dict[str, NDArray[Any]]


def _first_feeds(ids: NDArray[np.int32]) -> Feeds:
    positions = np.arange(len(ids), dtype=np.float32)
    return {"ids": ids.astype(np.int32), "positions": positions}


def _layers(bundle: Bundle) -> Iterator[Callable[[Feeds], None]]:
    """Segment and mixer of each layer; called, it replaces h and y in what it is given."""
    kernels, mixers = load_kernels("numpy"), load_mixers(bundle)

    for i in range(len(mixers) + 1):
        segment = Segment(bundle.file(f"segment.{i}.onnx"))
        mixer = mixers[i] if i < len(mixers) else None

        def run(feeds: Feeds, segment: Segment = segment, mixer: Mixer | None = mixer) -> None:
            outputs = segment.run({name: feeds[name] for name in segment.inputs})
            made = dict(zip(segment.outputs, outputs, strict=True))
            feeds["h"] = made.pop("present_h")
            if "embedded" in made:
                feeds["embedded"] = made.pop("embedded")
            if mixer is not None:
                length = len(feeds["ids"])
                buffers = mixer.buffers(length) | made
                feeds["y"] = np.empty((length, mixer.width), np.float32)
                mixer.run(kernels, buffers, length, mixer.alloc(Asked()), feeds["y"])

        yield run


def text_loss(head: LogitsHead, bundle: Bundle, got: Array, wanted: Array) -> dict[str, Any]:
    """Mean KL divergence from the float32 logits, and how often the likeliest token is the same."""
    graph = Segment(bundle.file("logits.onnx"))
    starts = range(0, len(got), ROWS)
    pairs = (
        (graph.run({"h": got[i : i + ROWS]})[0], logits(head, wanted[i : i + ROWS])) for i in starts
    )
    return _loss(pairs, len(got))


def writing_loss(spec: ModelSpec, bundle: Bundle, text: NDArray[np.int32]) -> dict[str, Any]:
    """The same of the weights that write, which have no graphs: by the kernels that will run."""
    if not isinstance(spec.head, LogitsHead):
        raise ValidationError("a reader writes nothing")
    stream, head = Model(bundle).stream(), spec.head
    wanted = last(residuals(spec, text))
    pairs = (
        (stream.probe(text[i : i + ROWS]), logits(head, wanted[i : i + ROWS]))
        for i in range(0, len(text), ROWS)
    )
    return _loss(pairs, len(text))


def _loss(pairs: Iterable[tuple[Array, Array]], tokens: int) -> dict[str, Any]:
    divergence, same = 0.0, 0
    for got, wanted in pairs:
        ours, theirs = _log_softmax(got), _log_softmax(wanted)
        divergence += float((np.exp(theirs) * (theirs - ours)).sum())
        same += int((theirs.argmax(-1) == ours.argmax(-1)).sum())
    return {
        "tokens": tokens,
        "mean_kl": round(divergence / tokens, 6),
        "top1_agreement": round(same / tokens, 4),
    }


def _log_softmax(x: Array) -> NDArray[np.float64]:
    shifted = x.astype(np.float64) - x.max(-1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return result


def _check_interface(path: Path, hidden: int) -> None:
    graph = onnx.load(path, load_external_data=False).graph
    outputs = {o.name: o for o in graph.output}
    if "present_h" not in outputs:
        raise ValidationError(f"{path.name} has outputs {sorted(outputs)}, expected present_h")
    shape = [d.dim_value or d.dim_param for d in outputs["present_h"].type.tensor_type.shape.dim]
    if shape != ["T", hidden]:
        raise ValidationError(f"{path.name}: present_h has shape {shape}, expected ['T', {hidden}]")


def _compare(
    spec: ModelSpec, bundle: Bundle, ids: NDArray[np.int32], precisions: Precisions
) -> dict[str, Any]:
    """Run freely, and with each layer given the reference's residuals: the latter must be near.

    Errors of single layers do not grow with depth, as those of a free run do on random weights.
    """
    usual = max(TOLERANCE[precisions.body.kind], TOLERANCE[precisions.embedding.kind])
    stages = residuals(spec, ids)
    free, forced, worst = _first_feeds(ids), _first_feeds(ids), 0.0
    for i, (layer, wanted) in enumerate(zip(_layers(bundle), stages, strict=True)):
        layer(free)
        layer(forced)
        error = _error(forced["h"], wanted)
        mixture = i > 0 and isinstance(spec.layers[i - 1].mlp, Experts)
        limit = usual * (OTHER_EXPERTS if mixture else 1)
        if not error <= limit:
            raise ValidationError(
                f"segment {i} of the {precisions.name} bundle is off by {error:.3g} standard "
                f"deviations of the float32 residuals, over {limit}"
            )
        worst = max(worst, error)
        forced["h"] = wanted
    got = free["h"]
    cosine = (got * wanted).sum(-1) / np.linalg.norm(got, axis=-1) / np.linalg.norm(wanted, axis=-1)
    return {
        "against": f"float32 reference, {len(ids)} random tokens",
        "layer_error": round(worst, 7),
        "residual_error": round(_error(got, wanted), 7),
        "mean_cosine": round(float(cosine.mean()), 7),
    }


def _error(got: Array, wanted: Array) -> float:
    if got.shape != wanted.shape:
        raise ValidationError(f"residuals have shape {got.shape}, expected {wanted.shape}")
    return float(np.sqrt(np.square(got - wanted).mean()) / wanted.std())
