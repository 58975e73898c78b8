"""Which layer keeps how many tokens by which policy, as a stream is asked to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from edgehybrid.bundle import Bundle
from edgehybrid.errors import RequestError
from edgehybrid.runtime import routers
from edgehybrid.runtime.budgets import Budget, ByLayer, checked, shown
from edgehybrid.runtime.mixers import Attention, attention_of
from edgehybrid.runtime.routers import Asked, fitted

if TYPE_CHECKING:
    from edgehybrid.runtime.mixers import Mixer

Numbers = dict[int, int | tuple[int, ...] | None]


class Routing(NamedTuple):
    """What a stream is to keep.

    Attributes:
        asked: of each layer.
        budget: see `budgets.shown`.
        router: its name; None where nothing is routed.
        probe: sha256 of the fitted router, where it is one.
    """

    asked: tuple[Asked, ...]
    budget: int | str | None
    router: str | None
    probe: str | None


def route(bundle: Bundle, mixers: Sequence[Mixer], budget: Budget, router: str | None) -> Routing:
    """What each layer of `bundle` is to keep; without `router`, by its own or by window.

    Raises:
        RequestError: a number is out of range, a layer has no attention or cannot do what it is
            asked, there is no such router, or nothing that it could route.
        BundleError: the fitted router is damaged.
    """
    told = checked(budget)
    attentions = {i: a for i, mixer in enumerate(mixers) if (a := attention_of(mixer)) is not None}
    numbers = _by_layer(told, attentions)
    chosen = _chosen(bundle.name, attentions, numbers, router)
    policy = None if chosen in (None, "learned") else routers.get(chosen)
    for i in numbers:
        own = "learned" if attentions[i].routes else "window"
        _check_heads(i, numbers, policy.name if policy else own)
    probe = fitted.load(bundle, fitted.shapes(mixers)) if chosen == "fitted" else None
    weights = probe.weights if probe else {}
    asked = tuple(Asked(numbers.get(i), policy, weights.get(i)) for i in range(len(mixers)))
    return Routing(asked, shown(told), chosen, probe.sha256 if probe else None)


def _by_layer(told: int | ByLayer | None, attentions: dict[int, Attention]) -> Numbers:
    """The budget of each layer that can route; None where it has none but the bundle's own."""
    able = [i for i, attention in attentions.items() if attention.can_route]
    if not isinstance(told, dict):
        return dict.fromkeys(able, told)
    for i, numbers in told.items():
        if i not in attentions:
            known = ", ".join(map(str, attentions)) or "none"
            raise RequestError(
                f"budget names layer {i}, which has no attention; layers that have: {known}"
            )
        if i not in able:
            raise RequestError(
                f"budget names layer {i}, which keeps the {attentions[i].window} last tokens that "
                "it was trained with: leave it out"
            )
        if isinstance(numbers, tuple) and len(numbers) != attentions[i].kv_heads:
            raise RequestError(
                f"budget of layer {i} has {len(numbers)} numbers, but the layer has "
                f"{attentions[i].kv_heads} KV heads"
            )
    return {i: told.get(i) for i in able}


def _chosen(
    name: str, attentions: dict[int, Attention], numbers: Numbers, router: str | None
) -> str | None:
    """The policy's name; None where there is nothing to choose between."""
    learned = any(attention.routes for attention in attentions.values())
    routed = learned or any(number is not None for number in numbers.values())
    if router is None:
        return "learned" if learned else "window" if routed else None
    routers.get(router)
    if router == "learned" and not learned:
        raise RequestError(f"router 'learned': {name} was not trained with one; choose another")
    if not numbers:
        raise RequestError(f"router {router!r}: {name} has no attention that could route")
    if not routed:
        raise RequestError(
            f"router {router!r} needs a budget: without one {name} keeps every token"
        )
    return router


def _check_heads(layer: int, numbers: Numbers, router: str) -> None:
    number = numbers[layer]
    if router == "window" and isinstance(number, tuple) and len({*number}) > 1:
        raise RequestError(
            f"budget of layer {layer} differs by KV head, but router 'window' has one window for "
            "all: give one number, or choose another router"
        )
