"""Bundles of tiny random language models, with and without a chat template. Needs PyTorch."""

from __future__ import annotations

import json
from pathlib import Path

from chat_cases import TEMPLATES, byte_level
from families import random_model, save

from edgehybrid_export import export

VOCABULARY = 400


def write_bundle(
    folder: Path,
    template: str | None = "granite",
    family: str = "granitemoehybrid",
    truncate: int | None = None,
    weights: str = "float32",
) -> Path:
    """Export a random model of `family` with a template of this name."""
    model = random_model(family, vocab_size=VOCABULARY, eos_token_id=None)
    source = save(model, folder / "source")
    tokenizer = byte_level()
    if truncate is not None:
        tokenizer.enable_truncation(truncate)
    tokenizer.save(str(source / "tokenizer.json"))
    settings = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "add_bos_token": True}
    (source / "tokenizer_config.json").write_text(json.dumps(settings))
    if template is not None:
        (source / "chat_template.jinja").write_text(TEMPLATES[template])
    export(source, folder / "bundle", weights=weights)
    return folder / "bundle"
