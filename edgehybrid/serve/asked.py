"""What a request for a chat completion asks, of what OpenAI's API knows.

What would change the answer and cannot be had is refused, and so is what nobody knows; only what
changes nothing is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgehybrid.jsons import JsonError, parse_json
from edgehybrid.runtime.parts import Message
from edgehybrid.runtime.sampling import Sampling
from edgehybrid.serve.errors import ApiError

#: Without a wish, an answer has at most so many tokens, as in `edgehybrid chat`.
MAX_TOKENS = 1024
#: More would be refused by the stream, or be no answer.
MOST_TOKENS, MOST_STOPS, MOST_MESSAGES = 1 << 24, 16, 4096
#: Within these, besides what is so if nothing is said, no number leaves the range of float32.
BOUNDS = {
    "temperature": (1e-3, 100.0), "top_p": (1e-6, 1.0), "min_p": (0.0, 1.0),
    "repetition_penalty": (0.01, 100.0),
}  # fmt: skip
MOST_BIAS = 100
#: What may be said to every model; "developer" is what newer clients call the system.
ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
#: Fields of which only these values can be had.
ONLY: dict[str, tuple[Any, ...]] = {
    "n": (1,), "tools": ([],), "tool_choice": ("none", "auto"), "functions": ([],),
    "function_call": ("none", "auto"), "logprobs": (False,), "top_logprobs": (0,), "audio": (),
    "modalities": (["text"],), "response_format": ({"type": "text"},), "frequency_penalty": (0,),
    "presence_penalty": (0,), "reasoning_effort": (), "verbosity": (), "web_search_options": (),
    "moderation": (),
}  # fmt: skip
#: Fields that change nothing in what is written here.
IGNORED = {
    "metadata", "parallel_tool_calls", "prediction", "prompt_cache_key", "prompt_cache_retention",
    "prompt_cache_options", "safety_identifier", "service_tier", "store", "user",
}  # fmt: skip
KNOWN = {
    "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "stop",
    "seed", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "logit_bias",
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A request, checked.

    Attributes:
        model: the name of one.
        messages: the turns, the oldest first.
        max_tokens: the answer has at most so many.
        stop: the answer ends before the first of these.
        sampling: how tokens are chosen.
        seed: for the same answer again; None draws one.
        stream: whether the answer is wanted as events.
        usage: whether these end with the counts.
    """

    model: str
    messages: tuple[Message, ...]
    max_tokens: int
    stop: tuple[str, ...]
    sampling: Sampling
    seed: int | None
    stream: bool
    usage: bool


def parse(body: bytes) -> Asked:
    """What the body of a request says.

    Raises:
        ApiError: it is no such request, or asks for what cannot be had.
    """
    try:
        fields = parse_json(body)
    except JsonError as error:
        raise ApiError(400, f"the body is not JSON that is read here: {error}") from error
    if not isinstance(fields, dict):
        raise ApiError(400, "the body is not a JSON object")
    told = {name: value for name, value in fields.items() if value is not None}
    _check_names(told)
    options = _get(told, "stream_options", dict, {})
    return Asked(
        model=_get(told, "model", str),
        messages=_messages(_get(told, "messages", list)),
        max_tokens=_max_tokens(told),
        stop=_stop(told.get("stop", ())),
        sampling=_sampling(told),
        seed=_whole(told, "seed", None, 0, 1 << 60),
        stream=_get(told, "stream", bool, False),
        usage=options.get("include_usage") is True,
    )


def _check_names(told: dict[str, Any]) -> None:
    for name, value in told.items():
        if name in ONLY and value not in ONLY[name]:
            values = " or ".join(map(repr, ONLY[name])) or "left out"
            raise ApiError(
                400,
                f"{name} cannot be had here: it can only be {values}",
                code="unsupported_parameter",
                param=name,
            )
        if name not in KNOWN and name not in IGNORED and name not in ONLY:
            raise ApiError(
                400, f"{name!r:.80} is not known", code="unknown_parameter", param=name[:80]
            )


