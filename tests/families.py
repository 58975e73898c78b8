"""Tiny random checkpoints of published families, written by transformers itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from checkpoints import byte_tokenizer

COMMON = {"vocab_size": 300, "hidden_size": 48, "bos_token_id": None, "pad_token_id": None}
COMMON |= {"eos_token_id": 299}
LLAMA = {
    "intermediate_size": 72, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 12,
}  # fmt: skip
MAMBA = {
    "mamba_n_heads": 6, "mamba_d_head": 16, "mamba_d_state": 16, "mamba_n_groups": 1,
    "mamba_d_conv": 4, "mamba_chunk_size": 32,
}  # fmt: skip
GRANITE = {
    "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "shared_intermediate_size": 72, "num_local_experts": 0, "embedding_multiplier": 12.0,
    "residual_multiplier": 0.246, "attention_multiplier": 0.11, "logits_scaling": 3.0,
    "position_embedding_type": "nope", **MAMBA,
    "layer_types": ["linear_attention", "full_attention", "linear_attention"],
}  # fmt: skip
MAMBA2 = {
    "num_hidden_layers": 2, "num_heads": 6, "head_dim": 16, "state_size": 16, "n_groups": 1,
    "conv_kernel": 4, "chunk_size": 32, "expand": 2,
}  # fmt: skip
BAMBA = {
    "intermediate_size": 72, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "attn_layer_indices": [1], **MAMBA,
}  # fmt: skip
FALCON = {
    **{k: v for k, v in LLAMA.items() if k != "num_hidden_layers"}, **MAMBA,
    "num_hidden_layers": 2, "mamba_d_ssm": 96, "key_multiplier": 0.7,
    "attention_out_multiplier": 0.9, "attention_in_multiplier": 1.1,
    "ssm_multipliers": [0.8, 1.2, 0.9, 1.1, 0.7], "ssm_in_multiplier": 1.3,
    "ssm_out_multiplier": 0.6, "mlp_multipliers": [0.8, 1.4], "embedding_multiplier": 5.6,
    "lm_head_multiplier": 0.04, "rope_parameters": {"rope_type": "default", "rope_theta": 1e11},
}  # fmt: skip
NEMOTRON = {
    "intermediate_size": 72, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 12,
    "mamba_num_heads": 6, "mamba_head_dim": 16, "ssm_state_size": 16, "n_groups": 2,
    "conv_kernel": 4, "chunk_size": 32, "time_step_min": 1e-30,
    "layers_block_type": ["linear_attention", "mlp", "full_attention", "mlp", "linear_attention"],
}  # fmt: skip
NEMOTRON_MOE = {
    "n_routed_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 24,
    "moe_shared_expert_intermediate_size": 40, "routed_scaling_factor": 1.7, "n_group": 1,
    "topk_group": 1,
}  # fmt: skip
LFM2 = {
    "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "block_multiple_of": 16, "conv_L_cache": 3,
    "layer_types": ["conv", "full_attention", "conv"],
}  # fmt: skip
QWEN35 = {
    "intermediate_size": 72, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "linear_key_head_dim": 12,
    "linear_value_head_dim": 20, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
    "layer_types": ["linear_attention", "full_attention", "linear_attention"],
}  # fmt: skip
OLMO = {
    "intermediate_size": 72, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "linear_key_head_dim": 12, "linear_value_head_dim": 20,
    "linear_num_key_heads": 2, "linear_num_value_heads": 4,
    "layer_types": ["linear_attention", "full_attention", "linear_attention"],
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
}  # fmt: skip

YARN = {
    "rope_type": "yarn", "rope_theta": 10_000.0, "factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip

MAMBA1 = {
    "num_hidden_layers": 2, "state_size": 16, "conv_kernel": 4, "expand": 2, "time_step_rank": 3,
}  # fmt: skip
JAMBA = {
    "intermediate_size": 72, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "mamba_d_state": 16, "mamba_d_conv": 4, "mamba_expand": 2,
    "mamba_dt_rank": 3, "attn_layer_period": 3, "attn_layer_offset": 1, "num_experts": 1,
    "num_experts_per_tok": 1, "expert_layer_period": 2, "expert_layer_offset": 1,
    "use_mamba_kernels": False,
}  # fmt: skip
GEMMA = {
    "intermediate_size": 144, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 1, "lru_width": 48, "attention_window_size": 40, "conv1d_width": 4,
    "pad_token_id": 0,
}  # fmt: skip

KIMI = {
    "intermediate_size": 72, "num_hidden_layers": 3, "num_attention_heads": 3,
    "num_key_value_heads": 3, "kv_lora_rank": 20, "qk_rope_head_dim": 8, "qk_nope_head_dim": 12,
    "v_head_dim": 16, "linear_head_dim": 16, "linear_num_heads": 3, "moe_intermediate_size": 24,
    "num_local_experts": 8, "num_experts_per_tok": 3, "routed_scaling_factor": 2.4,
    "layer_types": ["linear_attention", "full_attention", "linear_attention"],
    "mlp_layer_types": ["dense", "sparse", "sparse"],
}  # fmt: skip

ZAMBA2 = {
    "intermediate_size": 72, "num_hidden_layers": 4, "num_attention_heads": 4,
    "layers_block_type": ["linear_attention", "hybrid", "linear_attention", "hybrid"],
    "mamba_d_state": 16, "mamba_expand": 2, "n_mamba_heads": 6, "mamba_ngroups": 1,
    "chunk_size": 32, "adapter_rank": 5, "pad_token_id": 0,
}  # fmt: skip

#: family -> the fields of its tiny base and of three awkward configs.
CASES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "llama": (LLAMA, [
        {"attention_bias": True, "mlp_bias": True, "num_key_value_heads": 1},
        {"rope_parameters": LLAMA3, "head_dim": 16, "tie_word_embeddings": True},
        {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4},
         "num_attention_heads": 3, "num_key_value_heads": 3},
        {"rope_parameters": YARN, "head_dim": 32},
        {"rope_parameters": {**YARN, "mscale": 1.5, "mscale_all_dim": 0.7, "truncate": False},
         "head_dim": 24},
    ]),
    "qwen3": (LLAMA, [
        {},
        {"head_dim": 20, "num_key_value_heads": 4, "tie_word_embeddings": True},
        {"attention_bias": True, "num_attention_heads": 5, "num_key_value_heads": 1,
         "num_hidden_layers": 1, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
    ]),
    "granitemoehybrid": (GRANITE, [
        {"mamba_n_groups": 2, "mamba_proj_bias": True},
        {"tie_word_embeddings": True, "position_embedding_type": "rope", "mamba_conv_bias": False},
        {"layer_types": ["full_attention"] * 2 + ["linear_attention"], "num_key_value_heads": 1,
         "attention_bias": True, "time_step_limit": [0.02, 0.09], "mamba_n_heads": 3,
         "mamba_d_head": 32},
        {"num_local_experts": 6, "num_experts_per_tok": 2, "intermediate_size": 24},
        {"num_local_experts": 5, "num_experts_per_tok": 5, "intermediate_size": 40,
         "tie_word_embeddings": True},
    ]),
    "mamba2": (MAMBA2, [
        {"n_groups": 3, "use_bias": True},
        {"num_heads": 3, "head_dim": 32, "time_step_limit": [0.02, 0.09],
         "tie_word_embeddings": True},
        {"use_conv_bias": False, "state_size": 7, "conv_kernel": 3, "n_groups": 2},
    ]),
    "bamba": (BAMBA, [
        {"mamba_n_groups": 2},
        {"attn_layer_indices": [0, 2], "attention_bias": True, "mlp_bias": True,
         "num_key_value_heads": 4, "tie_word_embeddings": True},
        {"time_step_limit": [0.02, 0.09], "mamba_n_heads": 3, "mamba_d_head": 32,
         "mamba_proj_bias": True},
    ]),
    "mamba": (MAMBA1, [
        {},
        {"use_bias": True, "state_size": 5, "tie_word_embeddings": False, "conv_kernel": 3},
        {"use_conv_bias": False, "expand": 3, "time_step_rank": "auto", "num_hidden_layers": 3},
        {"intermediate_size": 80, "time_step_rank": 1},
    ]),
    "falcon_mamba": (MAMBA1, [
        {},
        {"use_bias": True, "state_size": 5, "mixer_rms_eps": 1e-3, "time_step_rank": 7},
        {"use_conv_bias": False, "expand": 3, "tie_word_embeddings": False},
        {"expand": 16, "intermediate_size": 80, "mixer_rms_eps": 1e-2},
    ]),
    "jamba": (JAMBA, [
        {},
        {"num_experts": 4, "num_experts_per_tok": 2, "tie_word_embeddings": True},
        {"mamba_proj_bias": True, "mamba_conv_bias": False, "mamba_d_state": 7,
         "attn_layer_period": 2, "attn_layer_offset": 0, "num_key_value_heads": 1,
         "num_experts": 5, "num_experts_per_tok": 3, "expert_layer_period": 1,
         "expert_layer_offset": 0},
    ]),
    "recurrent_gemma": (GEMMA, [
        {},
        {"lru_width": 40, "num_key_value_heads": 2, "attention_bias": True, "logits_soft_cap": 4.0,
         "block_types": ["attention", "recurrent"], "conv1d_width": 3},
        {"attention_window_size": 300, "num_attention_heads": 3, "num_hidden_layers": 4,
         "tie_word_embeddings": False, "rope_parameters": {"rope_type": "default",
         "rope_theta": 5e4, "partial_rotary_factor": 0.5}},
        {"block_types": ["attention", "recurrent"], "num_hidden_layers": 5,
         "attention_window_size": 1},
        {"lru_width": 60, "num_attention_heads": 3, "num_key_value_heads": 3,
         "attention_window_size": 256},
    ]),
    "falcon_h1": (FALCON, [
        {},
        {"mamba_rms_norm": True, "mamba_norm_before_gate": False, "mamba_n_groups": 2,
         "tie_word_embeddings": True},
        {"mamba_rms_norm": True, "projectors_bias": True, "mlp_bias": True,
         "num_key_value_heads": 1, "mamba_n_heads": 3, "mamba_d_head": 32},
    ]),
    "nemotron_h": (NEMOTRON, [
        {},
        {"layers_block_type": ["linear_attention", "linear_attention", "mlp", "full_attention"],
         "use_conv_bias": False, "num_key_value_heads": 4, "n_groups": 3,
         "time_step_limit": [0.02, 0.09]},
        {"mlp_bias": True, "use_bias": True, "head_dim": 20, "mamba_num_heads": 3,
         "mamba_head_dim": 32, "n_groups": 1, "tie_word_embeddings": True},
        {"layers_block_type": ["linear_attention", "moe", "full_attention", "moe"],
         **NEMOTRON_MOE},
        {"layers_block_type": ["linear_attention", "moe", "full_attention", "mlp"],
         **NEMOTRON_MOE, "n_group": 4, "topk_group": 2, "moe_latent_size": 20,
         "mlp_bias": True, "norm_topk_prob": False},
    ]),
    "qwen3_5_text": (QWEN35, [
        {},
        {"linear_num_key_heads": 3, "linear_num_value_heads": 3, "linear_conv_kernel_dim": 3,
         "tie_word_embeddings": True},
        {"layer_types": ["full_attention", "linear_attention", "full_attention"],
         "num_key_value_heads": 1, "num_attention_heads": 3, "head_dim": 24,
         "linear_num_key_heads": 1, "linear_key_head_dim": 16, "linear_value_head_dim": 8},
    ]),
    "qwen3_next": (QWEN35 | {"num_experts": 5, "num_experts_per_tok": 2,
                             "moe_intermediate_size": 24, "shared_expert_intermediate_size": 40}, [
        {},
        {"layer_types": ["full_attention"] * 3, "mlp_only_layers": [0, 1, 2]},
        {"num_experts": 0, "num_hidden_layers": 1, "layer_types": ["full_attention"]},
        {"linear_num_key_heads": 3, "linear_num_value_heads": 3, "linear_conv_kernel_dim": 3,
         "norm_topk_prob": False, "mlp_only_layers": [1]},
        {"layer_types": ["full_attention", "linear_attention", "full_attention"],
         "num_key_value_heads": 1, "num_attention_heads": 3, "head_dim": 24,
         "decoder_sparse_step": 2, "linear_num_key_heads": 1, "linear_key_head_dim": 16,
         "linear_value_head_dim": 8, "tie_word_embeddings": True},
    ]),
    "kimi_linear": (KIMI, [
        {},
        {"layer_types": ["full_attention"] * 3, "mlp_layer_types": ["dense"] * 3},
        {"n_group": 4, "topk_group": 2, "norm_topk_prob": False, "q_lora_rank": 24,
         "linear_num_heads": 2, "linear_head_dim": 12},
        {"layer_types": ["full_attention", "linear_attention", "full_attention"],
         "mlp_layer_types": ["sparse", "dense", "dense"], "n_shared_experts": 2,
         "num_attention_heads": 2, "num_key_value_heads": 2, "v_head_dim": 24,
         "tie_word_embeddings": True, "linear_conv_kernel_dim": 3},
    ]),
    "zamba2": (ZAMBA2, [
        {},
        {"num_hidden_layers": 1, "layers_block_type": ["linear_attention"],
         "use_mem_rope": True, "use_cache": False},  # its cache wants an attention layer
        {"num_mem_blocks": 2, "use_shared_attention_adapter": True, "use_mem_rope": True,
         "num_hidden_layers": 5,
         "layers_block_type": ["hybrid", "linear_attention"] + ["hybrid"] * 3},
        {"add_bias_linear": True, "mamba_ngroups": 2, "time_step_min": 0.05, "n_mamba_heads": 4,
         "tie_word_embeddings": False, "num_attention_heads": 2},
    ]),
    "olmo_hybrid": (OLMO, [
        {},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}, "attention_bias": True,
         "linear_num_key_heads": 3, "linear_num_value_heads": 3, "num_key_value_heads": 4},
        {"linear_allow_neg_eigval": False, "linear_conv_kernel_dim": 3, "num_key_value_heads": 1,
         "layer_types": ["full_attention", "linear_attention", "full_attention"],
         "linear_num_key_heads": 1, "linear_key_head_dim": 16, "linear_value_head_dim": 8},
    ]),
    "lfm2_moe": (LFM2 | {"moe_intermediate_size": 24, "num_experts": 6, "num_dense_layers": 1,
                         "num_experts_per_tok": 2}, [
        {},
        {"use_expert_bias": False, "norm_topk_prob": False, "routed_scaling_factor": 2.5,
         "num_dense_layers": 0, "conv_bias": True},
        {"layer_types": ["full_attention", "conv", "full_attention"], "num_key_value_heads": 1,
         "num_experts": 3, "num_experts_per_tok": 3, "tie_word_embeddings": False},
    ]),
    "lfm2": (LFM2, [
        {},
        {"conv_bias": True, "conv_L_cache": 4, "block_auto_adjust_ff_dim": False,
         "tie_word_embeddings": False},
        {"layer_types": ["full_attention", "conv", "full_attention"], "num_key_value_heads": 1,
         "block_ffn_dim_multiplier": 1.3},
    ]),
}  # fmt: skip


def random_model(family: str, **fields: Any) -> transformers.PreTrainedModel:
    """A model of `family` whose every weight is random, norms and biases too."""
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(family, **{**COMMON, **CASES[family][0], **fields})
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    for module in model.modules():
        if family == "nemotron_h" and hasattr(module, "time_step_limit"):
            # huggingface/transformers#48989: 5.23 takes time_step_min instead
            module.time_step_limit = tuple(config.time_step_limit)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            _randomise(name.rsplit(".", 1)[-1], name, weight)
        for name, buffer in model.named_buffers():
            if name.endswith(("expert_bias", "correction_bias")):
                buffer.normal_(0, 0.1)
    return model


def _randomise(last: str, name: str, weight: torch.Tensor) -> None:
    if last == "A_log":
        weight.uniform_(0, 2.5)
    elif last == "dt_bias" or name.endswith("dt_proj.bias"):
        weight.uniform_(-4, 0)
    elif last == "recurrent_param":
        weight.uniform_(-7, -1)  # long memories
    elif last == "D" or "norm" in name:
        weight.normal_(1, 0.2)
    elif last == "bias":
        weight.normal_(0, 0.2)
    elif "conv" in name and weight.ndim == 3:
        weight.normal_(0, weight.shape[-1] ** -0.5)
    elif "adapter" in name:  # small beside what they adapt
        weight.normal_(0, 0.5 * weight.shape[-1] ** -0.5)
    elif "embed" in name:
        weight.normal_(0, 0.5)
    else:
        weight.normal_(0, weight.shape[-1] ** -0.5)


def save(model: transformers.PreTrainedModel, folder: Path, **options: Any) -> Path:
    """Write config, safetensors and a tokenizer."""
    model.save_pretrained(folder, **options)
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    return folder
