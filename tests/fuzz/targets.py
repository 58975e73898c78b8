"""What is fuzzed. A target is a function of bytes; to add one, write it and decorate it."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from click.testing import CliRunner
from safetensors.numpy import save as dump

from edgehybrid.bundle import DEFAULT, Bundle, open_bundle
from edgehybrid.documents.isolated.order import Kind
from edgehybrid.errors import EdgehybridError
from edgehybrid.runtime.protobuf import ProtobufError
from edgehybrid.runtime.stream import Stream
from edgehybrid_kernels import KernelError

SEEDS = Path(__file__).parent / "seeds"


class Target(NamedTuple):
    """Attributes:
    run: raises nothing but EdgehybridError, whatever the bytes.
    weight: its share of all inputs.
    words: what the format is made of.
    """

    run: Callable[[bytes], object]
    weight: int
    words: list[bytes]

    def seeds(self, name: str) -> list[bytes]:
        """What inputs are made of: files that are as they should be, or went wrong once."""
        return [path.read_bytes() for path in sorted((SEEDS / name).iterdir())]


TARGETS: dict[str, Target] = {}
#: What needs the extra `documents`.
WITH_LXML = ("archive", "word", "slide", "opendocument", "html", "mail")


def target(weight: int, words: str = "") -> Callable[[Callable[[bytes], object]], object]:
    """Register a function under its name."""

    def register(run: Callable[[bytes], object]) -> Callable[[bytes], object]:
        if run.__name__ in WITH_LXML and find_spec("lxml") is None:
            return run
        TARGETS[run.__name__] = Target(run, weight, words.encode().split())
        return run

    return register


def attempt(run: Callable[[bytes], object], data: bytes) -> str | None:
    """What is wrong with how `run` takes `data`; None if nothing is."""
    try:
        run(data)
    except EdgehybridError as error:
        if len(str(error).splitlines()) > 1:
            return f"{type(error).__name__} of several lines: {error}"
    except BaseException as error:  # a panic of Rust is no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{type(error).__name__}: {str(error)[:300]}"
    return None


JSON = '{ } [ ] : , " "" null true NaN 1.5 {"mixer":"ssd"} "parallel" "parts" \\ud800'


@functools.cache
def folder() -> Path:
    """A copy of the default bundle in a folder that is deleted at the end."""
    made = tempfile.TemporaryDirectory(prefix="fuzz-")
    folder.cleanup = made.cleanup  # type: ignore[attr-defined]
    return Path(shutil.copytree(DEFAULT, Path(made.name) / "bundle"))


@target(weight=8, words=JSON)
def manifest(data: bytes) -> None:
    from edgehybrid.cli.inspect import _lines
    from edgehybrid.runtime.inspecting import describe

    (folder() / "manifest.json").write_bytes(data)
    described = describe(open_bundle(folder()))
    "\n".join(_lines(described)).encode()
    json.dumps(described, ensure_ascii=False).encode()


@target(weight=40)
def graph(data: bytes) -> None:
    from edgehybrid.runtime.graph_check import _check_model

    with suppress(ProtobufError):
        _check_model(memoryview(data))


@target(weight=2)
def segment(data: bytes) -> None:
    """Graphs that pass the check are opened by ONNX Runtime."""
    from edgehybrid.runtime.graph import Segment

    path = folder() / "fuzzed.onnx"
    path.write_bytes(data)
    Segment(path)


@target(weight=10, words='{ } F32 I64 BF16 "shape" "dtype" "data_offsets" [0,4] -1')
def tensors(data: bytes) -> None:
    from edgehybrid.runtime.tensors import load_tensors

    (folder() / "fuzzed.safetensors").write_bytes(data)
    load_tensors(Bundle(folder(), {"files": {"fuzzed.safetensors": {}}}), "fuzzed.safetensors")


@target(weight=1, words=JSON + ' "norm" "mlp" "in" "out" "weight" "scale" "eps"')
def dense(data: bytes) -> None:
    """The whole program is planned, and reads some tokens where it can be."""
    from edgehybrid.runtime.model import Model

    files = json.loads((DEFAULT / "manifest.json").read_bytes())
    files["files"]["dense.json"] = {
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    (folder() / "dense.json").write_bytes(data)
    model = Model(Bundle(folder(), files), threads=1)
    model.stream().feed(np.arange(40))


@functools.cache
def _tokenizer() -> object:
    from edgehybrid.runtime.model import open_tokenizer

    return open_tokenizer(open_bundle())


@target(weight=10, words="<|prose|> . ? ! “ ” ’ ( ) Dr. e.g. 1.5 \u200d \u0301 \ufeff 中文。")
def tokenizer(data: bytes) -> None:
    from edgehybrid.documents.document import Document
    from edgehybrid.documents.encoding import encode, place_features

    text = data.decode("utf-8", "surrogateescape" if data[:1] == b"s" else "replace")
    document = Document.from_text(text)
    ids, last = encode(_tokenizer(), document.sentences)  # type: ignore[arg-type]
    assert len(last) == len(document.sentences) == len(place_features(document.sentences))
    assert len(ids) == 0 or 0 <= ids.min() <= ids.max() < 1 << 14


@target(weight=15, words="- * 1. | .... \f \t figure References Contents - [ ]")
def text(data: bytes) -> None:
    _pages(data, markdown=False)


@target(weight=6, words="# > - ` ``` [a](b) ![ ]( <a> | |- & &amp; \\ * ** _ --- \f <!-- ]]>")
def markdown(data: bytes) -> None:
    _pages(data, markdown=True)


def _pages(data: bytes, *, markdown: bool) -> None:
    from edgehybrid.documents.opening import decode, open_text
    from edgehybrid.documents.sentences import iter_sentences

    list(iter_sentences(open_text(decode(data, "fuzzed"), "fuzzed", markdown=markdown).pages))


PDF = (
    "obj endobj stream endstream xref trailer startxref %%EOF << >> [ ] ( ) /Kids /Count /Parent "
    "/Length /Filter /FlateDecode /Type /Page /Pages /Font /XObject BT ET Tj Do Tf 0 R /Prev /W"
)


@target(weight=3, words=PDF)
def pdf(data: bytes) -> None:
    from edgehybrid.documents.pdf import read_pdf

    path = folder() / "fuzzed.pdf"
    path.write_bytes(data)
    list(read_pdf(path, isolated=False, damaged=data[-1:] != b"\n"))


@target(
    weight=4, words="PK\x03\x04 PK\x01\x02 PK\x05\x06 _rels/.rels mimetype ../x word/document.xml"
)
def archive(data: bytes) -> None:
    _office(data, "archive")


XML = "<w:p> </w:p> <w:t> w:val= &amp; &#x0; <!DOCTYPE [ ]> <!ENTITY <![CDATA[ ]]> <?x ?> xmlns:w= "


@target(weight=4, words=XML + "<w:tbl> <w:tr> <w:tc> <w:lastRenderedPageBreak/> <w:pPr> <w:sdt>")
def word(data: bytes) -> None:
    """The text of a Word file, which lies in an archive."""
    _office(_in_archive("word/document.xml", data), "archive")


@target(weight=4, words=XML + "<p:sp> <a:p> <a:t> <p:ph type= <a:tbl> <a:tr> <a:tc> <p:txBody>")
def slide(data: bytes) -> None:
    """A slide of a presentation."""
    _office(_in_archive("ppt/slides/slide1.xml", data), "archive")


@target(
    weight=4, words=XML + "<text:p> <text:h> <text:list> <table:table> <text:note> <text:s text:c="
)
def opendocument(data: bytes) -> None:
    """The content of an OpenDocument text."""
    _office(_in_archive("content.xml", data), "archive")


@target(
    weight=8,
    words="<p> </p> <table> <tr> <td> <th> <pre> <li> <h1> &nbsp; <!-- --> <script> hidden <sup>",
)
def html(data: bytes) -> None:
    _office(data, "html")


RTF = (
    r"{ } \rtf1 \par \pard \u-1? \uc2 \'ff \cell \row \bin9 \* \footnote \stylesheet \s1 \v \intbl "
    r"\pict \ansicpg65001 \outlinelevel0 \ls1 \~ \_"
)


@target(weight=8, words=RTF)
def rtf(data: bytes) -> None:
    _office(data, "rtf")


@target(
    weight=8,
    words="Subject: =?utf-8?q?=ff?= Content-Type: multipart/mixed; boundary=A --A -- charset=x",
)
def mail(data: bytes) -> None:
    _office(data, "mail")


def _office(data: bytes, kind: Kind) -> None:
    from edgehybrid.documents.isolated.order import Order
    from edgehybrid.documents.isolated.readers import read_order

    path = folder() / "fuzzed"
    path.write_bytes(data)
    list(read_order(Order(str(path), kind=kind)))


def _in_archive(entry: str, data: bytes) -> bytes:
    """An archive that has `data` as this entry, and around it what names it."""
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "ppt/presentation.xml" if entry.startswith("ppt/") else entry
    entries = {
        "_rels/.rels": f'<r><x Id="r1" Type="{office}/officeDocument" Target="{main}"/></r>',
        "ppt/_rels/presentation.xml.rels": '<r><x Id="r1" Target="slides/slide1.xml"/></r>',
        "ppt/presentation.xml": f'<p xmlns:r="{office}"><sldId r:id="r1"/></p>',
    }
    if entry == "content.xml":
        entries = {"mimetype": "application/vnd.oasis.opendocument.text"}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as written:
        for name, text in entries.items():
            written.writestr(name, text)
        written.writestr(entry, data)
    return made.getvalue()


@target(weight=15, words="{{ }} {% %} for in if endif endfor set ~ | [ ] ( ) messages tojson range")
def template(data: bytes) -> None:
    from edgehybrid.runtime.rendering import render

    source = data.decode("utf-8", "replace")
    turn = {"role": "user", "content": "k0x"}
    answer = render(source, {"messages": [turn], "add_generation_prompt": True, "eos_token": "e"})
    assert len(answer) == 1
    assert answer.keys() <= {"text", "refused", "error"}


@target(weight=30, words='{ } "pages" "first" "last" "reading" "page" "blocks" "error" "end" [')
def wire(data: bytes) -> None:
    from edgehybrid.documents.isolated.wire import NotAMessageError, decode

    with suppress(NotAMessageError):
        decode(data)


@functools.cache
def _app() -> object:
    import typer

    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
    app.callback()(import_module("edgehybrid.cli.main")._root)
    for name in (
        *("ask", "bench", "chat", "explain", "fit_router", "generate", "inspect", "read"),
        "summarize",
    ):
        command = getattr(import_module(f"edgehybrid.cli.{name}"), name)
        app.command(name)(functools.wraps(command)(lambda *args, **kwargs: None))
    return typer.main.get_command(app)


@target(weight=2, words="--words --points --format json --pages 1-3 --help -h -- - --budget 1k,2k")
def cli(data: bytes) -> None:
    """Arguments, one a line, to commands that do nothing; and the texts that these parse."""
    from edgehybrid.cli.bench import parse_contexts
    from edgehybrid.cli.opening import byte_count, page_range

    arguments = data.decode("utf-8", "surrogateescape").replace("\0", "").split("\n")
    result = CliRunner().invoke(_app(), arguments)  # type: ignore[arg-type]
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    for parse in (page_range, byte_count, parse_contexts):
        for argument in arguments:
            with suppress(EdgehybridError):
                parse(argument)  # type: ignore[operator]


@functools.cache
def _read() -> Stream:
    """A stream that has read something; it is never changed."""
    from edgehybrid.runtime.model import load

    stream = load(threads=1).stream()
    stream.feed(np.arange(200))
    return stream


@target(weight=3, words=JSON + ' "format" "position" "kind" "budget" "document" "sha256" 10')
def state(data: bytes) -> None:
    """What a state file says of itself; its numbers are sound."""
    from edgehybrid.runtime.saving import KEY, _packed

    tensors = {name: _packed(array) for name, array in _read().tensors().items()}
    path = folder() / "fuzzed.state"
    path.write_bytes(dump(tensors, metadata={KEY: data.decode("utf-8", "replace")}))
    _read().model.resume(path)


@target(weight=2)
def state_file(data: bytes) -> None:
    """The bytes of the file."""
    path = folder() / "fuzzed.state"
    path.write_bytes(data)
    _read().model.resume(path)


@target(weight=6)
def state_numbers(data: bytes) -> None:
    """Other numbers in a state, whose sum somebody has computed anew: 16 bytes say where each."""
    stream = _read().fork()
    arrays = {name: array.copy() for name, array in stream.tensors().items()}
    names = sorted(arrays)
    for i in range(0, len(data) - 15, 16):
        flat = arrays[names[data[i] % len(names)]].reshape(-1)
        size = flat.dtype.itemsize
        at = int.from_bytes(data[i + 1 : i + 5], "little") % max(len(flat), 1)
        if len(flat):
            flat[at : at + 1] = np.frombuffer(data[i + 8 : i + 8 + size], flat.dtype)
    with suppress(KernelError):
        stream.restore(arrays, stream.position)
        stream.feed(np.arange(70))


@target(weight=3, words="position sum rows 0 1")
def kept(data: bytes) -> None:
    """The files of a reading that is kept."""
    from edgehybrid.store.entry import Unlocked, summary_of

    place = folder() / "entry"
    place.mkdir(exist_ok=True)
    half = len(data) // 2
    (place / "about.json").write_bytes(data[:half])
    (place / "chain").write_bytes(data[half:])
    (place / "rows").write_bytes(data)
    summary_of(place)
    entry = Unlocked(place)
    entry.rows(3, 5)
    entry.states()
