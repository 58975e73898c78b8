"""The reader: a small hybrid that reads once, left to right, and scores every sentence.

Token stream -> embedding -> layers of (SSD or routed attention) + gated MLP -> residual stream.
At the end token of each sentence the stream emits a vector made of the mean of the residual
stream over the sentence and of its value at the end token. When the document has ended, a small
head scores each sentence from its vector, its place and the document's final state.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from edgehybrid.documents.features import FEATURE_SIZE
from routing import attention_bias
from ssd import ssd_chunked


@dataclass(frozen=True)
class Config:
    """The fields of `config.json`; names follow Mamba-2's checkpoints where they have one."""

    model_type: str = "edgehybrid"
    name: str = "reader"
    licence: str = "Apache-2.0"
    languages: tuple[str, ...] = ("en",)
    vocab_size: int = 16384
    hidden_size: int = 256
    intermediate_size: int = 512
    layer_types: tuple[str, ...] = ("mamba", "mamba", "attention", "mamba")
    mamba_n_heads: int = 8
    mamba_head_dim: int = 64
    mamba_d_state: int = 64
    mamba_n_groups: int = 1
    mamba_d_conv: int = 4
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    head_dim: int = 64
    router_hidden_size: int = 64
    router_sinks: int = 4
    router_window: int = 64
    router_budget: int = 64
    rms_norm_eps: float = 1e-5
    vector_size: int = 256
    context_size: int = 64
    head_hidden_size: int = 128
    place_size: int = FEATURE_SIZE

    @property
    def d_inner(self) -> int:
        return self.mamba_n_heads * self.mamba_head_dim


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / rms(x) * weight over the last axis, in float32."""
    x = x.float()
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight


class RMSNorm(nn.Module):
    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(size)), eps

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)


class Mamba(nn.Module):
    """Mamba-2 mixer: projection to z, x, B, C, dt; convolution; SSD scan; gated norm."""

    def __init__(self, cfg: Config) -> None:
        super().__init__()
        self.cfg = cfg
        conv_dim = cfg.d_inner + 2 * cfg.mamba_d_state
        self.in_proj = nn.Linear(
            cfg.hidden_size, cfg.d_inner + conv_dim + cfg.mamba_n_heads, bias=False
        )
        self.conv1d = nn.Conv1d(conv_dim, conv_dim, cfg.mamba_d_conv, groups=conv_dim)
        steps = torch.exp(torch.empty(cfg.mamba_n_heads).uniform_(-6.9, -2.3))  # 0.001 to 0.1
        self.dt_bias = nn.Parameter(steps + torch.log(-torch.expm1(-steps)))
        self.A_log = nn.Parameter(torch.empty(cfg.mamba_n_heads).uniform_(1, 16).log())
        self.D = nn.Parameter(torch.ones(cfg.mamba_n_heads))
        self.norm = RMSNorm(cfg.d_inner, cfg.rms_norm_eps)
        self.out_proj = nn.Linear(cfg.d_inner, cfg.hidden_size, bias=False)

    def alloc(self, batch: int) -> tuple[Tensor, Tensor]:
        """Zero convolution state (batch, K-1, channels) and SSD state (batch, H, N, P)."""
        cfg = self.cfg
        conv = torch.zeros(batch, cfg.mamba_d_conv - 1, self.conv1d.in_channels)
        scan = torch.zeros(batch, cfg.mamba_n_heads, cfg.mamba_d_state, cfg.mamba_head_dim)
        return conv, scan

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor], lengths: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        cfg, (conv, scan) = self.cfg, state
        z, xbc, dt = self.in_proj(x).split(
            [cfg.d_inner, cfg.d_inner + 2 * cfg.mamba_d_state, cfg.mamba_n_heads], -1
        )
        joined = torch.cat([conv.to(xbc.dtype), xbc], 1)
        taps = self.conv1d.weight[:, 0].to(xbc.dtype)  # (channels, K)
        length = x.shape[1]
        mixed = self.conv1d.bias.to(xbc.dtype)
        for k in range(cfg.mamba_d_conv):
            mixed = mixed + joined[:, k : k + length] * taps[:, k]
        xs, b, c = F.silu(mixed).split([cfg.d_inner, cfg.mamba_d_state, cfg.mamba_d_state], -1)
        xs = xs.unflatten(-1, (cfg.mamba_n_heads, cfg.mamba_head_dim))
        real = torch.arange(length) < lengths.unsqueeze(1)
        dt = F.softplus(dt.float() + self.dt_bias) * real.unsqueeze(-1)  # padding is no step
        y, scan = ssd_chunked(xs, dt, -self.A_log.exp(), b, c, scan)
        y = (y + xs * self.D.to(xs.dtype).unsqueeze(-1)).flatten(-2)
        tail = (lengths.unsqueeze(1) + torch.arange(conv.shape[1])).unsqueeze(-1)
        conv = joined.gather(1, tail.expand(-1, -1, joined.shape[-1])).float()
        return self.out_proj(self.norm(y * F.silu(z))), (conv, scan)


class RoutedAttention(nn.Module):
    """Grouped-query attention without positions over sinks, window and routed tokens."""

    def __init__(self, cfg: Config) -> None:
        super().__init__()
        self.cfg = cfg
        queries, keys = (
            n * cfg.head_dim for n in (cfg.num_attention_heads, cfg.num_key_value_heads)
        )
        self.q_proj = nn.Linear(cfg.hidden_size, queries, bias=False)
        self.k_proj = nn.Linear(cfg.hidden_size, keys, bias=False)
        self.v_proj = nn.Linear(cfg.hidden_size, keys, bias=False)
        self.o_proj = nn.Linear(queries, cfg.hidden_size, bias=False)
        self.router_in = nn.Linear(cfg.hidden_size, cfg.router_hidden_size, bias=False)
        self.router_out = nn.Linear(cfg.router_hidden_size, cfg.num_key_value_heads)

    def forward(self, x: Tensor, budget: int, noise: float) -> Tensor:
        cfg = self.cfg
        q, k, v = (
            proj(x).unflatten(-1, (-1, cfg.head_dim)).transpose(1, 2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        score = self.router_out(F.silu(self.router_in(x))).transpose(1, 2)  # (b, kv, T)
        bias = attention_bias(
            score, sinks=cfg.router_sinks, window=cfg.router_window, budget=budget, noise=noise
        )
        groups = cfg.num_attention_heads // cfg.num_key_value_heads
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        bias = bias.repeat_interleave(groups, 1).to(q.dtype)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.o_proj(y.transpose(1, 2).flatten(-2))


class Layer(nn.Module):
    def __init__(self, cfg: Config, kind: str) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(cfg.hidden_size, cfg.rms_norm_eps)
        self.mixer = Mamba(cfg) if kind == "mamba" else RoutedAttention(cfg)
        self.post_mixer_layernorm = RMSNorm(cfg.hidden_size, cfg.rms_norm_eps)
        self.gate_proj = nn.Linear(cfg.hidden_size, cfg.intermediate_size, bias=False)
        self.up_proj = nn.Linear(cfg.hidden_size, cfg.intermediate_size, bias=False)
        self.down_proj = nn.Linear(cfg.intermediate_size, cfg.hidden_size, bias=False)

    def mlp(self, h: Tensor) -> Tensor:
        x = self.post_mixer_layernorm(h)
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class SentenceHead(nn.Module):
    """Scores sentences from their vectors, their place and the document's final state."""

    def __init__(self, cfg: Config) -> None:
        super().__init__()
        size = 2 * cfg.vector_size + 3 * cfg.context_size + cfg.place_size + 1
        self.hidden = nn.Linear(size, cfg.head_hidden_size)
        self.out = nn.Linear(cfg.head_hidden_size, 1)
        self.dropout = nn.Dropout(0.2)

    def forward(
        self, vector: Tensor, context: Tensor, place: Tensor, mean: Tensor, last: Tensor
    ) -> Tensor:
        """Scores (n,) of sentences: vector (n, V), context (n, C), place (n, F).

        `mean` (V + C) is the mean over the document, `last` (C) the last context: of one document
        (1, ...), or of each sentence's (n, ...).
        """
        n, size = vector.shape
        product = vector * mean[:, :size]
        document = torch.cat([mean[:, size:], last], -1).expand(n, -1)
        near = product.sum(-1, keepdim=True)
        features = torch.cat([vector * 16, product * 64, context, document, place, near * 4], -1)
        return self.out(self.dropout(F.gelu(self.hidden(features)))).squeeze(-1)


