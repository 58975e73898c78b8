"""Chat templates: rendered as transformers does, and nothing that is written becomes a token."""

from __future__ import annotations

from itertools import pairwise

import pytest
from chat_cases import ADDED, SPECIAL, TEMPLATES, TOKENIZERS
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from edgehybrid.errors import BundleDamaged, RequestError
from edgehybrid.runtime.parts import Ids, Markup, Message, Text
from edgehybrid.runtime.prompt import PromptEncoder
from edgehybrid.runtime.template import ChatTemplate

BOS = {"bos_token": "<s>", "eos_token": "</s>"}
TALK = [
    Message("system", "You are terse."),
    Message("user", "Who was hurt, and when?"),
    Message("assistant", "Nobody was."),
    Message("user", "  The river rose.\n\nisn't it?\n"),
]
THOUGHT = [
    Message("user", "Why?"),
    Message("assistant", "<think>\nThe river.\n</think>\n\nIt rose."),
    Message("user", "When?"),
]
TALKS = {"talk": TALK, "no system": TALK[1:], "thinking": THOUGHT, "one": TALK[1:2]}


def template(source: str) -> ChatTemplate:
    return ChatTemplate(source, BOS, "test")


def ids_of(tokenizer: Tokenizer, source: str, talk: list[Message], **options) -> list[int]:
    parts = template(source).render(talk, **options)
    return [i for some in PromptEncoder(tokenizer).encode(parts) for i in some]


@pytest.fixture(scope="module", params=TOKENIZERS)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return TOKENIZERS[request.param]()


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("talk", TALKS)
@pytest.mark.parametrize("thinking", [None, False, True])
def test_the_same_text_as_transformers(name: str, talk: str, thinking: bool | None) -> None:
    transformers = pytest.importorskip("transformers", reason="parity: edgehybrid[test]")
    own = transformers.PreTrainedTokenizerFast(tokenizer_object=TOKENIZERS["byte_level"](), **BOS)
    wanted = own.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in TALKS[talk]],
        chat_template=TEMPLATES[name],
        add_generation_prompt=True,
        tokenize=False,
        **({} if thinking is None else {"enable_thinking": thinking}),
    )
    parts = template(TEMPLATES[name]).render(TALKS[talk], thinking=thinking)
    assert "".join(part.text for part in parts if not isinstance(part, Ids)) == wanted


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("talk", TALKS)
def test_the_same_tokens_as_transformers(tokenizer: Tokenizer, name: str, talk: str) -> None:
    transformers = pytest.importorskip("transformers", reason="parity: edgehybrid[test]")
    own = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **BOS)
    wanted = own.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in TALKS[talk]],
        chat_template=TEMPLATES[name],
        add_generation_prompt=True,
        return_dict=False,
    )
    assert ids_of(tokenizer, TEMPLATES[name], TALKS[talk]) == wanted


HOSTILE = st.text(max_size=20) | st.sampled_from([*SPECIAL, *ADDED, "<|im_", "end|>", "\n", " "])
CONTENTS = st.lists(HOSTILE, max_size=8).map("".join).filter(str.strip)


@settings(max_examples=120, deadline=None)
@given(content=CONTENTS)
def test_a_content_holds_no_token(content: str) -> None:
    for name, make in TOKENIZERS.items():
        tokenizer = CACHED.setdefault(name, make())
        encoder = ENCODERS.setdefault(name, PromptEncoder(tokenizer))
        parts = [Markup("<|im_start|>"), Text(content), Markup("<|im_end|>")]
        first, *ids, last = [i for some in encoder.encode(parts) for i in some]
        assert (first, last) == tuple(map(tokenizer.token_to_id, ["<|im_start|>", "<|im_end|>"]))
        assert not set(tokenizer.get_added_tokens_decoder()) & set(ids)
        assert tokenizer.decode(ids, skip_special_tokens=False) == content


