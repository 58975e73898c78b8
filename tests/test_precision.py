"""Precision by part, and what it does to a bundle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from checkpoints import random_reader

from edgehybrid_export import export
from edgehybrid_export.errors import ExportError
from edgehybrid_export.precision import parse_precisions
from edgehybrid_export.weights import Weight, block_diagonal, pick, side_by_side, times


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("int8", "int8"),
        ("int4", "int4-128"),
        ("body=int4-64", "int4-64"),
        ("body=int4,head=int8", "body=int4-128,head=int8,embedding=int8"),
        ("embedding=float16, body=int8", "body=int8,head=int8,embedding=float16"),
        ("body=int4-32-asym,head=float32,embedding=int8",
         "body=int4-32-asym,head=float32,embedding=int8"),
    ],
)  # fmt: skip
def test_names(text: str, name: str) -> None:
    assert parse_precisions(text).name == name
    assert parse_precisions(name) == parse_precisions(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("int5", "'int5' is not one of float32"),
        ("head=int8", "say nothing of the body"),
        ("body=int8,body=int4", "'body' is not one of body, head, embedding, once"),
        ("tail=int8", "'tail' is not one of"),
        ("body=", "'' is not one of"),
    ],
)
def test_bad_names(text: str, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        parse_precisions(text)


def test_an_embedding_that_blocks_do_not_divide_is_int8() -> None:
    precisions = parse_precisions("int4-64")
    assert precisions.fitted(128) == precisions
    assert precisions.fitted(96).name == "body=int4-64,head=int4-64,embedding=int8"


def test_smaller_weights_make_a_smaller_bundle(tmp_path: Path) -> None:
    source = random_reader(tmp_path / "source", hidden_size=128, intermediate_size=256)
    sizes, errors = [], []
    for weights in ("float32", "float16", "int8", "int4-32"):
        manifest = export(source, tmp_path / weights, weights=weights)
        sizes.append(sum(manifest["parts"].values()))
        errors.append(manifest["loss"]["layer_error"])
    assert sizes == sorted(sizes, reverse=True)
    assert errors == sorted(errors)
    text = (tmp_path / "int8" / "manifest.json").read_text()
    assert json.loads(text)["weights"] == "int8"


def of_array(array: np.ndarray) -> Weight:
    return Weight(array.shape, lambda begin, end: array[begin:end], object())


def test_matrices_are_what_was_done_to_them() -> None:
    random = np.random.default_rng(0)
    a, b = (random.standard_normal((n, 5)).astype(np.float32) for n in (7, 4))
    order = np.array([3, 4, 0, 10, 9])
    joined = side_by_side(of_array(a), times(of_array(b), 2.0))
    wanted = np.concatenate([a, 2 * b])
    for begin in range(11):
        for end in range(begin + 1, 12):
            np.testing.assert_array_equal(joined.rows(begin, end), wanted[begin:end])
    np.testing.assert_array_equal(pick(joined, order).array(), wanted[order])
    np.testing.assert_array_equal(pick(joined, order).rows(1, 4), wanted[order][1:4])
    factors = np.arange(11, dtype=np.float32)
    np.testing.assert_array_equal(times(joined, factors).rows(2, 5), (wanted.T * factors).T[2:5])


def test_blocks_on_the_diagonal() -> None:
    a, b = np.ones((2, 3), np.float32), np.full((3, 1), 2, np.float32)
    wanted = np.zeros((5, 4), np.float32)
    wanted[:2, :3], wanted[2:, 3:] = a, b
    both = block_diagonal(of_array(a), of_array(b))
    np.testing.assert_array_equal(both.array(), wanted)
    np.testing.assert_array_equal(both.rows(1, 3), wanted[1:3])


def test_equal_matrices_have_equal_keys() -> None:
    a = of_array(np.ones((3, 2), np.float32))
    b = of_array(np.ones((3, 2), np.float32))
    assert a.key != b.key
    assert times(a, 2).key == times(a, 2).key != times(a, 3).key
    assert times(a, 1).key == a.key
