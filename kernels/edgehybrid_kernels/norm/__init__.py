"""Gated RMS normalisation: the last step of a Mamba-2 or gated DeltaNet mixer.

| symbol | meaning | in published code |
|---|---|---|
| T | tokens in this call | sequence length |
| D | channels | d_inner |
| y | output of the mixer (T, D) | hidden_states |
| z | gate (T, D) | gate, z |
| act | SiLU, or the logistic sigmoid | activation of the gate |
| groups | parts of D that are normalised each on its own | n_groups of the norm |

    rms(v) = v / sqrt(mean(v**2) + eps)          over each D / groups channels
    out = rms(y * act(z)) * weight               gate first: Mamba-2, Bamba, Granite, Nemotron-H
    out = rms(y) * weight * act(z)               norm_before_gate: gated DeltaNet, some Falcon-H1
    out = rms(y) * weight                        z is None: queries and keys of each head

The sigmoid is the gate of Kimi Delta Attention (arXiv:2510.26692, section 3).

Zhang and Sennrich, Root Mean Square Layer Normalization (2019), arXiv:1910.07467; the gate is from
Mamba-2 (arXiv:2405.21060, section 7.1).
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, TypeAlias

from edgehybrid_kernels.checks import Floats, check_array, check_rank
from edgehybrid_kernels.errors import KernelError

Gate: TypeAlias = Literal["silu", "sigmoid"]


class GatedRmsNorm(Protocol):
    """The signature shared by all backends."""

    def __call__(
        self,
        y: Floats,
        z: Floats | None,
        weight: Floats | None,
        out: Floats,
        *,
        eps: float,
        groups: int,
        norm_before_gate: bool = False,
        gate: Gate = "silu",
    ) -> None:
        """Normalises T rows; T may be 0.

        Args:
            y: (T, D) float32, rows may be strided.
            z: (T, D) float32, rows may be strided; None for no gate.
            weight: (D,) float32, or (D / groups,), shared by all groups; None for ones.
            out: (T, D) float32, rows may be strided; may be y or z itself.
            eps: added to the mean square.
            groups: divides D.
            norm_before_gate: gate after normalising rather than before.
            gate: what is done to z.

        Raises:
            KernelError: a shape, dtype or layout is wrong; nothing was written.
        """


class Sizes(NamedTuple):
    """What the shapes say; ``shared`` if one group's weight serves all."""

    tokens: int
    channels: int
    shared: bool


def check(
    y: Floats, z: Floats | None, weight: Floats | None, out: Floats, groups: int, gate: str
) -> Sizes:
    """Validates the arguments of :class:`GatedRmsNorm`."""
    check_rank("y", y, 2)
    tokens, channels = y.shape
    check_array("y", y, (tokens, channels), strided=True)
    if z is not None:
        check_array("z", z, (tokens, channels), strided=True)
    check_array("out", out, (tokens, channels), strided=True, written=True)
    if gate not in ("silu", "sigmoid"):
        raise KernelError(f"gate is {gate!r}, expected 'silu' or 'sigmoid'")
    if groups < 1 or channels % groups:
        raise KernelError(f"groups is {groups}, expected a divisor of the {channels} channels")
    width = channels // groups
    shared = weight is not None and weight.shape == (width,)
    if weight is not None:
        check_array("weight", weight, (width,) if shared else (channels,))
    return Sizes(tokens, channels, shared)
