"""A bundle's chat template: messages in, parts of a prompt out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgehybrid.bundle import CHAT_TEMPLATE, MANIFEST, Bundle
from edgehybrid.errors import BundleDamaged, RequestError
from edgehybrid.frozen import can_start
from edgehybrid.frozen import command as packed
from edgehybrid.runtime.parts import Message, Part, divide, hide

MAX_TEMPLATE_BYTES = 1 << 20
#: Seconds for one rendering, which takes some 0.03 with the start of its process.
SECONDS = 15.0
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from edgehybrid.runtime.rendering import main; main()"
)


class ChatTemplate:
    """How a bundle's model wants turns to be written."""

    def __init__(self, source: str, tokens: dict[str, str], name: str) -> None:
        self._source, self._tokens, self._name = source, tokens, name

    @classmethod
    def of(cls, bundle: Bundle) -> ChatTemplate | None:
        """The template of `bundle`, None if it has none.

        Raises:
            BundleDamaged: the template is no text, or too long.
        """
        if CHAT_TEMPLATE not in bundle.manifest["files"]:
            return None
        path = bundle.file(CHAT_TEMPLATE)
        if path.stat().st_size > MAX_TEMPLATE_BYTES:
            raise BundleDamaged(f"{path} is {path.stat().st_size} bytes, over {MAX_TEMPLATE_BYTES}")
        try:
            source = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise BundleDamaged(f"{path} is not UTF-8 ({error}); export it again") from error
        return cls(source, special_tokens(bundle), bundle.name)

    def render(
        self, messages: Sequence[Message], *, answer: bool = True, thinking: bool | None = None
    ) -> list[Part]:
        """The parts of a prompt.

        Args:
            messages: the turns, the oldest first.
            answer: end where the model's next answer begins.
            thinking: whether a model that can do both thinks first; None for its own default.

        Raises:
            RequestError: the template refuses these messages.
            BundleDamaged: the template cannot be rendered, or loses a message.
        """
        contents = hide(messages)
        variables: dict[str, object] = {
            **self._tokens,
            "messages": [
                {"role": m.role, "content": c.shown}
                for m, c in zip(messages, contents, strict=True)
            ],
            "add_generation_prompt": answer,
            "tools": None,
            "documents": None,
            **({} if thinking is None else {"enable_thinking": thinking}),
        }
        text = self._rendered(variables)
        for message, content in zip(messages, contents, strict=True):
            if content.is_lost(text):
                raise BundleDamaged(
                    f"{self._name}'s {CHAT_TEMPLATE} loses or changes the content of a "
                    f"{message.role} message: use `generate`, which needs no template"
                )
        return divide(text, contents)

    def _rendered(self, variables: dict[str, object]) -> str:
        answer = _render(self._source, variables)
        if "refused" in answer:
            raise RequestError(f"{self._name}'s {CHAT_TEMPLATE} refuses: {answer['refused']}")
        if "text" not in answer:
            raise BundleDamaged(
                f"{self._name}'s {CHAT_TEMPLATE} cannot be rendered: {answer['error']}; "
                "use `generate`, which needs no template"
            )
        return answer["text"]


def adds_bos(bundle: Bundle) -> bool:
    """Whether the model's texts begin with `bos_token`."""
    return bool(_prompt(bundle).get("adds_bos")) and "bos_token" in special_tokens(bundle)


def special_tokens(bundle: Bundle) -> dict[str, str]:
    """The special tokens that the tokenizer's settings name, such as `bos_token`.

    Raises:
        BundleDamaged: the manifest has something else there.
    """
    tokens = _prompt(bundle).get("tokens", {})
    if not isinstance(tokens, dict) or not all(isinstance(x, str) for x in tokens.values()):
        raise BundleDamaged(f"{bundle.folder / MANIFEST}: prompt.tokens must be names and texts")
    return dict(tokens)


def _prompt(bundle: Bundle) -> dict[str, Any]:
    found = bundle.manifest.get("prompt", {})  # older bundles have none
    if not isinstance(found, dict):
        raise BundleDamaged(f"{bundle.folder / MANIFEST}: prompt must be an object")
    return found


def _render(template: str, variables: dict[str, object]) -> dict[str, str]:
    """What `edgehybrid.runtime.rendering` answers, in a process of its own where there can be."""
    if not can_start():
        from edgehybrid.runtime.rendering import render

        return render(template, variables)
    paths = [str(Path(__file__).resolve().parents[2]), *(os.path.abspath(p) for p in sys.path if p)]
    start = packed("template") or [sys.executable, "-I", "-c", _BOOT, json.dumps(paths)]
    request = json.dumps({"template": template, "variables": variables}).encode()
    try:
        done = subprocess.run(
            start,
            input=request,
            capture_output=True,
            timeout=SECONDS,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        return {"error": f"it took longer than {SECONDS:.0f} s"}
    if done.returncode:
        return {"error": f"its process ended with code {done.returncode}: too much time or memory"}
    answer: dict[str, str] = json.loads(done.stdout)
    return answer
