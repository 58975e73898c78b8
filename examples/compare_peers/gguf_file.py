"""A checkpoint as a GGUF file for llama.cpp, and its quantised forms.

    python gguf_file.py CHECKPOINT OUT.gguf          16-bit
    python gguf_file.py --quantise Q4_0 IN.gguf OUT.gguf

Names, shapes and switches as llama.cpp's own converter writes them (convert_hf_to_gguf.py, classes
GraniteHybridModel and FalconH1Model); the quantised files are made by llama.cpp itself, every
matrix in the same format (`--pure`), which is the fastest and smallest it has.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

Array = NDArray[np.float32]
Config = dict[str, Any]
CONTEXT = 1 << 18


def write_gguf(checkpoint: Path, out: Path) -> None:
    """Matrices as bfloat16, everything else as float32."""
    config = json.loads((checkpoint / "config.json").read_text())
    describe, translate = FAMILIES[config["model_type"]]
    name = {"granitemoehybrid": "granitehybrid", "falcon_h1": "falcon-h1"}[config["model_type"]]
    writer = gguf.GGUFWriter(out, name)
    _describe(writer, config)
    describe(writer, config)
    for tensor, array in translate(config, _reader(checkpoint)):
        is_matrix = array.ndim == 2 and min(array.shape) > 4 and "conv1d" not in tensor
        kind = gguf.GGMLQuantizationType.BF16 if is_matrix else gguf.GGMLQuantizationType.F32
        data = gguf.quants.quantize(np.ascontiguousarray(array), kind)
        writer.add_tensor(tensor, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def quantise(source: Path, out: Path, kind: str) -> None:
    """Let llama.cpp write `source` with all matrices as `kind`, such as Q8_0."""
    import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}")
    params.pure, params.nthread = True, 2
    if llama_cpp.llama_model_quantize(str(source).encode(), str(out).encode(), params):
        raise SystemExit(f"llama.cpp could not write {out}")


def _reader(checkpoint: Path) -> Callable[[str], Array]:
    file = safe_open(checkpoint / "model.safetensors", "pt")

    def read(name: str) -> Array:
        array: Array = file.get_tensor(name).float().numpy()
        return array

    return read


def _describe(writer: Any, c: Config) -> None:
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    writer.add_vocab_size(c["vocab_size"])
    writer.add_tokenizer_model("none")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(c["hidden_size"])
    writer.add_block_count(c["num_hidden_layers"])
    writer.add_head_count(c["num_attention_heads"])
    writer.add_layer_norm_rms_eps(c["rms_norm_eps"])
    writer.add_ssm_conv_kernel(c["mamba_d_conv"])
    writer.add_ssm_state_size(c["mamba_d_state"])
    writer.add_ssm_group_count(c["mamba_n_groups"])
    writer.add_ssm_time_step_rank(c["mamba_n_heads"])
    writer.add_ssm_inner_size(c["mamba_n_heads"] * c["mamba_d_head"])


def _describe_granite(writer: Any, c: Config) -> None:
    kinds = c["layer_types"]
    writer.add_feed_forward_length(c["shared_intermediate_size"])
    keys = c["num_key_value_heads"]
    writer.add_head_count_kv([keys if kind == "attention" else 0 for kind in kinds])
    writer.add_rope_dimension_count(c["hidden_size"] // c["num_attention_heads"])
    writer.add_rope_scaling_finetuned(False)  # how this family says that it has no positions
    writer.add_embedding_scale(c["embedding_multiplier"])
    writer.add_residual_scale(c["residual_multiplier"])
    writer.add_attention_scale(c["attention_multiplier"])
    writer.add_logit_scale(c["logits_scaling"])


def _describe_falcon(writer: Any, c: Config) -> None:
    writer.add_feed_forward_length(c["intermediate_size"])
    writer.add_head_count_kv(c["num_key_value_heads"])
    writer.add_key_length(c["head_dim"])
    writer.add_value_length(c["head_dim"])
    writer.add_rope_freq_base(c["rope_theta"])


def _granite(c: Config, read: Callable[[str], Array]) -> Iterator[tuple[str, Array]]:
    yield "token_embd.weight", read("model.embed_tokens.weight")
    yield "output_norm.weight", read("model.norm.weight")
    for i, kind in enumerate(c["layer_types"]):
        hf, ours = f"model.layers.{i}", f"blk.{i}"
        yield f"{ours}.attn_norm.weight", read(f"{hf}.input_layernorm.weight")
        yield f"{ours}.ffn_norm.weight", read(f"{hf}.post_attention_layernorm.weight")
        gate, up = np.split(read(f"{hf}.shared_mlp.input_linear.weight"), 2)
        yield f"{ours}.ffn_gate.weight", gate
        yield f"{ours}.ffn_up.weight", up
        yield f"{ours}.ffn_down.weight", read(f"{hf}.shared_mlp.output_linear.weight")
        if kind == "attention":
            yield from _attention(hf, ours, read)
        else:
            yield from _mamba(hf, ours, read)
            norm = read(f"{hf}.mamba.norm.weight")
            yield f"{ours}.ssm_norm.weight", norm.reshape(c["mamba_n_groups"], -1)


def _falcon(c: Config, read: Callable[[str], Array]) -> Iterator[tuple[str, Array]]:
    yield "token_embd.weight", read("model.embed_tokens.weight")
    yield "output.weight", read("lm_head.weight")
    yield "output_norm.weight", read("model.final_layernorm.weight")
    for i in range(c["num_hidden_layers"]):
        hf, ours = f"model.layers.{i}", f"blk.{i}"
        yield f"{ours}.attn_norm.weight", read(f"{hf}.input_layernorm.weight")
        yield f"{ours}.ffn_norm", read(f"{hf}.pre_ff_layernorm.weight")  # as llama.cpp looks for it
        for part in ("gate", "up", "down"):
            yield f"{ours}.ffn_{part}.weight", read(f"{hf}.feed_forward.{part}_proj.weight")
        yield from _attention(hf, ours, read)
        yield from _mamba(hf, ours, read)


def _attention(hf: str, ours: str, read: Callable[[str], Array]) -> Iterator[tuple[str, Array]]:
    for part, name in (("q", "q"), ("k", "k"), ("v", "v"), ("o", "output")):
        yield f"{ours}.attn_{name}.weight", read(f"{hf}.self_attn.{part}_proj.weight")


def _mamba(hf: str, ours: str, read: Callable[[str], Array]) -> Iterator[tuple[str, Array]]:
    yield f"{ours}.ssm_in.weight", read(f"{hf}.mamba.in_proj.weight")
    yield f"{ours}.ssm_conv1d.weight", read(f"{hf}.mamba.conv1d.weight")[:, 0]
    yield f"{ours}.ssm_conv1d.bias", read(f"{hf}.mamba.conv1d.bias")
    yield f"{ours}.ssm_dt.bias", read(f"{hf}.mamba.dt_bias")
    yield f"{ours}.ssm_a", -np.exp(read(f"{hf}.mamba.A_log"))[:, None]
    yield f"{ours}.ssm_d", read(f"{hf}.mamba.D")[:, None]
    yield f"{ours}.ssm_out.weight", read(f"{hf}.mamba.out_proj.weight")


FAMILIES: dict[str, tuple[Callable[..., None], Callable[..., Any]]] = {
    "granitemoehybrid": (_describe_granite, _granite),
    "falcon_h1": (_describe_falcon, _falcon),
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--quantise", metavar="KIND")
    args = parser.parse_args()
    if args.quantise:
        quantise(args.source, args.out, args.quantise)
    else:
        write_gguf(args.source, args.out)
