"""A folder of documents: what is found, where summaries go, and what is not done again.

The workers here are a stand-in that copies: what readers make of documents is tested elsewhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgehybrid
from edgehybrid.batch import journal as journals
from edgehybrid.batch import run
from edgehybrid.batch.find import find
from edgehybrid.batch.journal import JOURNAL, Journal, Record
from edgehybrid.batch.output import LONGEST, output_of
from edgehybrid.batch.report import REPORT, Report, table
from edgehybrid.batch.work import Made, Outcome, Setup, Task, Workers
from edgehybrid.documents.opening import SUFFIXES
from edgehybrid.errors import BundleNotFound, Cancelled, NotFound, RequestError
from edgehybrid.tasks.rendering import Format

posix = pytest.mark.skipif(os.name != "posix", reason="links and names are those of POSIX")
#: Legal names that mean harm: to terminals, to lines, to paths.
HOSTILE = [
    "line\nbreak.txt",
    "\x1b[2Jclear.md",
    "a ..  .txt",
    "a..pdf.txt",
    "~.txt",
    "%2e%2e%2fetc.txt",
    "‮gpj.txt",
    "n" * 251 + ".txt",
    "é" * 125 + ".md",
]


class Copyists(Workers):
    """Workers whose summary is the text itself; a document that says FAIL fails."""

    def __init__(self, read: list[str], stop_after: int = 1 << 30) -> None:
        self.read, self.stop_after, self.waiting = read, stop_after, list[Task]()

    def has_room(self) -> bool:
        return len(self.waiting) < 2

    def give(self, task: Task) -> None:
        self.waiting.append(task)

    def take(self) -> Iterator[Outcome]:
        if len(self.read) >= self.stop_after:
            raise KeyboardInterrupt
        task = self.waiting.pop()
        text = task.path.read_text()
        self.read.append(task.path.name)
        if "FAIL" in text:
            yield Outcome(task.number, None, "it says FAIL")
        else:
            yield Outcome(task.number, Made(text, 1, len(text.split()), 9, 0.5, 1 << 20, ()))

    def close(self) -> None:
        self.waiting.clear()


Summarize = Callable[..., tuple[Report, list[str]]]


@pytest.fixture
def summarize(monkeypatch: pytest.MonkeyPatch) -> Summarize:
    """`summarize_folder` with stand-ins; gives the report, and the names of what was read."""

    def call(folder: Path, out: Path, **options: object) -> tuple[Report, list[str]]:
        read = list[str]()
        copyists = Copyists(read, int(str(options.pop("stop_after", 1 << 30))))
        monkeypatch.setattr(run, "_workers", lambda *_: copyists)
        return edgehybrid.summarize_folder(folder, out, **options), sorted(read)  # type: ignore[arg-type]

    return call


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """a.md, a.txt, b/c.txt, and a file of another kind."""
    folder = tmp_path / "tree"
    (folder / "b").mkdir(parents=True)
    for name in ("a.txt", "a.md", "b/c.txt"):
        (folder / name).write_text(f"the text of {name}")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8")
    return folder


def statuses(report: Report) -> dict[str, str]:
    return {row.document: row.status for row in report.rows}


def test_output_mirrors_the_folder(tree: Path, tmp_path: Path, summarize: Summarize) -> None:
    out = tmp_path / "deep" / "out"
    report, read = summarize(tree, out)
    assert read == ["a.md", "a.txt", "c.txt"]
    made = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    named = {"a.md.txt", "a.txt.txt", "b/c.txt.txt", JOURNAL, REPORT}
    assert set(made) - {run.LOCK} == named
    assert (out / "b" / "c.txt.txt").read_text() == "the text of b/c.txt"
    assert report.skipped == {"of other kinds": 1}
    told = json.loads((out / REPORT).read_text())
    assert [row["document"] for row in told["documents"]] == ["a.md", "a.txt", "b/c.txt"]


def test_only_what_is_missing_or_changed_is_done(
    tree: Path, tmp_path: Path, summarize: Summarize, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert len(summarize(tree, out)[1]) == 3
    assert summarize(tree, out)[1] == []
    times = (tree / "a.md").stat()
    (tree / "a.md").write_text("THE TEXT OF a.md")
    os.utime(tree / "a.md", ns=(times.st_atime_ns, times.st_mtime_ns))  # same size, same time
    (out / "b" / "c.txt.txt").unlink()
    report, read = summarize(tree, out)
    assert read == ["a.md", "c.txt"]
    assert statuses(report)["a.txt"] == "up to date"
    assert [row.words for row in report.rows] == [4, 4, 4]
    assert len(summarize(tree, out, words=50)[1]) == 3
    assert len(summarize(tree, out)[1]) == 3
    assert summarize(tree, out, password="secret")[1] == []
    assert b"secret" not in b"".join(p.read_bytes() for p in out.rglob("*") if p.is_file())
    monkeypatch.setattr(edgehybrid, "__version__", "0.0.0")
    assert len(summarize(tree, out)[1]) == 3


def test_what_failed_is_tried_again(tree: Path, tmp_path: Path, summarize: Summarize) -> None:
    (tree / "a.md").write_text("FAIL")
    report, _ = summarize(tree, tmp_path / "out")
    assert statuses(report) == {"a.md": "failed", "a.txt": "done", "b/c.txt": "done"}
    assert "  a.md: it says FAIL" in table(report)
    assert summarize(tree, tmp_path / "out")[1] == ["a.md"]


def test_a_stopped_run_goes_on(tree: Path, tmp_path: Path, summarize: Summarize) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        summarize(tree, out, stop_after=1)
    with (out / JOURNAL).open("ab") as file:
        file.write(b'{"document": "torn')
    assert len(summarize(tree, out)[1]) == 2
    assert summarize(tree, out)[1] == []
    with pytest.raises(Cancelled, match="was stopped after 1 doc"):
        summarize(tree, tmp_path / "other", progress=lambda now: False)


def test_a_document_that_changes_while_it_is_read(
    tree: Path, tmp_path: Path, summarize: Summarize, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Copyists.take

    def change(self: Copyists) -> Iterator[Outcome]:
        yield from take(self)
        (tree / "a.md").write_text("another text")

    monkeypatch.setattr(Copyists, "take", change)
    report, _ = summarize(tree, tmp_path / "out")
    assert [row.document for row in report.failed] == ["a.md"]
    assert "changed while it was read" in report.failed[0].reason


@posix
def test_hostile_names(tmp_path: Path, summarize: Summarize) -> None:
    folder, out = tmp_path / "folder", tmp_path / "out"
    folder.mkdir()
    names = [*HOSTILE, os.fsdecode(b"caf\xe9.txt")]
    for name in names:
        (folder / name).write_text(name.encode(errors="replace").decode())
    for _ in range(2):
        report, _ = summarize(folder, out)
        assert not report.failed
    assert len(list(out.glob("*.txt"))) == len(names)
    assert all(line.isprintable() for line in table(report).splitlines())
    assert all(len(line) for line in (out / JOURNAL).read_text().splitlines())
    assert summarize(folder, out)[1] == []


@posix
def test_links_never_lead_out(tree: Path, tmp_path: Path, summarize: Summarize) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "s.txt").write_text("secret")
    (tree / "out.txt").symlink_to(tmp_path / "secret" / "s.txt")
    (tree / "folder").symlink_to(tmp_path / "secret")
    (tree / "loop").symlink_to(tree)
    (tree / "nowhere.txt").symlink_to(tree / "gone.txt")
    (tree / "inside.txt").symlink_to("a.md")
    (tree / ".hidden.txt").write_text("hidden")
    os.mkfifo(tree / "pipe.txt")
    found = find(tree)
    assert [p.as_posix() for p in found.documents] == ["a.md", "a.txt", "inside.txt", "b/c.txt"]
    assert found.skipped == {"links": 4, "hidden": 1, "of other kinds": 2}
    out = tmp_path / "out"
    out.mkdir()
    (out / "b").symlink_to(tmp_path / "secret")  # nor does a link in the folder of summaries
    report, _ = summarize(tree, out)
    assert [row.document for row in report.failed] == ["b/c.txt"]
    assert "leads out of" in report.failed[0].reason
    assert [p.name for p in (tmp_path / "secret").iterdir()] == ["s.txt"]


def test_summaries_are_no_documents(tree: Path, tmp_path: Path, summarize: Summarize) -> None:
    for _ in range(2):
        report, _ = summarize(tree, tree / "summaries")
        assert len(report.rows) == 3
        assert report.skipped["folders of summaries"] == 1
    for out in (tree, tmp_path):
        with pytest.raises(RequestError, match="give summaries a folder of their own"):
            summarize(tree, out)
    assert not (tmp_path / JOURNAL).exists()


def test_a_folder_that_cannot_be_opened(
    tree: Path, tmp_path: Path, summarize: Summarize, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(path: Path) -> object:  # as the system does, but not to root
        if path == refused:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("edgehybrid.batch.find.os.scandir", refuse)
    refused = tree / "b"
    report, read = summarize(tree, tmp_path / "out")
    assert read == ["a.md", "a.txt"]
    assert [row.document for row in report.failed] == ["b/"]
    assert report.failed[0].reason == "cannot be opened: Permission denied"
    refused = tree
    with pytest.raises(NotFound, match="Permission denied"):
        summarize(tree, tmp_path / "out")


@posix
def test_a_summary_in_whose_place_a_folder_stands(
    tree: Path, tmp_path: Path, summarize: Summarize
) -> None:
    (tree / "a.txt.txt").mkdir()
    (tree / "a.txt.txt" / "d.txt").write_text("below")
    report, _ = summarize(tree, tmp_path / "out")
    assert len(report.failed) == 1
    assert "its summary cannot be written" in report.failed[0].reason


def test_a_full_disk_ends_the_run(
    tree: Path, tmp_path: Path, summarize: Summarize, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edgehybrid.batch.ledger.write_output", full)
    with pytest.raises(OSError, match="No space left"):
        summarize(tree, tmp_path / "out")


def test_wrong_arguments(tree: Path, tmp_path: Path, summarize: Summarize) -> None:
    out = tmp_path / "out"
    with pytest.raises(NotFound, match="no folder"):
        summarize(tree / "a.txt", out)
    with pytest.raises(RequestError, match="is a file"):
        summarize(tree, tree / "a.txt")
    with pytest.raises(RequestError, match="jobs is 0"):
        summarize(tree, out, jobs=0)
    with pytest.raises(RequestError, match="the cluster decides"):
        summarize(tree, out, jobs=2, scheduler="tcp://127.0.0.1:1")
    with pytest.raises(RequestError, match="format 'pdf' is not one of text, markdown, json"):
        summarize(tree, out, format="pdf")
    with pytest.raises(BundleNotFound):
        summarize(tree, out, model=tmp_path / "nowhere")
    assert not out.exists()
    with run._opened(out), pytest.raises(RequestError, match="another run writes"):
        summarize(tree, out)


def test_setup_is_the_cache_key_of_a_cluster_worker() -> None:
    options = edgehybrid.batch.work.Options(pages=(1, 2))
    assert hash(Setup(None, "f", "v", options)) == hash(Setup(None, "f", "v", options))


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)


@given(st.sets(st.tuples(names, st.sampled_from(SUFFIXES)), max_size=6), st.sampled_from(Format))
def test_outputs_never_collide(stems: set[tuple[str, str]], form: Format) -> None:
    documents = {Path("f") / (stem * repeat + end) for stem, end in stems for repeat in (1, 99)}
    outputs = {output_of(document, form) for document in documents}
    assert len(outputs) == len(documents)
    assert all(output.parent == Path("f") for output in outputs)
    assert all(len(os.fsencode(output.name)) <= LONGEST for output in outputs)


def _record(number: int, key: int) -> Record:
    document = journals.name_of(Path(f"{number}.txt"))
    return Record(document, str(key), f"{number}.txt", 1, 2, 3, 0.5, ["a note"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12),
    st.integers(0, 3000),
    st.binary(max_size=40),
)
def test_a_torn_journal_forgets_but_never_lies(
    tmp_path_factory: pytest.TempPathFactory,
    added: list[tuple[int, int]],
    cut: int,
    rubbish: bytes,
) -> None:
    out = tmp_path_factory.mktemp("journal")
    journal = Journal(out)
    for number, key in added:
        journal.add(_record(number, key))
    journal.close()
    whole = (out / JOURNAL).read_bytes()
    (out / JOURNAL).write_bytes(whole[:cut] + (rubbish if cut < len(whole) else b""))
    kept = whole[:cut].count(b"\n")
    last = dict(added[:kept])
    journal = Journal(out)
    for number in range(4):
        for key in range(4):
            found = journal.find(Path(f"{number}.txt"), str(key))
            assert (found is not None) == (last.get(number) == key)
    journal.add(_record(9, 9))
    journal.close()
    journal = Journal(out)
    assert journal.find(Path("9.txt"), "9") == _record(9, 9)
    journal.close()


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{}",
        b'{"document": 1}',
        json.dumps({**vars(_record(1, 1)), "pages": "many"}).encode(),
        json.dumps({**vars(_record(1, 1)), "notes": [1]}).encode(),
        json.dumps({**vars(_record(1, 1)), "more": 1}).encode(),
        b"x" * (1 << 17),
    ],
)
def test_lines_that_are_no_records(tmp_path: Path, line: bytes) -> None:
    (tmp_path / JOURNAL).write_bytes(line + b"\n" + journals._line(_record(2, 2)))
    journal = Journal(tmp_path)
    assert journal.find(Path("1.txt"), "1") is None
    assert journal.find(Path("2.txt"), "2") is not None
    journal.close()


@posix
def test_a_journal_that_leads_elsewhere(tree: Path, tmp_path: Path, summarize: Summarize) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "secret").write_text("secret")
    (out / JOURNAL).symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        summarize(tree, out)
    (out / JOURNAL).unlink()
    os.mkfifo(out / JOURNAL)
    with pytest.raises(OSError):  # noqa: PT011  (systems differ in which)
        summarize(tree, out)
    assert (tmp_path / "secret").read_text() == "secret"


@posix
def test_others_cannot_read_what_is_written(
    tree: Path, tmp_path: Path, summarize: Summarize
) -> None:
    summarize(tree, tmp_path / "out")
    files = [p for p in (tmp_path / "out").rglob("*") if p.is_file() and p.name != run.LOCK]
    assert len(files) == 5
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_journal_does_not_grow_without_end(tmp_path: Path) -> None:
    for key in range(50):
        journal = Journal(tmp_path)
        journal.add(_record(1, key))
        journal.close()
    assert len((tmp_path / JOURNAL).read_bytes().splitlines()) < 5
