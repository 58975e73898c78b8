"""Small random checkpoints, as training would leave them, without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from edgehybrid.documents.encoding import END_TOKENS, OTHER_END
from edgehybrid.documents.features import FEATURE_SIZE

TINY: dict[str, Any] = {
    "architectures": ["EdgeHybridReader"],
    "model_type": "edgehybrid",
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 48,
    "layer_types": ["mamba", "attention", "mamba"],
    "mamba_n_heads": 2,
    "mamba_head_dim": 16,
    "mamba_d_state": 16,
    "mamba_n_groups": 1,
    "mamba_d_conv": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "router_hidden_size": 16,
    "router_sinks": 2,
    "router_window": 8,
    "router_budget": 6,
    "rms_norm_eps": 1e-5,
    "vector_size": 16,
    "context_size": 8,
    "head_hidden_size": 12,
    "place_size": FEATURE_SIZE,
}


def random_reader(folder: Path, seed: int = 0, **overrides: Any) -> Path:
    """Write config.json, model.safetensors and tokenizer.json of a random reader."""
    config = {**TINY, **overrides}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(_tensors(config, np.random.default_rng(seed)), folder / "model.safetensors")
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def byte_tokenizer() -> Tokenizer:
    """One token a byte, after the end tokens."""
    names = [*END_TOKENS.values(), OTHER_END, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={n: i for i, n in enumerate(names)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _tensors(c: dict[str, Any], random: np.random.Generator) -> dict[str, np.ndarray]:
    def matrix(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) * shape[-1] ** -0.5).astype(np.float32)

    hidden, vector, context = c["hidden_size"], c["vector_size"], c["context_size"]
    features = 2 * vector + 3 * context + c["place_size"] + 1
    tensors = {
        "embed_tokens.weight": random.standard_normal((c["vocab_size"], hidden)).astype("f4"),
        "mean_norm.weight": 1 + 0.1 * matrix(hidden),
        "end_norm.weight": 1 + 0.1 * matrix(hidden),
        "sentence_proj.weight": matrix(vector + context, 2 * hidden),
        "head.hidden.weight": matrix(c["head_hidden_size"], features),
        "head.hidden.bias": matrix(c["head_hidden_size"]),
        "head.out.weight": matrix(1, c["head_hidden_size"]),
        "head.out.bias": matrix(1),
    }
    for i, kind in enumerate(c["layer_types"]):
        own = _mamba(c, matrix, random) if kind == "mamba" else _attention(c, matrix)
        own |= {
            "input_layernorm.weight": 1 + 0.1 * matrix(hidden),
            "post_mixer_layernorm.weight": 1 + 0.1 * matrix(hidden),
            "gate_proj.weight": matrix(c["intermediate_size"], hidden),
            "up_proj.weight": matrix(c["intermediate_size"], hidden),
            "down_proj.weight": matrix(hidden, c["intermediate_size"]),
        }
        tensors |= {f"layers.{i}.{name}": array for name, array in own.items()}
    return tensors


def _mamba(c: dict[str, Any], matrix: Any, random: np.random.Generator) -> dict[str, np.ndarray]:
    heads, inner = c["mamba_n_heads"], c["mamba_n_heads"] * c["mamba_head_dim"]
    conv = inner + 2 * c["mamba_n_groups"] * c["mamba_d_state"]
    return {
        "mixer.in_proj.weight": matrix(inner + conv + heads, c["hidden_size"]),
        "mixer.conv1d.weight": matrix(conv, 1, c["mamba_d_conv"]),
        "mixer.conv1d.bias": matrix(conv),
        "mixer.A_log": np.log(random.uniform(1, 16, heads)).astype(np.float32),
        "mixer.D": 1 + matrix(heads),
        "mixer.dt_bias": random.uniform(-4, 0, heads).astype(np.float32),
        "mixer.norm.weight": 1 + 0.1 * matrix(inner),
        "mixer.out_proj.weight": matrix(c["hidden_size"], inner),
    }


def _attention(c: dict[str, Any], matrix: Any) -> dict[str, np.ndarray]:
    hidden, queries = c["hidden_size"], c["num_attention_heads"] * c["head_dim"]
    keys, router = c["num_key_value_heads"] * c["head_dim"], c["router_hidden_size"]
    return {
        "mixer.q_proj.weight": matrix(queries, hidden),
        "mixer.k_proj.weight": matrix(keys, hidden),
        "mixer.v_proj.weight": matrix(keys, hidden),
        "mixer.o_proj.weight": matrix(hidden, queries),
        "mixer.router_in.weight": matrix(router, hidden),
        "mixer.router_out.weight": matrix(c["num_key_value_heads"], router),
        "mixer.router_out.bias": matrix(c["num_key_value_heads"]),
    }
