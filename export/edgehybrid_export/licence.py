"""The licence of a checkpoint: from its config, or from the head of its model card."""

from __future__ import annotations

import re

from edgehybrid_export.checkpoint import Checkpoint

CARD, MAX_HEAD_BYTES = "README.md", 1 << 16
UNKNOWN = "unknown"


def licence_of(source: Checkpoint) -> str:
    """Its name, such as "apache-2.0"; "unknown" if nobody says."""
    told = source.config.get("licence") or source.config.get("license")
    return str(told) if told else _of_card(source)


def _of_card(source: Checkpoint) -> str:
    """`license_name` or `license` of the card's front matter: plain lines between two of ---."""
    path = source.folder / CARD
    if not path.is_file():
        return UNKNOWN
    with path.open("rb") as file:
        text = file.read(MAX_HEAD_BYTES).decode(errors="replace")
    head = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    lines = r"^(license(?:_name)?):[ \t]*([\w.+-]+)[ \t]*\r?$"
    found = dict(re.findall(lines, head[1], re.MULTILINE)) if head else {}
    return str(found.get("license_name") or found.get("license") or UNKNOWN)
