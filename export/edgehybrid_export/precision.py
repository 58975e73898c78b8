"""How weights are stored: one precision for all, or one for each part of a model.

float32
float16                  half the file; computed in float32
int8                     one scale per output channel, activations rounded per token
int4-32, -64, -128       one scale per block of so many input channels; int4 is int4-128
int4-128-asym            and one zero point per block
body=int4,head=int8      by part; the head has the body's precision unless it is named,
                             and the embedding the head's: a tied table is stored once
int8+int4                two sets: the first reads, the second writes
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgehybrid_export.errors import ExportError

PARTS = ("body", "head", "embedding")
BLOCKS = (32, 64, 128)
DEFAULT_BLOCK = 128


@dataclass(frozen=True)
class Precision:
    """One way to store a matrix; `block` and `symmetric` are of int4."""

    kind: str
    block: int = 0
    symmetric: bool = True

    @property
    def name(self) -> str:
        """As `parse` reads it."""
        if self.kind != "int4":
            return self.kind
        return f"int4-{self.block}" + ("" if self.symmetric else "-asym")


@dataclass(frozen=True)
class Precisions:
    """The precision of each part of a model."""

    body: Precision
    head: Precision
    embedding: Precision

    @property
    def name(self) -> str:
        """As `parse_precisions` reads it, the shortest way."""
        if self.body == self.head == self.embedding:
            return self.body.name
        return ",".join(f"{part}={getattr(self, part).name}" for part in PARTS)

    def fitted(self, hidden: int) -> Precisions:
        """With an embedding of int8 where `hidden` is no multiple of its blocks of int4."""
        if self.embedding.block == 0 or hidden % self.embedding.block == 0:
            return self
        return replace(self, embedding=KNOWN["int8"])


FLOAT32 = Precision("float32")
KNOWN: dict[str, Precision] = {kind: Precision(kind) for kind in ("float32", "float16", "int8")}
KNOWN |= {f"int4-{block}": Precision("int4", block) for block in BLOCKS}
KNOWN |= {f"int4-{block}-asym": Precision("int4", block, False) for block in BLOCKS}
KNOWN["int4"] = KNOWN[f"int4-{DEFAULT_BLOCK}"]


def parse_speeds(text: str) -> tuple[Precisions, Precisions | None]:
    """Read `int8`, or `int8+int4`: what reads, and what writes if that is another.

    Raises:
        ExportError: as `parse_precisions`, or there are more than two.
    """
    reading, *writing = text.split("+")
    if len(writing) > 1:
        raise ExportError(f"weights {text!r}: expected one set, or two joined by +")
    return parse_precisions(reading), parse_precisions(writing[0]) if writing else None


def parse_precisions(text: str) -> Precisions:
    """Read `int8`, or `body=int4-64,head=int8,embedding=int8`.

    Raises:
        ExportError: a precision or a part is not known, or the body has none.
    """
    if "=" not in text:
        return Precisions(*[_parse(text)] * 3)
    given: dict[str, Precision] = {}
    for piece in text.split(","):
        part, _, name = (s.strip() for s in piece.partition("="))
        if part not in PARTS or part in given:
            raise ExportError(f"weights {text!r}: {part!r} is not one of {', '.join(PARTS)}, once")
        given[part] = _parse(name)
    if "body" not in given:
        raise ExportError(f"weights {text!r} say nothing of the body, such as body=int8")
    head = given.get("head", given["body"])
    return Precisions(given["body"], head, given.get("embedding", head))


def _parse(name: str) -> Precision:
    if name not in KNOWN:
        raise ExportError(f"weights {name!r} is not one of {', '.join(KNOWN)}")
    return KNOWN[name]
