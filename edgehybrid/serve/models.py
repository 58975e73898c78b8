"""The models of a server: the default reader, and the bundles that were named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgehybrid.bundle import MANIFEST
from edgehybrid.errors import RequestError
from edgehybrid.runtime.budgets import Budget
from edgehybrid.runtime.template import ChatTemplate
from edgehybrid.serve.errors import ApiError
from edgehybrid.serve.talking import Talker
from edgehybrid.serve.turns import Turns

if TYPE_CHECKING:
    from edgehybrid.runtime.model import Model


@dataclass(frozen=True)
class Served:
    """A model, and how it chats: `talker`, or why not.

    Attributes:
        streams: budget and router of its streams, as `Model.stream` has them.
        turns: of those who use it, if it is a language model.
    """

    model: Model
    talker: Talker | None = None
    why_not: str = ""
    streams: Mapping[str, Any] = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)

    def described(self) -> dict[str, Any]:
        """As OpenAI's list of models has it; `kind` and `chats` are ours."""
        bundle = self.model.bundle
        return {
            "id": bundle.name,
            "object": "model",
            "created": int((bundle.folder / MANIFEST).stat().st_mtime),
            "owned_by": "edgehybrid",
            "kind": "language model" if self.model.writes else "reader",
            "chats": self.talker is not None,
        }

    def require_talker(self) -> Talker:
        """What answers turns.

        Raises:
            ApiError: the model does not chat.
        """
        if self.talker is None:
            raise ApiError(400, self.why_not, code="model_cannot_chat", param="model")
        return self.talker


class Models:
    """By name; the first is the default reader."""

    def __init__(self, served: Sequence[Served]) -> None:
        """
        Raises:
            RequestError: two have the same name.
        """
        self._by_name: dict[str, Served] = {}
        for one in served:
            bundle = one.model.bundle
            if (other := self._by_name.get(bundle.name)) is not None:
                raise RequestError(
                    f"{other.model.bundle.folder} and {bundle.folder} are both named "
                    f"{bundle.name}: serve one of them"
                )
            self._by_name[bundle.name] = one

    def __iter__(self) -> Iterator[Served]:
        return iter(self._by_name.values())

    def named(self, name: str | None) -> Served:
        """The model of this name; the default reader if None.

        Raises:
            ApiError: there is none.
        """
        if name is None:
            return next(iter(self._by_name.values()))
        if name not in self._by_name:
            known = ", ".join(self._by_name)
            raise ApiError(
                404,
                f"there is no model {name!r:.80} here, there is: {known}",
                code="model_not_found",
                param="model",
            )
        return self._by_name[name]


def load_models(bundles: Sequence[Path], budget: Budget, router: str | None) -> Models:
    """The default reader and those in `bundles`; budget and router are for language models.

    Raises:
        BundleError: a bundle cannot be used.
        RequestError: two have the same name, or budget or router cannot be had.
    """
    from edgehybrid.runtime.model import load

    return Models([_served(load(path), budget, router) for path in (None, *bundles)])


def _served(model: Model, budget: Budget, router: str | None) -> Served:
    name = model.bundle.name
    if not model.writes:
        return Served(
            model,
            why_not=f"{name} is a reader: it quotes documents that are sent to /v1/summaries, and "
            "writes no text; to chat, start `edgehybrid serve` with a language model as --model",
        )
    streams: dict[str, Any] = {"budget": budget, "router": router}
    model.stream(**streams)  # complains now
    if ChatTemplate.of(model.bundle) is None:
        why_not = f"{name} has no chat template, so it cannot chat; it writes summaries"
        return Served(model, why_not=why_not, streams=streams)
    turns = Turns()
    return Served(model, Talker(model, streams, turns), streams=streams, turns=turns)
