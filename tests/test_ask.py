"""Questions: the right page, an honest nothing, sources that are where attention went."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import edgehybrid
from edgehybrid.errors import Cancelled, RequestError
from edgehybrid.tasks.matching import matches

BRIDGE = [
    "The bridge over the river was built in 1843 by the engineer Ada Brown. It has five arches.",
    "Every spring the village holds a market. Farmers sell cheese, apples and wool to visitors.",
    "The mill burned down in 1901 because a lamp fell into the flour. Nobody was hurt by the fire.",
]


@pytest.fixture(scope="module")
def model() -> edgehybrid.Model:
    return edgehybrid.load()


@pytest.fixture(scope="module")
def document(model: edgehybrid.Model) -> edgehybrid.ReadDocument:
    return edgehybrid.read(edgehybrid.Document.from_text("\f".join(BRIDGE)), model=model)


@pytest.mark.parametrize(
    ("question", "page", "words"),
    [
        ("Who built the bridge?", 1, "Ada Brown"),
        ("What do farmers sell at the market?", 2, "cheese"),
        ("Why did the mill burn down?", 3, "lamp fell"),
    ],
)
def test_the_passage_that_answers(
    document: edgehybrid.ReadDocument, question: str, page: int, words: str
) -> None:
    answer = document.ask(question, passages=1)
    assert [p.page for p in answer.passages] == [page]
    assert words in answer.text
    assert " ".join(BRIDGE[page - 1].split()).find(answer.passages[0].text) >= 0  # verbatim


@pytest.mark.parametrize(
    "question", ["How do I install Linux on a tablet?", "Which enzyme splits lactose?"]
)
def test_nothing_matches(document: edgehybrid.ReadDocument, question: str) -> None:
    answer = document.ask(question)
    assert answer.passages == ()
    assert answer.text == ""


def test_the_same_question_has_the_same_answer(document: edgehybrid.ReadDocument) -> None:
    first, *others = [document.ask("Who built the bridge?").passages for _ in range(3)]
    assert others == [first, first]


def test_what_cannot_be_asked(document: edgehybrid.ReadDocument) -> None:
    for question, more in (("  ", {}), ("Who?", {"passages": 0}), ("Who?", {"temperature": 1.0})):
        with pytest.raises(RequestError):
            document.ask(question, **more)


def test_passages_are_of_neighbours_and_in_order_of_their_match(
    document: edgehybrid.ReadDocument,
) -> None:
    answer = document.ask("What happened to the mill in the fire of 1901?", passages=2)
    scores = [p.score for p in answer.passages]
    assert scores == sorted(scores, reverse=True)
    assert answer.passages[0].text == BRIDGE[2]


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    texts = [
        "The river is long.",
        "The river is cold.",
        "The river has otters.",
        "The end is near.",
    ]
    same = np.zeros((4, 3), np.float32)
    found = matches("Which otters of the river?", np.zeros(3, np.float32), texts, same)
    assert found.argmax() == 2
    assert found[0] == found[1] < 0.5
    assert found[3] == 0


def test_asked_from_the_cache(
    model: edgehybrid.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEHYBRID_CACHE", str(tmp_path / "cache"))
    (tmp_path / "a.txt").write_text("\f".join(BRIDGE))
    answers = [
        edgehybrid.ask(tmp_path / "a.txt", "Who built the bridge?", model=model) for _ in range(2)
    ]
    assert answers[0].passages == answers[1].passages != ()
    monkeypatch.setattr("edgehybrid.tasks.read.open_pages", None)  # it is not opened again
    assert edgehybrid.ask(tmp_path / "a.txt", "Who built it?", model=model).document == "a.txt"


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> edgehybrid.Model:
    pytest.importorskip("torch", reason="checkpoints are made by PyTorch: edgehybrid[test]")
    from writers import write_bundle

    return edgehybrid.load(
        write_bundle(tmp_path_factory.mktemp("writer"), weights="int8"), threads=2
    )


@pytest.mark.parametrize("budget", [None, 200])
def test_a_language_model_is_asked(writer: edgehybrid.Model, budget: int | None) -> None:
    read = edgehybrid.read(
        edgehybrid.Document.from_text("\f".join(BRIDGE)), model=writer, budget=budget
    )
    position, shown = read.stream.position, []
    answer = read.ask("Who built the bridge?", max_tokens=8, show=shown.append)
    assert answer.written == answer.text == "".join(shown).strip()
    assert read.stream.position == position  # it can be asked again
    assert answer.written == read.ask("Who built the bridge?", max_tokens=8).written
    shares = [source.share for source in answer.sources]
    assert {s.page for s in answer.sources} <= {1, 2, 3}
    assert sum(shares) == pytest.approx(1, abs=0.01)
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("state", ["float32", "float16"])
def test_a_language_models_reading_goes_on(
    writer: edgehybrid.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setenv("EDGEHYBRID_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "a.txt"
    path.write_text("\f".join(BRIDGE * 4))
    how = {"model": writer, "budget": 64, "keep": edgehybrid.Keep(state=state)}
    with pytest.raises(Cancelled):
        edgehybrid.read(path, progress=lambda now: now.pages_read < 7, **how)
    resumed, again = (edgehybrid.read(path, **how) for _ in range(2))
    assert 0 < resumed.reading.resumed < resumed.reading.tokens == again.reading.resumed
    plain = edgehybrid.read(path, model=writer, budget=64)
    assert resumed.reading.tokens == plain.reading.tokens
    np.testing.assert_array_equal(resumed.links, plain.links)
    if state == "float32":
        texts = [d.ask("Why?", max_tokens=6, seed=1).text for d in (resumed, again, plain)]
        assert texts[0] == texts[1] == texts[2]
        for name, array in plain.stream.tensors().items():
            np.testing.assert_array_equal(again.stream.tensors()[name], array)


def test_sources_are_where_attention_goes(writer: edgehybrid.Model) -> None:
    """Held against softmax in NumPy: the same sums, whether kernels or graphs have read."""
    from edgehybrid.runtime import model as model_module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_module, "multiplies_bytes_fast", lambda: False)
        graphs = edgehybrid.load(writer.bundle.folder, threads=2)
    seen = []
    for model in (writer, graphs):
        stream = model.stream(budget=30)
        found: list[list[object]] = []
        stream.watcher = found.append
        stream.feed(np.arange(70) % 200)
        stream.take(7)
        for weights, positions, sinks in found[-1]:
            np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
            assert (weights[positions < 0] == 0).all()
            assert sinks == 4
        seen.append([weights for weights, *_ in found[-1]])
    assert len(seen[0]) == len(seen[1]) > 0
    for ours, theirs in zip(*seen, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=5e-3)


def test_json_and_exit_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from edgehybrid.cli import main

    monkeypatch.setenv("EDGEHYBRID_CACHE", str(tmp_path / "cache"))
    (tmp_path / "a.txt").write_text("\f".join(BRIDGE))

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main([*arguments])
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    file = str(tmp_path / "a.txt")
    code, out, _ = run("read", file)
    assert (code, out[:6]) == (0, "a.txt:")
    code, out, _ = run("ask", file, "Who built the bridge?", "--format", "json")
    assert code == 0
    assert json.loads(out)["passages"][0]["page"] == 1
    code, out, _ = run("ask", file, "Which enzyme splits lactose?")
    assert (code, out) == (1, "Nothing in this document matches.\n")
    code, out, err = run("ask", file, "Who?", "--checkpoint-bytes", "many")
    assert (code, out) == (2, "")
    assert "'many' is not a size such as" in err
    code, out, err = run("ask", "missing.pdf", "Who?", "--passages", "0")
    assert (code, "passages is 0" in err) == (2, True)  # before anything is opened
    for command in (["ask", "missing.pdf", "Who?"], ["summarize", "missing.pdf"]):
        code, out, err = run(*command, "--seed", "1")
        assert (code, "seed is 1, but reader-int8 is a reader" in err) == (2, True)
    code, out, err = run("cache", "list")
    assert (code, out.count("a.txt")) == (0, 1)
    assert "1 readings" in err
    assert run("cache", "clear")[2].startswith("edgehybrid: 1 readings deleted")
    assert run("cache", "list")[1] == ""
