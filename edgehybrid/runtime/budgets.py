"""How many tokens may be kept: of all layers, of each, or of each KV head."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from edgehybrid.errors import RequestError

#: One number for all layers; by layer (0 is the first) a number, or one for each KV head; or None
#: for what the bundle was made for. A layer that a mapping does not name is as with None.
Budget: TypeAlias = int | Mapping[int, int | Sequence[int]] | None
#: The same by layer, of all KV heads or of each.
ByLayer: TypeAlias = dict[int, int | tuple[int, ...]]
MAX_BUDGET = 1 << 20
_LAYER = re.compile(r"(\d{1,4}):(\d{1,9}(?:/\d{1,9})*)")


def parse(text: str) -> int | ByLayer:
    """What `--budget` says: `64`, by layer `2:64,10:128`, or by KV head `2:64/32`.

    Raises:
        RequestError: it says nothing of the kind, or names a layer twice.
    """
    if re.fullmatch(r"-?\d{1,9}", text.strip()):
        return int(text)
    found: ByLayer = {}
    for piece in text.split(","):
        match = _LAYER.fullmatch(piece.strip())
        if not match or int(match[1]) in found:
            what = f"names layer {match[1]} twice" if match else "is not a number of tokens"
            raise RequestError(
                f"budget {text!r:.80} {what}: say 64, by layer 2:64,10:128, or by KV head 2:64/32"
            )
        numbers = tuple(map(int, match[2].split("/")))
        found[int(match[1])] = numbers if len(numbers) > 1 else numbers[0]
    return found


def checked(budget: Budget) -> int | ByLayer | None:
    """The same as plain numbers, all within bounds; layers in their order.

    Raises:
        RequestError: one is not.
    """
    if budget is None:
        return None
    if not isinstance(budget, Mapping):
        return _number(budget)
    if not budget:
        raise RequestError("budget is an empty mapping: name layers, or give one number for all")
    if odd := [layer for layer in budget if not isinstance(layer, int)]:
        raise RequestError(f"budget names layer {odd[0]!r:.40}, expected whole numbers from 0")
    return {layer: _numbers(budget[layer]) for layer in sorted(budget)}


def _numbers(budget: int | Sequence[int]) -> int | tuple[int, ...]:
    if isinstance(budget, Sequence) and not isinstance(budget, str):
        return tuple(map(_number, budget))
    return _number(budget)


def _number(budget: object) -> int:
    if not isinstance(budget, int) or not 0 <= budget <= MAX_BUDGET:
        raise RequestError(f"budget {budget!r:.40} is not in 0..{MAX_BUDGET} tokens")
    return int(budget)


def shown(budget: int | ByLayer | None) -> int | str | None:
    """As text for :func:`parse` where it differs by layer."""
    if not isinstance(budget, dict):
        return budget
    return ",".join(f"{layer}:{_joined(numbers)}" for layer, numbers in budget.items())


def _joined(numbers: int | tuple[int, ...]) -> str:
    return str(numbers) if isinstance(numbers, int) else "/".join(map(str, numbers))
