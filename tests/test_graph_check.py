"""ONNX Runtime sees no graph but such as the exporter writes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

import edgehybrid_export
from edgehybrid.bundle import DEFAULT
from edgehybrid.errors import BundleDamaged
from edgehybrid.runtime.graph_check import OPERATORS, _check_model, check_graph
from edgehybrid.runtime.protobuf import ProtobufError, fields

PORTABLE = "step.onnx"


def small() -> onnx.ModelProto:
    """y = x + w, with w in weights.bin."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [4], np.zeros(4, np.float32))
    weight.ClearField("float_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", "16")):
        weight.external_data.add(key=key, value=value)
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [4]) for n in "xy"]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])], "g", values[:1], values[1:], [weight]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])


def check(model: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "graph.onnx"
    path.write_bytes(model.SerializeToString())
    check_graph(path)


def set_location(value: str) -> Callable[[onnx.ModelProto], None]:
    def alter(model: onnx.ModelProto) -> None:
        model.graph.initializer[0].external_data[0].value = value

    return alter


def add_attribute(**attributes: object) -> Callable[[onnx.ModelProto], None]:
    def alter(model: onnx.ModelProto) -> None:
        for name, value in attributes.items():
            model.graph.node[0].attribute.append(helper.make_attribute(name, value))

    return alter


def set_operator(op: str, domain: str = "") -> Callable[[onnx.ModelProto], None]:
    def alter(model: onnx.ModelProto) -> None:
        model.graph.node[0].op_type, model.graph.node[0].domain = op, domain

    return alter


def add_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Add", ["a", "b"], ["c"])
    opsets = [helper.make_opsetid("", 21)]
    model.functions.append(helper.make_function("", "Add", ["a", "b"], ["c"], [node], opsets))


def add_sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add(dims=[1 << 40])


def nest(model: onnx.ModelProto) -> None:
    add_attribute(body=helper.make_graph([], "inner", [], []))(model)


HOSTILE: dict[str, tuple[Callable[[onnx.ModelProto], object], str]] = {
    "loop": (set_operator("Loop"), "'Loop' of ''"),
    "if": (set_operator("If"), "'If'"),
    "python": (set_operator("PyOp", "ai.onnx.contrib"), "'PyOp' of 'ai.onnx.contrib'"),
    "other domain": (set_operator("Add", "com.example"), "'Add' of 'com.example'"),
    "contrib": (set_operator("Attention", "com.microsoft"), "'Attention'"),
    "opset": (lambda m: m.opset_import.append(helper.make_opsetid("evil", 1)), "'evil' are not"),
    "absolute": (set_location("/etc/passwd"), "'/etc/passwd', not in weights.bin"),
    "up": (set_location("../weights.bin"), "not in weights.bin"),
    "memory": (set_location("*/_ORT_MEM_ADDR_/*"), "not in weights.bin"),
    "tensor": (add_attribute(value=helper.make_tensor("t", 1, [1], [0.0])), "field 5"),
    "graph": (nest, "an attribute of Add has a field 6"),
    "functions": (add_function, "the model has a field 25"),
    "training": (lambda m: m.training_info.add(), "the model has a field 20"),
    "settings": (lambda m: m.metadata_props.add(key="ort_config", value="{}"), "field 14"),
    "sparse": (add_sparse, "the graph has a field 15"),
    "strings": (lambda m: m.graph.initializer[0].string_data.append(b"x"), "field 6"),
    "no graph": (lambda m: m.ClearField("graph"), "0 graphs"),
}


def test_a_plain_graph_is_taken(tmp_path: Path) -> None:
    check(small(), tmp_path)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_export_writes_is_refused(tmp_path: Path, name: str) -> None:
    alter, match = HOSTILE[name]
    model = small()
    alter(model)
    with pytest.raises(BundleDamaged, match=match):
        check(model, tmp_path)


def test_a_message_in_two_pieces_is_refused(tmp_path: Path) -> None:
    path, whole = tmp_path / "graph.onnx", small().SerializeToString()
    path.write_bytes(whole + whole)
    with pytest.raises(BundleDamaged, match="2 graphs"):
        check_graph(path)


@pytest.mark.parametrize("data", [b"\xff" * 20, b"\x0a\xff\xff\xff\xff\x0f", b"\x3b", b"\x3a\x05"])
def test_bytes_that_are_no_message(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "graph.onnx").write_bytes(data)
    with pytest.raises(BundleDamaged, match="is refused"):
        check_graph(tmp_path / "graph.onnx")


def test_a_graph_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "graph.onnx").write_bytes(bytes(9 << 20))
    with pytest.raises(BundleDamaged, match="over"):
        check_graph(tmp_path / "graph.onnx")


def test_all_graphs_of_all_bundles_are_taken(bundles: dict[str, Path]) -> None:
    """Those of language models are, or the tests of families could not run them."""
    for folder in (DEFAULT, *bundles.values()):
        for path in folder.glob("*.onnx"):
            if path.name != PORTABLE:
                check_graph(path)


def test_the_portable_graph_is_not_for_this_runtime() -> None:
    """It runs in other places, and what it needs besides is not let in here for its sake."""
    with pytest.raises(BundleDamaged, match="is not run"):
        check_graph(DEFAULT / PORTABLE)


def test_all_operators_of_the_exporter_are_listed() -> None:
    written = set()
    folder = Path(edgehybrid_export.__file__).parent
    for path in folder.rglob("*.py"):
        if folder / "portable" in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                first = node.args[0] if node.args else None
                if node.func.attr in ("node", "make_node") and isinstance(first, ast.Constant):
                    written.add(first.value)
    assert len(written) > 30
    assert written <= OPERATORS[""] | OPERATORS["com.microsoft"]


@given(st.binary(max_size=200))
def test_any_bytes_end_in_one_error(data: bytes) -> None:
    for call in (lambda: list(fields(memoryview(data))), lambda: _check_model(memoryview(data))):
        try:
            call()
        except ProtobufError:
            continue
