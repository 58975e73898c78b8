"""Two layers: a state space layer, then what is under study."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.mixers import Attention, GatedDelta, Ssd

WIDTH, MLP = 64, 128
#: By name: the mixers of the two layers.
MODELS = {
    "ssd": ("ssd", "ssd"),
    "ssd+window": ("ssd", "window"),
    "ssd+full": ("ssd", "full"),
    "ssd+router": ("ssd", "routed"),
    "delta": ("delta", "delta"),
    "delta+router": ("delta", "routed"),
}
#: Those that are trained on the six tasks; all are trained on MQAR.
SIX = ("ssd", "ssd+window", "ssd+full", "ssd+router")


class Layer(nn.Module):
    """A mixer and a gated MLP, each after a norm and added to the residual stream."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.before, self.between = (nn.RMSNorm(WIDTH, eps=1e-5) for _ in range(2))
        made = {"ssd": Ssd, "delta": GatedDelta}
        self.mixer = made[kind](WIDTH) if kind in made else Attention(WIDTH, kind)
        self.up, self.down = (
            nn.Linear(WIDTH, 2 * MLP, bias=False),
            nn.Linear(MLP, WIDTH, bias=False),
        )

    def forward(self, h: Tensor, budget: int, noise: float) -> Tensor:
        x = self.before(h)
        routed = isinstance(self.mixer, Attention)
        h = h + (self.mixer(x, budget, noise) if routed else self.mixer(x))
        gate, up = self.up(self.between(h)).chunk(2, -1)
        return h + self.down(F.silu(gate) * up)


class Model(nn.Module):
    """Token ids to logits at chosen positions; the embedding is also the output."""

    def __init__(self, name: str, vocabulary: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, WIDTH)
        self.layers = nn.ModuleList(Layer(kind) for kind in MODELS[name])
        self.norm = nn.RMSNorm(WIDTH, eps=1e-5)
        nn.init.normal_(self.embed.weight, std=WIDTH**-0.5)

    def forward(self, ids: Tensor, where: Tensor, budget: int = 0, noise: float = 0.0) -> Tensor:
        """Logits (B, A, vocabulary) after the tokens at `where` (B, A) of `ids` (B, T)."""
        h = self.embed(ids)
        for layer in self.layers:
            h = layer(h, budget, noise)
        return self.logits(h, where)

    def foresight(
        self, ids: Tensor, where: Tensor, budget: int, noise: float
    ) -> tuple[Tensor, ...]:
        """As `forward`, and the sum of the routers' losses."""
        h, loss = self.embed(ids), torch.zeros(())
        for layer in self.layers:
            if isinstance(layer.mixer, Attention) and layer.mixer.kind == "routed":
                loss = loss + layer.mixer.foresight(layer.before(h), where)
            h = layer(h, budget, noise)
        return self.logits(h, where), loss

    def logits(self, h: Tensor, where: Tensor) -> Tensor:
        """Logits (B, A, vocabulary) of residuals h (B, T, width) at `where` (B, A)."""
        chosen = torch.take_along_dim(h, where.unsqueeze(-1), 1)
        return self.norm(chosen) @ self.embed.weight.T

    @property
    def parameters_count(self) -> int:
        return sum(p.numel() for p in self.parameters())
