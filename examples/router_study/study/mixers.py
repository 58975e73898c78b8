"""What moves information between positions: SSD, gated delta rule, attention of three kinds."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.routing import routed_bias, window_mask

CHUNK = 64
SINKS, WINDOW = 4, 16
HEADS, HEAD_DIM, STATE, CONV = 4, 32, 16, 4
ATTENTION_HEADS, ATTENTION_DIM, ROUTER_DIM = 2, 48, 32


def _shifted(x: Tensor, conv: nn.Conv1d) -> Tensor:
    """Causal depth-wise convolution of x (B, T, C)."""
    return conv(F.pad(x.transpose(1, 2), (CONV - 1, 0))).transpose(1, 2)


def _chunks(x: Tensor) -> Tensor:
    """(B, T, H, D) to (B, H, n, CHUNK, D)."""
    return x.transpose(1, 2).unflatten(2, (-1, CHUNK))


def _decays(cum: Tensor) -> Tensor:
    """exp(cum_i - cum_j) where j <= i, else 0; cum (..., C)."""
    later = torch.ones(CHUNK, CHUNK, dtype=torch.bool).tril()
    return (cum.unsqueeze(-1) - cum.unsqueeze(-2)).masked_fill(~later, float("-inf")).exp()


class Ssd(nn.Module):
    """Mamba-2 (Dao and Gu 2024, arXiv 2405.21060): projection, convolution, scan, gated norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = HEADS * HEAD_DIM
        self.sizes = [inner, inner + 2 * STATE, HEADS]
        self.into = nn.Linear(width, sum(self.sizes), bias=False)
        self.conv = nn.Conv1d(self.sizes[1], self.sizes[1], CONV, groups=self.sizes[1])
        steps = torch.exp(torch.empty(HEADS).uniform_(-6.9, -2.3))
        self.dt_bias = nn.Parameter(steps + torch.log(-torch.expm1(-steps)))
        self.a_log = nn.Parameter(torch.empty(HEADS).uniform_(1, 16).log())
        self.d = nn.Parameter(torch.ones(HEADS, 1))
        self.norm = nn.RMSNorm(inner, eps=1e-5)
        self.out = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        z, mixed, dt = self.into(x).split(self.sizes, -1)
        xs, b, c = F.silu(_shifted(mixed, self.conv)).split([HEADS * HEAD_DIM, STATE, STATE], -1)
        xs = xs.unflatten(-1, (HEADS, HEAD_DIM))
        dt = F.softplus(dt + self.dt_bias)
        y = ssd(xs * dt.unsqueeze(-1), dt * -self.a_log.exp(), b, c) + xs * self.d
        return self.out(self.norm(y.flatten(-2) * F.silu(z)))


