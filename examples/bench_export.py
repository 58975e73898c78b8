"""Time and memory of an export: `python examples/bench_export.py granite-350m --weights int8 int4`.

Writes a random bfloat16 checkpoint of a published model's shape, exports it in a fresh process for
each precision, and prints seconds and peak memory. Needs a few gigabytes of disk for a while.
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

GRANITE: dict[str, Any] = {
    "model_type": "granitemoehybrid", "vocab_size": 100352, "num_local_experts": 0,
    "num_key_value_heads": 4, "num_attention_heads": 12, "embedding_multiplier": 12.0,
    "residual_multiplier": 0.246, "attention_multiplier": 0.015625, "logits_scaling": 3.0,
    "position_embedding_type": "nope", "mamba_n_groups": 1, "mamba_d_conv": 4,
    "mamba_n_heads": 48, "mamba_d_state": 128, "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
}  # fmt: skip
SHAPES: dict[str, dict[str, Any]] = {
    "granite-350m": GRANITE | {
        "hidden_size": 768, "shared_intermediate_size": 2048, "mamba_d_head": 32,
        "num_hidden_layers": 32, "attending": (10, 13, 17, 27),
    },
    "granite-1b": GRANITE | {
        "hidden_size": 1536, "shared_intermediate_size": 4096, "mamba_d_head": 64,
        "num_hidden_layers": 40, "attending": (5, 15, 25, 35),
    },
}  # fmt: skip
#: Runs in the process that is measured.
EXPORT = """
import sys, time
from pathlib import Path
from edgehybrid.memory import peak_rss_bytes
from edgehybrid_export import export
began = time.monotonic()
manifest = export(Path(sys.argv[1]), Path(sys.argv[2]), weights=sys.argv[3])
size = sum(f["bytes"] for f in manifest["files"].values())
peak = (peak_rss_bytes() or 0) / 1e6
print(f"| {sys.argv[3]} | {time.monotonic() - began:.1f} s | {peak:.0f} MB | {size / 1e6:.0f} MB |")
"""


def tensors(c: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes, as transformers stores this family."""
    hidden, inner = c["hidden_size"], c["mamba_n_heads"] * c["mamba_d_head"]
    mlp, conv = c["shared_intermediate_size"], inner + 2 * c["mamba_d_state"]
    keys = hidden // c["num_attention_heads"] * c["num_key_value_heads"]
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
            continue
        yield f"{prefix}.mamba.in_proj.weight", (inner + conv + c["mamba_n_heads"], hidden)
        yield f"{prefix}.mamba.conv1d.weight", (conv, 1, c["mamba_d_conv"])
        yield f"{prefix}.mamba.conv1d.bias", (conv,)
        for name in ("A_log", "D", "dt_bias"):
            yield f"{prefix}.mamba.{name}", (c["mamba_n_heads"],)
        yield f"{prefix}.mamba.norm.weight", (inner,)
        yield f"{prefix}.mamba.out_proj.weight", (hidden, inner)


def write_checkpoint(c: dict[str, Any], folder: Path) -> None:
    """Random weights in bfloat16, config and a byte tokenizer."""
    random, header, offset = np.random.default_rng(0), {}, 0
    for name, shape in tensors(c):
        end = offset + 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, shape in tensors(c):
            values = random.standard_normal(shape, dtype=np.float32) * np.float32(shape[-1] ** -0.5)
            file.write((values.view(np.uint32) >> 16).astype(np.uint16).tobytes())
    kinds = ["attention" if i in c["attending"] else "mamba" for i in range(c["num_hidden_layers"])]
    config = {k: v for k, v in c.items() if k != "attending"} | {"layer_types": kinds}
    (folder / "config.json").write_text(json.dumps(config))
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--weights", nargs="+", default=["int8", "int4"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / args.shape
        source.mkdir()
        write_checkpoint(SHAPES[args.shape], source)
        print("| weights | time | peak memory | bundle |\n|---|---|---|---|", flush=True)
        for weights in args.weights:
            out = Path(name) / weights
            command = [sys.executable, "-c", EXPORT, str(source), str(out), weights]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