class Reader(nn.Module):
    def __init__(self, cfg: Config) -> None:
        super().__init__()
        self.cfg = cfg
        self.embed_tokens = nn.Embedding(cfg.vocab_size, cfg.hidden_size)
        self.layers = nn.ModuleList(Layer(cfg, kind) for kind in cfg.layer_types)
        self.mean_norm = RMSNorm(cfg.hidden_size, cfg.rms_norm_eps)
        self.end_norm = RMSNorm(cfg.hidden_size, cfg.rms_norm_eps)
        self.sentence_proj = nn.Linear(
            2 * cfg.hidden_size, cfg.vector_size + cfg.context_size, bias=False
        )
        self.head = SentenceHead(cfg)
        self.apply(self._init)

    def _init(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
        elif isinstance(module, Layer):  # each branch starts as the identity
            nn.init.zeros_(module.down_proj.weight)
        elif isinstance(module, Mamba):
            nn.init.zeros_(module.out_proj.weight)
        elif isinstance(module, RoutedAttention):
            nn.init.zeros_(module.o_proj.weight)
            nn.init.constant_(module.router_out.bias, 3.0)  # all tokens start as worth keeping

    def alloc(self, batch: int) -> list[tuple[Tensor, Tensor] | None]:
        """One zero state a layer; attention layers start each row with an empty cache."""
        return [
            layer.mixer.alloc(batch) if isinstance(layer.mixer, Mamba) else None
            for layer in self.layers
        ]

    def forward(
        self,
        ids: Tensor,
        states: list[tuple[Tensor, Tensor] | None],
        lengths: Tensor | None = None,
        budget: int | None = None,
        noise: float = 0.0,
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor] | None]]:
        """Residual stream (batch, T, hidden) after the last layer, and the new states.

        Rows may be padded on the right: `lengths` (batch,) says how many ids of each are real,
        and the states are those after the last real one.
        """
        budget = self.cfg.router_budget if budget is None else budget
        lengths = torch.full((len(ids),), ids.shape[1]) if lengths is None else lengths
        h, after = self.embed_tokens(ids), []
        for layer, state in zip(self.layers, states, strict=True):
            x = layer.input_layernorm(h)
            if state is None:
                y, new = layer.mixer(x, budget, noise), None
            else:
                y, new = layer.mixer(x, state, lengths)
            h = h + y
            h = h + layer.mlp(h)
            after.append(new)
        return h.float(), after

    def sentence_vectors(self, means: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors (n, V) and contexts (n, C) from (n, hidden) means and end values."""
        joined = torch.cat([self.mean_norm(means), self.end_norm(ends)], -1)
        vector, context = (
            self.sentence_proj(joined)
            .float()
            .split([self.cfg.vector_size, self.cfg.context_size], -1)
        )
        return F.normalize(vector, dim=-1, eps=1e-6), torch.tanh(context)

    def save(self, folder: Path) -> None:
        """Write `config.json` and, in half precision, `model.safetensors`."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"architectures": ["EdgeHybridReader"], **asdict(self.cfg)}, indent=2)
        (folder / "config.json").write_text(text + "\n")
        tensors = {name: t.detach().half().contiguous() for name, t in self.state_dict().items()}
        save_file(tensors, folder / "model.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Reader:
        """Read what `save` wrote."""
        fields = json.loads((folder / "config.json").read_text())
        fields.pop("architectures")
        fields["layer_types"] = tuple(fields["layer_types"])
        model = cls(Config(**fields))
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return model.eval()