def ssd(x: Tensor, log_decay: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """S_t = exp(log_decay_t) S_{t-1} + b_t x_t^T, y_t = c_t S_t, in chunks (arXiv 2405.21060, 6).

    x (B, T, H, P), log_decay (B, T, H), b and c (B, T, N); T a multiple of CHUNK.
    """
    x = _chunks(x)
    b, c = (t.unflatten(1, (-1, CHUNK)).unsqueeze(1) for t in (b, c))
    cum = log_decay.transpose(1, 2).unflatten(2, (-1, CHUNK)).cumsum(-1)
    y = (c @ b.transpose(-1, -2) * _decays(cum)) @ x
    added = (b * (cum[..., -1:] - cum).exp().unsqueeze(-1)).transpose(-1, -2) @ x
    whole, state, before = cum[..., -1, None, None].exp(), torch.zeros_like(added[:, :, 0]), []
    for i in range(x.shape[2]):
        before.append(state)
        state = state * whole[:, :, i] + added[:, :, i]
    y = y + (c * cum.exp().unsqueeze(-1)) @ torch.stack(before, 2)
    return y.flatten(2, 3).transpose(1, 2)


class GatedDelta(nn.Module):
    """Gated delta rule (Yang et al. 2024, arXiv 2412.06464); its state is as large as Ssd's."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner, keys = HEADS * HEAD_DIM, HEADS * STATE
        self.sizes = [inner, inner + 2 * keys, HEADS, HEADS]
        self.into = nn.Linear(width, sum(self.sizes), bias=False)
        self.conv = nn.Conv1d(self.sizes[1], self.sizes[1], CONV, groups=self.sizes[1])
        steps = torch.exp(torch.empty(HEADS).uniform_(-6.9, -2.3))
        self.dt_bias = nn.Parameter(steps + torch.log(-torch.expm1(-steps)))
        self.a_log = nn.Parameter(torch.empty(HEADS).uniform_(1, 16).log())
        self.norm = nn.RMSNorm(HEAD_DIM, eps=1e-5)
        self.out = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        z, mixed, a, beta = self.into(x).split(self.sizes, -1)
        keys = HEADS * STATE
        q, k, v = F.silu(_shifted(mixed, self.conv)).split([keys, keys, HEADS * HEAD_DIM], -1)
        q, k = (F.normalize(t.unflatten(-1, (HEADS, STATE)), dim=-1) for t in (q, k))
        log_decay = -self.a_log.exp() * F.softplus(a + self.dt_bias)
        y = gated_delta(q, k, v.unflatten(-1, (HEADS, HEAD_DIM)), log_decay, beta.sigmoid())
        return self.out(self.norm(y).flatten(-2) * F.silu(z))


def gated_delta(q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, beta: Tensor) -> Tensor:
    """S_t = a_t S_{t-1} (I - b_t k_t k_t^T) + b_t v_t k_t^T, o_t = S_t q_t, in chunks.

    Inside a chunk the rank-one updates u_t solve (I + L) u = b (v - decayed S k), L strictly lower.
    q, k (B, T, H, K), v (B, T, H, V), log_decay and beta (B, T, H); T a multiple of CHUNK.
    """
    q, k, v = map(_chunks, (q, k, v))
    cum = log_decay.transpose(1, 2).unflatten(2, (-1, CHUNK)).cumsum(-1)
    beta = beta.transpose(1, 2).unflatten(2, (-1, CHUNK)).unsqueeze(-1)
    decays = _decays(cum)
    lower = (beta * (k @ k.transpose(-1, -2)) * decays).tril(-1)
    right = torch.cat([beta * v, beta * cum.exp().unsqueeze(-1) * k], -1)
    solved = torch.linalg.solve_triangular(
        lower + torch.eye(CHUNK), right, upper=False, unitriangular=True
    )
    own, erased = solved.split([v.shape[-1], k.shape[-1]], -1)
    within = q @ k.transpose(-1, -2) * decays
    q, late = q * cum.exp().unsqueeze(-1), k * (cum[..., -1:] - cum).exp().unsqueeze(-1)
    whole, outs = cum[..., -1, None, None].exp(), []
    state = torch.zeros(*k.shape[:2], k.shape[-1], v.shape[-1])
    for i in range(k.shape[2]):
        u = own[:, :, i] - erased[:, :, i] @ state
        outs.append(q[:, :, i] @ state + within[:, :, i] @ u)
        state = state * whole[:, :, i] + late[:, :, i].transpose(-1, -2) @ u
    return torch.stack(outs, 2).flatten(2, 3).transpose(1, 2)


class Attention(nn.Module):
    """Attention without positions: over all tokens, over sinks and a window, or routed."""

    def __init__(self, width: int, kind: str) -> None:
        super().__init__()
        self.kind, inner = kind, ATTENTION_HEADS * ATTENTION_DIM
        self.qkv = nn.Linear(width, 3 * inner, bias=False)
        self.out = nn.Linear(inner, width, bias=False)
        if kind == "routed":
            self.hidden = nn.Linear(width, ROUTER_DIM)
            self.score = nn.Linear(ROUTER_DIM, ATTENTION_HEADS)
            nn.init.constant_(self.score.bias, 3.0)  # every token starts as worth keeping

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """q, k, v (B, H, T, D), and the router's scores (B, H, T)."""
        q, k, v = self.qkv(x).unflatten(-1, (3, ATTENTION_HEADS, -1)).permute(2, 0, 3, 1, 4)
        routed = self.kind == "routed"
        return q, k, v, self.score(F.silu(self.hidden(x))).transpose(1, 2) if routed else None

    def foresight(self, x: Tensor, where: Tensor) -> Tensor:
        """How badly the router foresees which far tokens the answers look at.

        The binary cross entropy between a token's score and the most attention that any query at
        `where` (B, A) would pay it, were all tokens kept: a score is then the log odds of being
        needed, also for tokens that are not kept and so learn nothing from the answers. (HAX,
        arXiv 2507.00449, ranks by attention received.) Only the router learns from it.
        """
        q, k, _, score = self.parts(x.detach())
        with torch.no_grad():
            at = where[:, None, :, None].expand(-1, ATTENTION_HEADS, -1, ATTENTION_DIM)
            logits = torch.take_along_dim(q, at, 2) @ k.transpose(-1, -2) * ATTENTION_DIM**-0.5
            j, i = torch.arange(x.shape[1]), where[:, None, :, None]
            received = logits.masked_fill(j > i, float("-inf")).softmax(-1)
            needed = (received * ((j <= i - WINDOW) & (j >= SINKS))).amax(2)
        return F.binary_cross_entropy_with_logits(score, needed)

    def forward(self, x: Tensor, budget: int, noise: float) -> Tensor:
        q, k, v, score = self.parts(x)
        if score is not None:
            mask = routed_bias(score, SINKS, WINDOW, budget, noise)
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        elif self.kind == "window":
            near = window_mask(x.shape[1], SINKS, WINDOW)
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=near)
        else:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).flatten(-2))
