"""The process in which a bundle's chat template is rendered; see `edgehybrid.runtime.template`.

A template made to do harm can exhaust the memory, never end, or overflow the engine's stack: then
this process ends, and not the program. One JSON object comes in on standard input, and one goes
out: `{"text": ...}`, or `{"refused": ...}` where the template itself raised, or `{"error": ...}`.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from datetime import datetime
from typing import Any

import minijinja

from edgehybrid.limits import limit_memory, limit_processor

#: Steps of the engine; a turn takes some hundred. Memory is counted too, in part.
FUEL = 5_000_000
CPU_SECONDS, MEMORY = 5, 400 << 20
MAX_CHARACTERS = 4 << 20

#: Marks what a model has written, for training; says nothing about the text.
_GENERATION = re.compile(r"\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}")


class _RefusedError(Exception):
    """The template called `raise_exception`."""


def render(template: str, variables: dict[str, Any]) -> dict[str, str]:
    """Render as transformers does; the answer is one of the three objects above."""
    try:
        text = _environment().render_str(_without_generation(template), "chat", **variables)
    except _RefusedError as error:
        return {"refused": _line(error)}
    except Exception as error:  # the engine's own, and what Python's filters raise
        return {"error": _line(error)}
    if len(text) > MAX_CHARACTERS:
        return {"error": f"it makes {len(text)} characters, over {MAX_CHARACTERS}"}
    return {"text": text}


def main() -> None:
    """Answer the one request on standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program
    limit_memory(MEMORY)
    limit_processor(CPU_SECONDS)
    request = json.loads(sys.stdin.buffer.read())
    answer = render(request["template"], request["variables"])
    sys.stdout.buffer.write(json.dumps(answer).encode())


def _environment() -> minijinja.Environment:
    return minijinja.Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        undefined_behavior="lenient",
        auto_escape_callback=lambda name: False,
        fuel=FUEL,
        filters={"tojson": _tojson},
        globals={"raise_exception": _raise, "strftime_now": _strftime_now},
    )


def _without_generation(template: str) -> str:
    def plain(match: re.Match[str]) -> str:
        return f"{{%{match[1]} {'endif' if match[2] else 'if true'} {match[3]}%}}"

    return _GENERATION.sub(plain, template)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=None if separators is None else (separators[0], separators[1]),
        sort_keys=sort_keys,
    )


def _raise(message: str) -> None:
    raise _RefusedError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
