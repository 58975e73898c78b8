"""Which graphs are handed to ONNX Runtime: those of the operators that the exporter writes.

An ONNX file can name files anywhere on the disk, carry functions and graphs in graphs, and ask for
any operator. What a bundle needs is little: so all that is not listed here is refused, before
ONNX Runtime sees a byte. Numbers of fields are those of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from edgehybrid.bundle import WEIGHTS
from edgehybrid.errors import BundleDamaged
from edgehybrid.runtime.protobuf import ProtobufError, fields

#: The largest graph of a real bundle has 40 KB; weights are in a file of their own.
MAX_GRAPH_BYTES, MAX_NODES = 1 << 23, 1 << 16
_ONNX = """
    Add Cast Concat Cos Div Equal Expand Gather GatherElements GatherND Gelu GreaterOrEqual
    Identity MatMul Max Mul Neg NonZero Pow QuantizeLinear RMSNormalization ReduceL2 ReduceMax
    ReduceMean ReduceMin ReduceSum Relu Reshape RotaryEmbedding ScatterND Shape Sigmoid Sin
    Softmax Softplus Split Sqrt Squeeze Tanh Tile TopK Transpose Unsqueeze Where
"""
#: Operators by their domain; `export/` writes no others.
OPERATORS = {
    "": frozenset(_ONNX.split()),
    "com.microsoft": frozenset({"GatherBlockQuantized", "MatMulIntegerToFloat", "MatMulNBits"}),
}
#: Versions, producer, texts, opsets and the graph; not training, functions or devices.
_MODEL_FIELDS, _OPSET, _GRAPH = frozenset({1, 2, 3, 4, 5, 6, 7, 8}), 8, 7
#: Nodes, name, weights, text, inputs, outputs, shapes; not sparse weights.
_GRAPH_FIELDS, _NODE, _WEIGHT = frozenset({1, 2, 5, 10, 11, 12, 13}), 1, 5
_NODE_FIELDS, _OP, _ATTRIBUTE, _DOMAIN = frozenset({1, 2, 3, 4, 5, 6, 7}), 4, 5, 7
#: Name, numbers and texts, text, type; no tensors, no graphs, no references.
_ATTRIBUTE_FIELDS = frozenset({1, 2, 3, 4, 7, 8, 9, 13, 20})
_WEIGHT_FIELDS, _EXTERNAL = frozenset({1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14}), 13
_KEY, _VALUE = 1, 2
#: What may be said of a weight in another file.
_PLACES = frozenset({b"location", b"offset", b"length", b"checksum"})

Found = dict[int, list["int | memoryview"]]


def check_graph(path: Path) -> None:
    """Raise unless the file is a graph that may be handed to ONNX Runtime.

    Raises:
        BundleDamaged: it is too large, no ONNX, or has an operator, field or file not listed here.
    """
    size = path.stat().st_size
    if size > MAX_GRAPH_BYTES:
        raise BundleDamaged(f"{path} has {size} bytes, over {MAX_GRAPH_BYTES}")
    try:
        _check_model(memoryview(path.read_bytes()))
    except ProtobufError as error:
        raise BundleDamaged(f"{path} is refused: {error}; export the bundle again") from error


def _check_model(message: memoryview) -> None:
    model = _found(message, _MODEL_FIELDS, "the model")
    for opset in model.get(_OPSET, []):
        domain = _text(_found(_bytes(opset), {1, 2}, "an opset").get(1))
        if domain not in OPERATORS:
            raise ProtobufError(f"operators of {domain[:80]!r} are not run")
    graphs = model.get(_GRAPH, [])
    if len(graphs) != 1:
        raise ProtobufError(f"it holds {len(graphs)} graphs, expected 1")
    graph = _found(_bytes(graphs[0]), _GRAPH_FIELDS, "the graph")
    if len(graph.get(_NODE, [])) > MAX_NODES:
        raise ProtobufError(f"it has {len(graph[_NODE])} nodes, over {MAX_NODES}")
    for node in graph.get(_NODE, []):
        _check_node(_bytes(node))
    for weight in graph.get(_WEIGHT, []):
        _check_weight(_bytes(weight))


def _check_node(message: memoryview) -> None:
    node = _found(message, _NODE_FIELDS, "a node")
    domain, operator = _text(node.get(_DOMAIN)), _text(node.get(_OP))
    if operator not in OPERATORS.get(domain, ()):
        raise ProtobufError(f"the operator {operator[:80]!r} of {domain[:80]!r} is not run")
    for attribute in node.get(_ATTRIBUTE, []):
        _found(_bytes(attribute), _ATTRIBUTE_FIELDS, f"an attribute of {operator}")


def _check_weight(message: memoryview) -> None:
    weight = _found(message, _WEIGHT_FIELDS, "a weight")
    for entry in weight.get(_EXTERNAL, []):
        pair = _found(_bytes(entry), {_KEY, _VALUE}, "the place of a weight")
        key, value = _text(pair.get(_KEY)).encode(), _text(pair.get(_VALUE))
        if key not in _PLACES or (key == b"location" and value != WEIGHTS):
            raise ProtobufError(f"a weight has the {key[:80]!r} {value[:80]!r}, not in {WEIGHTS}")


def _found(message: memoryview, allowed: Collection[int], what: str) -> Found:
    """The fields of a message by their numbers."""
    found: Found = {}
    for number, value in fields(message):
        if number not in allowed:
            raise ProtobufError(f"{what} has a field {number}, which no export writes")
        found.setdefault(number, []).append(value)
    return found


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ProtobufError("a number stands where a message is expected")
    return value


def _text(values: list[int | memoryview] | None) -> str:
    """The text of a field that may be there once."""
    if values is None:
        return ""
    if len(values) > 1:
        raise ProtobufError("a text is there twice")
    try:
        return bytes(_bytes(values[0])).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProtobufError("a text is not UTF-8") from error
