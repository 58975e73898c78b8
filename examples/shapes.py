"""Random checkpoints in bfloat16 of published models' shapes, for measurements of speed and memory.

python examples/shapes.py granite-350m FOLDER
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

Config = dict[str, Any]
Shapes = Iterator[tuple[str, tuple[int, ...]]]

GRANITE: Config = {
    "model_type": "granitemoehybrid", "vocab_size": 100352, "num_local_experts": 0,
    "num_key_value_heads": 4, "num_attention_heads": 12, "embedding_multiplier": 12.0,
    "residual_multiplier": 0.246, "attention_multiplier": 0.015625, "logits_scaling": 3.0,
    "position_embedding_type": "nope", "mamba_n_groups": 1, "mamba_d_conv": 4,
    "mamba_n_heads": 48, "mamba_d_state": 128, "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
}  # fmt: skip
SHAPES: dict[str, Config] = {
    "granite-350m": GRANITE | {
        "hidden_size": 768, "shared_intermediate_size": 2048, "mamba_d_head": 32,
        "num_hidden_layers": 32, "attending": (10, 13, 17, 27),
    },
    "granite-1b": GRANITE | {
        "hidden_size": 1536, "shared_intermediate_size": 4096, "mamba_d_head": 64,
        "num_hidden_layers": 40, "attending": (5, 15, 25, 35),
    },
    "falcon-h1-0.5b": {
        "model_type": "falcon_h1", "vocab_size": 32784, "hidden_size": 1024,
        "intermediate_size": 2048, "num_hidden_layers": 36, "num_attention_heads": 8,
        "num_key_value_heads": 2, "head_dim": 64, "mamba_d_ssm": 1536, "mamba_n_heads": 24,
        "mamba_d_head": 64, "mamba_d_state": 128, "mamba_n_groups": 1, "mamba_d_conv": 4,
        "mamba_rms_norm": False, "rope_theta": 1e11, "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
    },
}  # fmt: skip


def tensors(config: Config) -> Shapes:
    """Names and shapes of all weights, as transformers stores the family."""
    return _FAMILIES[config["model_type"]](config)


def _granite(c: Config) -> Shapes:
    hidden, inner = c["hidden_size"], c["mamba_n_heads"] * c["mamba_d_head"]
    mlp, keys = c["shared_intermediate_size"], _keys(c, c["hidden_size"] // 12)
    yield "model.embed_tokens.weight", (c["vocab_size"], hidden)
    yield "model.norm.weight", (hidden,)
    for i in range(c["num_hidden_layers"]):
        prefix = f"model.layers.{i}"
        yield f"{prefix}.input_layernorm.weight", (hidden,)
        yield f"{prefix}.post_attention_layernorm.weight", (hidden,)
        yield f"{prefix}.shared_mlp.input_linear.weight", (2 * mlp, hidden)
        yield f"{prefix}.shared_mlp.output_linear.weight", (hidden, mlp)
        if i in c["attending"]:
            for part, size in zip("qkvo", (hidden, keys, keys, hidden), strict=True):
                yield f"{prefix}.self_attn.{part}_proj.weight", (size, hidden)
        else:
            yield from _mamba(c, f"{prefix}.mamba", inner)
            yield f"{prefix}.mamba.norm.weight", (inner,)


def _falcon(c: Config) -> Shapes:
    hidden, mlp, head = c["hidden_size"], c["intermediate_size"], c["head_dim"]
    queries, keys = c["num_attention_heads"] * head, _keys(c, head)
    for name in ("model.embed_tokens", "lm_head"):
        yield f"{name}.weight", (c["vocab_size"], hidden)
    yield "model.final_layernorm.weight", (hidden,)
    for i in range(c["num_hidden_layers"]):
        prefix = f"model.layers.{i}"
        yield f"{prefix}.input_layernorm.weight", (hidden,)
        yield f"{prefix}.pre_ff_layernorm.weight", (hidden,)
        for part, size in (("gate", (mlp, hidden)), ("up", (mlp, hidden)), ("down", (hidden, mlp))):
            yield f"{prefix}.feed_forward.{part}_proj.weight", size
        for part, size in zip("qkv", (queries, keys, keys), strict=True):
            yield f"{prefix}.self_attn.{part}_proj.weight", (size, hidden)
        yield f"{prefix}.self_attn.o_proj.weight", (hidden, queries)
        yield from _mamba(c, f"{prefix}.mamba", c["mamba_d_ssm"])


def _keys(c: Config, head: int) -> int:
    return int(c["num_key_value_heads"] * head)


def _mamba(c: Config, prefix: str, inner: int) -> Shapes:
    conv = inner + 2 * c["mamba_d_state"]
    yield f"{prefix}.in_proj.weight", (inner + conv + c["mamba_n_heads"], c["hidden_size"])
    yield f"{prefix}.conv1d.weight", (conv, 1, c["mamba_d_conv"])
    yield f"{prefix}.conv1d.bias", (conv,)
    for name in ("A_log", "D", "dt_bias"):
        yield f"{prefix}.{name}", (c["mamba_n_heads"],)
    yield f"{prefix}.out_proj.weight", (c["hidden_size"], inner)


_FAMILIES: dict[str, Callable[[Config], Shapes]] = {
    "granitemoehybrid": _granite,
    "falcon_h1": _falcon,
}


def write_checkpoint(config: Config, folder: Path) -> None:
    """Random weights, config and a byte tokenizer, into a folder that exists."""
    random, header, offset = np.random.default_rng(0), {}, 0
    for name, shape in tensors(config):
        end = offset + 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors(config):
            values = random.standard_normal(shape, dtype=np.float32) * np.float32(shape[-1] ** -0.5)
            if name.endswith("norm.weight"):
                values += np.float32(1)
            file.write((values.view(np.uint32) >> 16).astype(np.uint16).tobytes())
    said = {name: value for name, value in config.items() if name != "attending"}
    if "attending" in config:
        count = config["num_hidden_layers"]
        kinds = ["attention" if i in config["attending"] else "mamba" for i in range(count)]
        said["layer_types"] = kinds
    (folder / "config.json").write_text(json.dumps(said))
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))


if __name__ == "__main__":
    target = Path(sys.argv[2])
    target.mkdir(parents=True)
    write_checkpoint(SHAPES[sys.argv[1]], target)
