"""Recognising the text of scanned pages: RapidOCR, if it is installed, on ONNX Runtime."""

from __future__ import annotations

from functools import cache

#: What installs it, and what for.
HINT = "to recognise the text of scanned pages: pip install 'edgehybrid[ocr]'"


#: What its models know: of Greek the letters alone, of Cyrillic, Arabic, Korean and others none.
LETTERS = "Latin, Chinese and Japanese"


@cache
def version() -> str | None:
    """Which version of the recogniser is installed; None if it is not."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("rapidocr")
    except PackageNotFoundError:
        return None
