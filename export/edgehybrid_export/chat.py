"""What a checkpoint says of prompts: its chat template, and the tokens that the template names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from edgehybrid.bundle import CHAT_TEMPLATE, TOKENIZER
from edgehybrid_export.errors import CheckpointError

MAX_SETTINGS_BYTES = 16 << 20
#: Where `bos_token` and the like may stand; the first that names one is right.
SETTINGS = ("tokenizer_config.json", "special_tokens_map.json")


def write_template(checkpoint: Path, bundle: Path) -> None:
    """Copy the checkpoint's chat template into the bundle's folder, if it has one."""
    if (text := read_template(checkpoint)) is not None:
        (bundle / CHAT_TEMPLATE).write_text(text, encoding="utf-8", newline="")


def read_template(checkpoint: Path) -> str | None:
    """The checkpoint's chat template; of several named ones, "default", else the first.

    Raises:
        CheckpointError: a file is not what its name says.
    """
    path = checkpoint / CHAT_TEMPLATE
    if path.is_file():
        try:
            return path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise CheckpointError(f"{path} is not UTF-8: {error}") from error
    for name in (SETTINGS[0], "chat_template.json"):
        given = _settings(checkpoint / name).get("chat_template")
        if isinstance(given, list):
            given = {entry.get("name"): entry.get("template") for entry in given}
        if isinstance(given, dict):
            given = given.get("default", next(iter(given.values()), None))
        if isinstance(given, str):
            return given
    return None


def describe_prompt(checkpoint: Path) -> dict[str, Any]:
    """The manifest's `prompt`: special tokens by name, and whether texts begin with `bos_token`."""
    tokens: dict[str, str] = {}
    for name in reversed(SETTINGS):
        for key, value in _settings(checkpoint / name).items():
            text = value.get("content") if isinstance(value, dict) else value
            if key.endswith("_token") and isinstance(text, str):
                tokens[key] = text
    tokenizer = Tokenizer.from_file(str(checkpoint / TOKENIZER))
    first = tokenizer.token_to_id(tokens.get("bos_token", ""))
    adds_bos = first is not None and tokenizer.encode("a").ids[:1] == [first]
    return {"tokens": tokens, "adds_bos": adds_bos}


def _settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    if path.stat().st_size > MAX_SETTINGS_BYTES:
        raise CheckpointError(f"{path} is {path.stat().st_size} bytes, over {MAX_SETTINGS_BYTES}")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON: {error}") from error
    return fields if isinstance(fields, dict) else {}
