"""The dense `granitemoehybrid` of transformers, written for training: the scan in matrix form.

Modules are named as transformers names them, so that the state dict is the checkpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import GenerationConfig, GraniteMoeHybridConfig, PreTrainedTokenizerFast

from corpus import END
from ssd import ssd_chunked


def writer_config(**fields: Any) -> GraniteMoeHybridConfig:
    """Four Mamba-2 and two attention layers, 5.7 M parameters; `fields` replace any of it."""
    mixers = ["linear_attention", "linear_attention", "full_attention"] * 2
    usual: dict[str, Any] = {
        "vocab_size": 8192, "hidden_size": 256, "shared_intermediate_size": 512,
        "layer_types": mixers, "num_attention_heads": 8, "num_key_value_heads": 2,
        "position_embedding_type": "nope", "num_local_experts": 0, "num_experts_per_tok": 0,
        "mamba_n_heads": 8, "mamba_d_head": 32, "mamba_expand": 1, "mamba_d_state": 32,
        "mamba_n_groups": 1, "mamba_chunk_size": 64, "rms_norm_eps": 1e-5,
        "embedding_multiplier": 12.0, "attention_multiplier": 0.18, "residual_multiplier": 0.6,
        "logits_scaling": 2.0, "tie_word_embeddings": True, "max_position_embeddings": 4096,
        "bos_token_id": None, "eos_token_id": 0, "pad_token_id": None, "dtype": "float32",
        "architectures": ["GraniteMoeHybridForCausalLM"],
    }  # fmt: skip
    merged = usual | fields
    return GraniteMoeHybridConfig(**merged, num_hidden_layers=len(merged["layer_types"]))


class Mamba(nn.Module):
    """Mamba-2 mixer: projection to z, x, B, C, dt; convolution; SSD scan; gated norm."""

    def __init__(self, cfg: GraniteMoeHybridConfig) -> None:
        super().__init__()
        self.heads, self.head_dim, self.state = (
            cfg.mamba_n_heads, cfg.mamba_d_head, cfg.mamba_d_state
        )  # fmt: skip
        self.inner = self.heads * self.head_dim
        conv = self.inner + 2 * self.state
        self.in_proj = nn.Linear(cfg.hidden_size, self.inner + conv + self.heads, bias=False)
        self.conv1d = nn.Conv1d(conv, conv, cfg.mamba_d_conv, groups=conv)
        steps = torch.exp(torch.empty(self.heads).uniform_(-6.9, -2.3))  # 0.001 to 0.1
        self.dt_bias = nn.Parameter(steps + torch.log(-torch.expm1(-steps)))
        self.A_log = nn.Parameter(torch.empty(self.heads).uniform_(1, 16).log())
        self.D = nn.Parameter(torch.ones(self.heads))
        self.norm = nn.RMSNorm(self.inner, cfg.rms_norm_eps)
        self.out_proj = nn.Linear(self.inner, cfg.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        z, xbc, dt = self.in_proj(x).split(
            [self.inner, self.inner + 2 * self.state, self.heads], -1
        )
        taps = self.conv1d.weight[:, 0].to(xbc.dtype)  # (channels, K)
        length, reach = x.shape[1], taps.shape[1] - 1
        before, mixed = F.pad(xbc, (0, 0, reach, 0)), self.conv1d.bias.to(xbc.dtype)
        for k in range(reach + 1):
            mixed = mixed + before[:, k : k + length] * taps[:, k]
        xs, b, c = F.silu(mixed).split([self.inner, self.state, self.state], -1)
        xs = xs.unflatten(-1, (self.heads, self.head_dim))
        dt = F.softplus(dt.float() + self.dt_bias)
        start = dt.new_zeros(len(x), self.heads, self.state, self.head_dim)
        y, _ = ssd_chunked(xs, dt, -self.A_log.exp(), b, c, start)
        y = (y + xs * self.D.to(xs.dtype).unsqueeze(-1)).flatten(-2)
        return self.out_proj(self.norm(y.float() * F.silu(z.float())))


class Attention(nn.Module):
    """Causal grouped-query attention without positions."""

    def __init__(self, cfg: GraniteMoeHybridConfig) -> None:
        super().__init__()
        self.size, self.scale = cfg.hidden_size // cfg.num_attention_heads, cfg.attention_multiplier
        keys = cfg.num_key_value_heads * self.size
        self.q_proj = nn.Linear(cfg.hidden_size, cfg.hidden_size, bias=False)
        self.k_proj = nn.Linear(cfg.hidden_size, keys, bias=False)
        self.v_proj = nn.Linear(cfg.hidden_size, keys, bias=False)
        self.o_proj = nn.Linear(cfg.hidden_size, cfg.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            proj(x).unflatten(-1, (-1, self.size)).transpose(1, 2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], 1) for t in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.scale)
        return self.o_proj(y.transpose(1, 2).flatten(-2))


class SharedMlp(nn.Module):
    def __init__(self, cfg: GraniteMoeHybridConfig) -> None:
        super().__init__()
        self.input_linear = nn.Linear(cfg.hidden_size, 2 * cfg.shared_intermediate_size, bias=False)
        self.output_linear = nn.Linear(cfg.shared_intermediate_size, cfg.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.input_linear(x).chunk(2, -1)
        return self.output_linear(F.silu(gate) * up)


class Layer(nn.Module):
    def __init__(self, cfg: GraniteMoeHybridConfig, kind: str) -> None:
        super().__init__()
        self.mixer_name = "mamba" if kind == "linear_attention" else "self_attn"
        self.add_module(
            self.mixer_name, Mamba(cfg) if self.mixer_name == "mamba" else Attention(cfg)
        )
        self.times = cfg.residual_multiplier
        self.input_layernorm = nn.RMSNorm(cfg.hidden_size, cfg.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(cfg.hidden_size, cfg.rms_norm_eps)
        self.shared_mlp = SharedMlp(cfg)

    def forward(self, h: Tensor) -> Tensor:
        h = h + getattr(self, self.mixer_name)(self.input_layernorm(h)) * self.times
        return h + self.shared_mlp(self.post_attention_layernorm(h)) * self.times


class Writer(nn.Module):
    def __init__(self, cfg: GraniteMoeHybridConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.model = nn.ModuleDict(
            {
                "embed_tokens": nn.Embedding(cfg.vocab_size, cfg.hidden_size),
                "layers": nn.ModuleList(Layer(cfg, kind) for kind in cfg.layer_types),
                "norm": nn.RMSNorm(cfg.hidden_size, cfg.rms_norm_eps),
            }
        )
        self.apply(self._init)

    def _init(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        elif isinstance(module, SharedMlp):  # each branch starts as the identity
            nn.init.zeros_(module.output_linear.weight)
        elif isinstance(module, (Mamba, Attention)):
            out = module.out_proj if isinstance(module, Mamba) else module.o_proj
            nn.init.zeros_(out.weight)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (batch, T, vocab) of the token after each of ids (batch, T)."""
        h = self.model["embed_tokens"](ids) * self.cfg.embedding_multiplier
        for layer in self.model["layers"]:
            h = layer(h)
        h = self.model["norm"](h)
        return F.linear(h, self.model["embed_tokens"].weight) / self.cfg.logits_scaling

    def save(self, folder: Path, tokenizer: Tokenizer) -> None:
        """Write a checkpoint folder as transformers would, in float32."""
        folder.mkdir(parents=True, exist_ok=True)
        self.cfg.save_pretrained(folder)
        GenerationConfig(eos_token_id=self.cfg.eos_token_id).save_pretrained(folder)
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END).save_pretrained(folder)
        tensors = {name: t.detach().contiguous() for name, t in self.state_dict().items()}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    @classmethod
    def load(cls, folder: Path) -> Writer:
        """Read what `save` wrote."""
        model = cls(GraniteMoeHybridConfig.from_pretrained(folder))
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return model.eval()
