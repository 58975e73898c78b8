"""Sizes in a manifest: within bounds, so that none can ask for terabytes or wrap an integer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from edgehybrid.bundle import MANIFEST, Bundle
from edgehybrid.errors import BundleDamaged

#: Far beyond what is published: 200,000 tokens, 20,000 wide, 128 layers, heads of 512.
MAX_VOCABULARY, MAX_WIDTH, MAX_LAYERS, MAX_PARTS = 1 << 22, 1 << 18, 512, 8
#: Tokens that a layer may keep, and numbers in the states of all: 1 GiB of them.
MAX_KEPT, MAX_STATE = 1 << 22, 1 << 28
#: Numbers that a slot of a cache needs besides its key and value.
_OF_SLOT = 8
#: The sizes of each mixer; all others of its fields are no sizes.
SIZES = {
    "attention": ("heads", "kv_heads", "head_dim"),
    "gated_delta": ("k_heads", "v_heads", "k_dim", "v_dim"),
    "rg_lru": ("width",),
    "selective": ("width", "d_state"),
    "short_conv": ("width",),
    "ssd": ("heads", "head_dim", "d_state", "n_groups"),
}
#: Sizes that there may be, and their smallest values.
OPTIONAL = {"sinks": 0, "window": 1, "budget": 0, "value_dim": 0, "norm_groups": 1}
#: What must be a multiple of what.
MULTIPLES = {
    "attention": ("heads", "kv_heads"),
    "gated_delta": ("v_heads", "k_heads"),
    "ssd": ("heads", "n_groups"),
}
NUMBERS = ("scale", "norm_eps", "dt_low", "dt_high")


@contextmanager
def as_damaged(bundle: Bundle) -> Iterator[None]:
    """Errors that come of values of other kinds than the exporter writes are the bundle's."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise BundleDamaged(
            f"{bundle.folder / MANIFEST} does not describe its files: "
            f"{type(error).__name__} {error}; export the bundle again"
        ) from error


def check_sizes(bundle: Bundle) -> None:
    """Raise unless all sizes that the manifest gives are within bounds.

    Raises:
        BundleDamaged: one is not; says which.
    """
    manifest = bundle.manifest
    vocabulary = whole(manifest["model"], "vocab_size", 1, MAX_VOCABULARY)
    whole(manifest["model"], "hidden_size", 1, MAX_WIDTH)
    _check_head(manifest["head"], vocabulary)
    layers = manifest["layers"]
    if not isinstance(layers, list) or not 0 < len(layers) <= MAX_LAYERS:
        raise BundleDamaged(f"the manifest's layers are not a list of 1 to {MAX_LAYERS}")
    numbers = sum(map(_check_layer, layers))
    if numbers > MAX_STATE:
        raise BundleDamaged(
            f"the manifest's layers would keep {numbers:,} numbers, over {MAX_STATE:,}"
        )
    costs = manifest["model"]["step_costs"]
    if len(costs) != len(layers) + 1 or not all(is_number(c) and c >= 0 for c in costs):
        raise BundleDamaged(f"the manifest's step_costs are not {len(layers) + 1} numbers")


def whole(fields: Mapping[str, Any], name: str, least: int, most: int) -> int:
    """The whole number of this name.

    Raises:
        BundleDamaged: it is not in `least..most`, or no number.
    """
    value = fields.get(name)
    if type(value) is not int or not least <= value <= most:
        raise BundleDamaged(f"the manifest's {name} is {value!r:.40}, not in {least}..{most}")
    return value


def _check_head(head: Mapping[str, Any], vocabulary: int) -> None:
    if head.get("kind") == "sentences":
        for name in ("vector_size", "context_size"):
            whole(head, name, 1, MAX_WIDTH)
    for name in ("end_tokens", "stop_tokens"):
        for token in head.get(name, []):
            whole({name: token}, name, 0, vocabulary - 1)


def _check_layer(layer: Mapping[str, Any], *, inside: bool = False) -> int:
    """About how many numbers the layer keeps."""
    kind = layer.get("mixer")
    if kind == "parallel" and not inside:
        parts = layer["parts"]
        if not isinstance(parts, list) or not 0 < len(parts) <= MAX_PARTS:
            raise BundleDamaged(f"a parallel layer's parts are not a list of 1 to {MAX_PARTS}")
        return sum(_check_layer(part, inside=True) for part in parts)
    if kind not in SIZES:
        known = ", ".join(sorted(map(repr, [*SIZES, "parallel"])))
        raise BundleDamaged(f"the manifest has a mixer {kind!r:.40}; known are {known}")
    return _check_mixer(kind, layer)


def _check_mixer(kind: str, layer: Mapping[str, Any]) -> int:
    sizes = {name: whole(layer, name, 1, MAX_WIDTH) for name in SIZES[kind]}
    for name in OPTIONAL.keys() & layer.keys():
        if not (name in ("window", "budget") and layer[name] is None):
            sizes[name] = whole(layer, name, OPTIONAL[name], MAX_KEPT)
    for name in NUMBERS:
        if not (layer.get(name) is None or is_number(layer[name])):
            raise BundleDamaged(f"the manifest's {name} is {layer[name]!r:.40}, not a number")
    large, small = MULTIPLES.get(kind, (None, None))
    if large and small and sizes[large] % sizes[small]:
        raise BundleDamaged(f"{sizes[large]} {large} are no multiple of {sizes[small]} {small}")
    return _state(kind, sizes)


def _state(kind: str, s: Mapping[str, int]) -> int:
    """About how many numbers a layer of these sizes keeps; the widths of others are their weights'.

    Raises:
        BundleDamaged: attention, which has no weights of its own, is too wide.
    """
    if kind == "attention":
        widest = max(s["head_dim"], s.get("value_dim", 0))
        whole({"width of attention": s["heads"] * widest}, "width of attention", 1, MAX_WIDTH)
        kept = s.get("sinks", 0) + s.get("window", 1) + s.get("budget", 0)
        return (2 * widest + _OF_SLOT) * s["kv_heads"] * kept
    if kind == "gated_delta":
        return s["v_heads"] * s["k_dim"] * s["v_dim"]
    if kind == "ssd":
        return s["heads"] * s["head_dim"] * s["d_state"]
    return s["width"] * s.get("d_state", 1)


def is_number(value: object) -> bool:
    """Whether JSON means a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