def _get(told: dict[str, Any], name: str, kind: type, default: Any = None) -> Any:
    value = told.get(name, default)
    if value is None:
        raise ApiError(400, f"{name} is missing", param=name, code="missing_required_parameter")
    if not isinstance(value, kind):
        raise _bad(name, value, f"expected a JSON {_NAMES[kind]}")
    return value


_NAMES = {str: "string", list: "array", dict: "object", bool: "true or false"}


def _bad(name: str, value: object, expected: str) -> ApiError:
    return ApiError(400, f"{name} is {value!r:.80}, {expected}", param=name, code="invalid_value")


def _whole(told: dict[str, Any], name: str, default: int | None, low: int, high: int) -> Any:
    value = told.get(name, default)
    if value is not None and (type(value) is not int or not low <= value <= high):
        raise _bad(name, value, f"expected a whole number in {low}..{high}")
    return value


def _max_tokens(told: dict[str, Any]) -> int:
    named = [n for n in ("max_completion_tokens", "max_tokens") if n in told]
    found: int = _whole(told, named[0] if named else "max_tokens", MAX_TOKENS, 1, MOST_TOKENS)
    return found


def _number(told: dict[str, Any], name: str, default: float) -> float:
    low, high = BOUNDS[name]
    value = told.get(name, default)
    if type(value) not in (int, float) or not (low <= value <= high or value == default):
        raise _bad(name, value, f"expected a number in {low:g}..{high:g}, or {default:g}")
    return float(value)


def _sampling(told: dict[str, Any]) -> Sampling:
    return Sampling(
        temperature=_number(told, "temperature", 0.0),
        top_k=_whole(told, "top_k", 0, 0, MOST_TOKENS),
        top_p=_number(told, "top_p", 1.0),
        min_p=_number(told, "min_p", 0.0),
        repetition_penalty=_number(told, "repetition_penalty", 1.0),
        logit_bias=_biases(_get(told, "logit_bias", dict, {})),
    )


def _biases(told: dict[str, Any]) -> dict[int, float] | None:
    for token, bias in told.items():
        good = type(bias) in (int, float) and -MOST_BIAS <= bias <= MOST_BIAS
        if not good or not token.isdecimal() or len(token) > 9:
            raise _bad("logit_bias", {token: bias}, "expected numbers in -100..100 by token id")
    return {int(token): float(bias) for token, bias in told.items()} or None


def _stop(told: Any) -> tuple[str, ...]:
    strings = [told] if isinstance(told, str) else told
    good = isinstance(strings, list | tuple) and len(strings) <= MOST_STOPS
    if not good or not all(isinstance(s, str) and s for s in strings):
        raise _bad("stop", told, f"expected a string that is not empty, or up to {MOST_STOPS}")
    return tuple(strings)


def _messages(told: list[Any]) -> tuple[Message, ...]:
    if not 0 < len(told) <= MOST_MESSAGES:
        raise ApiError(
            400, f"there are {len(told)} messages, expected 1 to {MOST_MESSAGES}", param="messages"
        )
    return tuple(_message(f"messages[{i}]", message) for i, message in enumerate(told))


def _message(where: str, told: Any) -> Message:
    if not isinstance(told, dict):
        raise _bad(where, told, "expected a JSON object")
    role = told.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise _bad(f"{where}.role", role, f"expected {', '.join(ROLES)}")
    for name in ("tool_calls", "function_call", "audio", "refusal"):
        if told.get(name):
            raise ApiError(400, f"{where}.{name} cannot be had here", param=f"{where}.{name}")
    return Message(ROLES[role], _content(f"{where}.content", told.get("content")))


def _content(where: str, told: Any) -> str:
    if isinstance(told, str):
        return told
    if not isinstance(told, list):
        raise _bad(where, told, "expected a string or an array of text parts")
    return "".join(_part(f"{where}[{i}]", part) for i, part in enumerate(told))


def _part(where: str, part: Any) -> str:
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    kind = part.get("type") if isinstance(part, dict) else part
    raise _bad(f"{where}.type", kind, 'expected "text": nothing else is read here')
