"""What the user wants, kept from one start to the next by QSettings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from PySide6.QtCore import QSettings

from edgehybrid_desktop.messages import Wish

Length = Literal["automatic", "words", "points"]
LENGTHS: tuple[Length, ...] = ("automatic", "words", "points")
#: What can be asked of each: (least, most, step).
RANGES = {"words": (20, 2000, 10), "points": (1, 50, 1)}


@dataclass
class Settings:
    """One place for all of them.

    Attributes:
        length: whether `words` or `points` say how long a summary is, or the document does.
        words: in words, kept within a tenth.
        points: in sentences.
        focus: a question that summaries are to be about; empty for none.
        model: the folder of a language model's bundle; empty for the reader that is built in.
        keep: whether readings are kept on disk, so that a document is read once.
    """

    length: Length = "automatic"
    words: int = 150
    points: int = 5
    focus: str = ""
    model: str = ""
    keep: bool = True

    def wish(self) -> Wish:
        """As a summary is asked for."""
        return Wish(
            words=self.words if self.length == "words" else None,
            points=self.points if self.length == "points" else None,
            focus=self.focus.strip() or None,
        )

    def save(self, store: QSettings) -> None:
        """Write all of them."""
        for each in fields(self):
            store.setValue(f"reading/{each.name}", getattr(self, each.name))


def load(store: QSettings) -> Settings:
    """What was saved; a value that cannot be is as if there were none."""
    settings = Settings()
    for each in fields(settings):
        default = getattr(settings, each.name)
        value = store.value(f"reading/{each.name}", default, type=type(default))
        if _can_be(each.name, value):
            setattr(settings, each.name, value)
    return settings


def _can_be(name: str, value: Any) -> bool:
    if name == "length":
        return value in LENGTHS
    if name in RANGES:
        least, most, _ = RANGES[name]
        return bool(least <= value <= most)
    return True