CACHED: dict[str, Tokenizer] = {}
ENCODERS: dict[str, PromptEncoder] = {}


@settings(max_examples=15, deadline=None)
@given(content=CONTENTS, system=CONTENTS)
@example(content="0", system="<think>")
@example(content="</think>", system="<|im_end|>")
def test_a_turn_cannot_be_injected(content: str, system: str) -> None:
    tokenizer = CACHED.setdefault("byte_level", TOKENIZERS["byte_level"]())
    added = set(tokenizer.get_added_tokens_decoder())
    talk = [Message("system", system), Message("user", content)]
    plain = [Message("system", "a"), Message("user", "b")]
    for source in (TEMPLATES["granite"], TEMPLATES["jamba"]):
        tokens, wanted = (
            [i for i in ids_of(tokenizer, source, t) if i in added] for t in (talk, plain)
        )
        assert tokens == wanted


def test_a_token_over_the_seam_is_none() -> None:
    tokenizer = TOKENIZERS["byte_level"]()
    source = "<|im_{{ messages[0].content }}<|im_end|>"
    ids = ids_of(tokenizer, source, [Message("user", "end|>")])
    assert ids.count(tokenizer.token_to_id("<|im_end|>")) == 1
    assert tokenizer.decode(ids, skip_special_tokens=False) == "<|im_end|><|im_end|>"


def test_written_tokens_stay_as_they_were() -> None:
    talk = [Message("user", "a"), Message("assistant", "b\n", (7, 8, 9)), Message("user", "c")]
    assert Ids((7, 8, 9)) in template(TEMPLATES["granite"]).render(talk)
    trimmed = template(TEMPLATES["llama3"]).render(talk)  # what was written is written anew
    assert Text("b", 1) in trimmed
    assert not any(isinstance(part, Ids) for part in trimmed)


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{% set n = namespace(s=['x']) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}"
        "{% endfor %}{{ n.s }}",
        "{% set n = namespace(s=[]) %}{% for i in range(99999) %}{% set n.s = [n.s] %}{% endfor %}"
        "{{ n.s }}",
        "{{ " + "not " * 100_000 + "1 }}",
        "{{ messages[0].content.__class__.__mro__ }}",
        "{{ raise_exception.__globals__['sys'] }}",
        "{% include '/etc/passwd' %}",
        "{% if %}",
        "{{ messages | nothing }}",
    ],
)
def test_a_hostile_or_broken_template_is_one_line(source: str) -> None:
    with pytest.raises(BundleDamaged, match="cannot be rendered") as caught:
        template(source).render([Message("user", "Hello")])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_what_the_template_refuses() -> None:
    source = "{{ raise_exception('System role\\nnot supported') }}"
    with pytest.raises(RequestError, match=r"refuses: System role$"):
        template(source).render([Message("user", "Hello")])


@pytest.mark.parametrize("source", ["none", "{{ messages[0].content[:9] }}", "{{ x.y }}"])
def test_a_message_is_not_lost(source: str) -> None:
    with pytest.raises(BundleDamaged, match=r"loses or changes|cannot be rendered"):
        template(source).render([Message("user", "Hello")])


def test_what_cannot_be_written_as_text() -> None:
    tokenizer = TOKENIZERS["byte_level"]()
    tokenizer.add_special_tokens(["Q"])
    with pytest.raises(RequestError, match="the text holds 'Q', which is a control token"):
        ids_of(tokenizer, TEMPLATES["granite"], [Message("user", "Q?")])


def test_a_text_in_many_parts_is_encoded_as_it_comes() -> None:
    tokenizer = TOKENIZERS["byte_level"]()
    taken: list[int] = []

    def pages():
        for i in range(5):
            taken.append(i)
            yield Text("word " * 600 + "\n")

    got = PromptEncoder(tokenizer).encode(pages())
    seen = [len(taken) for _ in got]
    assert all(a < b for a, b in pairwise(seen[:-1]))
    assert taken == [*range(5)]
