"""`dense.json`: what the segments compute, in the words of the kernels, where these can do it all.

Weights are named by their place in weights.bin, norms and other small arrays by their name in
mixers.safetensors. A model with a part that kernels do not know (experts, adapters, a product
that is not quantised …) has no such file, and its segments are run by ONNX Runtime.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnx import external_data_helper as external

from edgehybrid_export.linear import stored_key
from edgehybrid_export.mixer_spec import (
    AttentionMixer,
    DeltaMixer,
    Linear,
    Norm,
    OneMixer,
    RgLruMixer,
    Router,
    SelectiveMixer,
)
from edgehybrid_export.precision import Precision, Precisions
from edgehybrid_export.quantise import int4_rows, int8_rows
from edgehybrid_export.spec import Layer, LogitsHead, Mlp, ModelSpec
from edgehybrid_export.store import WeightStore
from edgehybrid_export.weights import Weight

Tensors = dict[str, NDArray[np.float32]]
ACTS = ("silu", "gelu_tanh", "relu2")
KINDS = ("int8", "int4")


def describe_dense(
    spec: ModelSpec, precisions: Precisions, store: WeightStore, prefix: str = "dense"
) -> tuple[dict[str, Any], Tensors] | None:
    """The description and the small arrays it names; None if kernels cannot do it all.

    Weights that the store does not have yet are quantised and written to it.
    """
    quantised = precisions.body.kind in KINDS and precisions.embedding.kind in KINDS
    if not quantised or not all(_is_known(layer) for layer in spec.layers):
        return None
    writer = _Writer(store, {}, prefix)
    described = {
        "embedding": writer.matrix(spec.embedding, precisions.embedding, "embedding")
        | {"multiplier": float(spec.embedding_multiplier)},
        "layers": [writer.layer(i, layer, precisions.body) for i, layer in enumerate(spec.layers)],
    }
    if isinstance(spec.head, LogitsHead):
        if precisions.head.kind not in KINDS:
            return None
        described["head"] = {
            "norm": writer.norm("head.norm", spec.head.norm),
            "project": writer.linear("head", spec.head.project, precisions.head, "head"),
            "scale": float(spec.head.scale),
            "softcap": spec.head.softcap,
        }
    return described, writer.tensors


def _is_known(layer: Layer) -> bool:
    if layer.joined or layer.aside is not None:
        return False
    mlp = layer.mlp
    if mlp is not None and not (isinstance(mlp, Mlp) and mlp.act in ACTS):
        return False
    linears = [linear for mixer in layer.mixers for linear in _products(mixer)]
    linears += [mlp.gate_up, mlp.down] if isinstance(mlp, Mlp) else []
    return all(map(_has_kernel, layer.mixers)) and all(x.adapter is None for x in linears)


def _products(mixer: OneMixer) -> list[Linear]:
    return [mixer.qkv if isinstance(mixer, AttentionMixer) else mixer.in_proj, mixer.out_proj]


def _has_kernel(mixer: OneMixer) -> bool:
    if isinstance(mixer, (SelectiveMixer, RgLruMixer)):
        return False
    if isinstance(mixer, DeltaMixer):
        return mixer.widen is None
    return not (isinstance(mixer, AttentionMixer) and mixer.latent is not None)


class _Writer:
    def __init__(self, store: WeightStore, tensors: Tensors, prefix: str) -> None:
        self._store, self.tensors, self._prefix = store, tensors, prefix

    def array(self, name: str, array: NDArray[Any] | None) -> str | None:
        """Keep a small array under a name of its own."""
        if array is None:
            return None
        self.tensors[f"{self._prefix}.{name}"] = np.ascontiguousarray(array, np.float32)
        return f"{self._prefix}.{name}"

    def norm(self, name: str, norm: Norm | None) -> dict[str, Any] | None:
        return None if norm is None else {"weight": self.array(name, norm.weight), "eps": norm.eps}

    def matrix(self, weight: Weight, precision: Precision, name: str) -> dict[str, Any]:
        """Where a quantised matrix lies."""
        make = int8_rows if precision.kind == "int8" else partial(int4_rows, precision=precision)
        part = name if name in ("embedding", "head.head") else "body"
        tensors = self._store.put(
            stored_key(weight, precision), part.partition(".")[0], lambda: make(weight)
        )
        parts = dict(zip(("weight", "scale", "zero"), tensors, strict=False))
        return {
            "kind": precision.kind,
            "block": precision.block,
            "outputs": weight.outputs,
            "inputs": weight.inputs,
            **{part: self._place(tensor, f"{name}.{part}") for part, tensor in parts.items()},
        }

    def _place(self, tensor: TensorProto, name: str) -> int | str:
        if external.uses_external_data(tensor):
            return int(external.ExternalDataInfo(tensor).offset or 0)
        array = numpy_helper.to_array(tensor)
        self.tensors[f"{self._prefix}.{name}"] = array  # too small for weights.bin, of any type
        return f"{self._prefix}.{name}"

    def linear(self, name: str, linear: Linear, precision: Precision, part: str) -> dict[str, Any]:
        described = self.matrix(linear.weight, precision, f"{name}.{part}")
        return described | {"bias": self.array(f"{name}.{part}.bias", linear.bias)}

    def layer(self, i: int, layer: Layer, precision: Precision) -> dict[str, Any]:
        name = f"layers.{i}"
        norms = ("norm", "post_norm", "mlp_norm", "mlp_post_norm")
        described: dict[str, Any] = {
            which: self.norm(f"{name}.{which}", getattr(layer, which)) for which in norms
        }
        described["mixers"] = [
            self.mixer(f"{name}.{part}", mixer, precision)
            for part, mixer in enumerate(layer.mixers)
        ]
        mlp = layer.mlp
        described["mlp"] = None
        if isinstance(mlp, Mlp):
            described["mlp"] = {
                "gate_up": self.linear(name, mlp.gate_up, precision, "gate_up"),
                "down": self.linear(name, mlp.down, precision, "down"),
                "gated": mlp.gated,
                "act": mlp.act,
            }
        return described

    def mixer(self, name: str, mixer: OneMixer, precision: Precision) -> dict[str, Any]:
        into, out = _products(mixer)
        described: dict[str, Any] = {
            "in": self.linear(name, into, precision, "in"),
            "out": self.linear(name, out, precision, "out"),
        }
        if isinstance(mixer, AttentionMixer):
            described["q_norm"] = self.norm(f"{name}.q_norm", mixer.q_norm)
            described["k_norm"] = self.norm(f"{name}.k_norm", mixer.k_norm)
            described["rotary"] = mixer.rotary and {
                "inv_freq": self.array(f"{name}.inv_freq", mixer.rotary.inv_freq),
                "factor": float(mixer.rotary.factor),
            }
            described["router"] = mixer.router and self.router(name, mixer.router)
        if isinstance(mixer, DeltaMixer):
            described["a_rate"] = self.array(f"{name}.a_rate", mixer.a_rate)
            described["dt_bias"] = self.array(f"{name}.dt_bias", mixer.dt_bias)
            described["correction"] = float(mixer.correction)
        return described

    def router(self, name: str, router: Router) -> dict[str, Any]:
        """Small and in float32: columns (in, out), as the segments have them."""
        return {
            part: {
                "weight": self.array(f"{name}.{part}", linear.weight.array().T),
                "bias": self.array(f"{name}.{part}.bias", linear.bias),
            }
            for part, linear in (("hidden", router.hidden), ("scores", router.out))
        }
