"""Products of bytes and what stands between them, against NumPy."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

from edgehybrid_kernels import load_task
from edgehybrid_kernels.dense import reference
from edgehybrid_kernels.dense.dots import ROWS, TILE
from edgehybrid_kernels.dense.linear import PADDING, scratch_bytes
from edgehybrid_kernels.program.table import Program, Variable, aligned
from edgehybrid_kernels.simd import LANES

Array = Any
BLOCKS = (0, 32, 64, 128)
SLOW = settings(max_examples=30, deadline=None)


def program(inputs: int = 4096, threads: int = 1) -> Program:
    return Program(aligned((threads, scratch_bytes(inputs)), np.uint8))


def at(array: Array | None) -> int:
    return 0 if array is None else int(array.ctypes.data)


class Product:
    """A product with random weights, run as the runtime runs it."""

    def __init__(self, rng: np.random.Generator, outputs: int, inputs: int, block: int, asym: bool):
        self.outputs, self.inputs, self.block = outputs, inputs, block
        self.blocks = inputs // block if block else 1
        if block:
            self.codes = rng.integers(0, 16, (outputs, inputs))
            packed = (self.codes[:, 0::2] | self.codes[:, 1::2] << 4).astype(np.uint8)
            self.weight = np.zeros((max(outputs, LANES), inputs // 2), np.uint8)
            self.zero = rng.integers(0, 16, (self.blocks, outputs)).astype(np.int32)
        else:
            self.codes = rng.integers(-127, 128, (outputs, inputs))
            packed = self.codes.astype(np.int8).view(np.uint8)
            self.weight = np.zeros((max(outputs, LANES), inputs), np.uint8)
            self.zero = np.zeros((1, outputs), np.int32)
        if block and not asym:
            self.zero[:] = 8
        self.weight[:outputs] = packed
        self.scale = rng.random((self.blocks, outputs), np.float32)
        self.asym, self.name = asym, f"linear_int4_{block}_task" if block else "linear_int8_task"

    def run(self, x: Array, threads: int = 1, **extra: Array) -> Array:
        """out (T, N), through prepare_task and the product's own."""
        tokens = len(x)
        rows = -(-max(tokens, 1) // ROWS) * ROWS
        codes = aligned((rows, self.inputs), np.int8)
        step = np.zeros((rows, self.blocks), np.float32)
        sums = np.zeros((rows, self.blocks), np.int64)
        out = np.full((tokens, self.outputs), np.nan, np.float32)
        table, count = program(self.inputs, threads), Variable()
        table.add(
            load_task("prepare_task"),
            *(0, x.shape[1], self.inputs, at(x), x.strides[0], 0, 0.0, 0, 0),
            *(at(codes), codes.strides[0], at(step), at(sums), self.block),
            units=count,
        )
        bias, residual = extra.get("bias"), extra.get("residual")
        table.add(
            load_task(self.name),
            *(count, self.outputs, self.inputs, at(codes), codes.strides[0], at(step), at(sums)),
            *(at(self.weight), self.weight.strides[0], at(self.scale)),
            *(at(self.zero) if self.asym else 0, at(bias), at(residual)),
            *(0 if residual is None else residual.strides[0], at(out), out.strides[0]),
            units=-(-self.outputs // TILE),
        )
        table.set(count, tokens)
        table.run()
        return out

    def expected(self, x: Array) -> Array:
        padded = np.zeros((len(x), self.inputs), np.float32)
        padded[:, : x.shape[1]] = x
        codes, step = reference.round_rows(padded, self.block)
        return reference.linear(codes, step, self.codes, self.scale, self.zero)


@st.composite
def products(draw: st.DrawFn) -> tuple[Product, np.random.Generator]:
    rng = np.random.default_rng(draw(st.integers(0, 1 << 20)))
    block = draw(st.sampled_from(BLOCKS))
    outputs, inputs = draw(st.integers(1, 3 * TILE + 5)), PADDING * draw(st.integers(1, 3))
    return Product(rng, outputs, inputs, block, draw(st.booleans())), rng


@SLOW
@given(products(), st.integers(1, 3 * ROWS + 1))
def test_product_is_that_of_numpy(made: tuple[Product, np.random.Generator], tokens: int) -> None:
    product, rng = made
    x = rng.standard_normal((tokens, product.inputs), np.float32)
    expected = product.expected(x)
    assert np.abs(product.run(x) - expected).max() <= 1e-5 * np.abs(expected).max()


@SLOW
@given(products(), st.integers(2, 3 * ROWS))
def test_tokens_do_not_know_of_each_other(
    made: tuple[Product, np.random.Generator], tokens: int
) -> None:
    product, rng = made
    x = rng.standard_normal((tokens, product.inputs), np.float32)
    whole, cut = product.run(x), int(rng.integers(1, tokens))
    parts = [product.run(x[:cut]), product.run(x[cut:])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(np.concatenate([product.run(row[None]) for row in x]), whole)
    np.testing.assert_array_equal(product.run(x, threads=3), whole)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("tokens", [1, 9])
def test_bias_and_residual_are_added(block: int, tokens: int) -> None:
    rng = np.random.default_rng(1)
    product = Product(rng, TILE + 3, 256, block, False)
    x = rng.standard_normal((tokens, 256), np.float32)
    bias = rng.standard_normal(product.outputs, np.float32)
    residual = rng.standard_normal((tokens, product.outputs), np.float32)
    plain, whole = product.run(x), product.run(x, bias=bias, residual=residual)
    np.testing.assert_allclose(whole, plain + bias + residual, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("block", BLOCKS)
def test_inputs_are_padded(block: int) -> None:
    rng = np.random.default_rng(2)
    product = Product(rng, 40, 256, block, False)
    x = rng.standard_normal((7, 200), np.float32)
    np.testing.assert_allclose(product.run(x), product.expected(x), rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("tokens", [2, 11])
def test_nan_stays_in_its_row_and_is_not_lost(block: int, bad: float, tokens: int) -> None:
    rng = np.random.default_rng(3)
    product = Product(rng, 33, 256, block, False)
    x = rng.standard_normal((tokens, 256), np.float32)
    clean = product.run(x)
    x[1, 77] = bad
    out = product.run(x)
    assert np.isnan(out[1]).all()
    np.testing.assert_array_equal(np.delete(out, 1, 0), np.delete(clean, 1, 0))


def test_a_row_of_zeros_gives_zeros() -> None:
    product = Product(np.random.default_rng(4), 20, 128, 0, False)
    assert not product.run(np.zeros((3, 128), np.float32)).any()


def prepared(
    x: Array, mode: int, size: int, weight: Array | None = None, eps: float = 0.0
) -> Array:
    out = np.zeros((len(x), size), np.float32)
    table = program(size)
    table.add(
        load_task("prepare_task"),
        *(mode, size, size, at(x), x.strides[0], at(weight), eps, at(out), out.strides[0]),
        *(0, 0, 0, 0, 0),
        units=len(x),
    )
    table.run()
    return out


@pytest.mark.parametrize(("act", "code"), [("silu", 2), ("gelu_tanh", 3), ("relu2", 4)])
@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("size", [1, 48, 100])
def test_activations(act: str, code: int, gated: bool, size: int) -> None:
    rng = np.random.default_rng(5)
    x = 3 * rng.standard_normal((5, size * (1 + gated)), np.float32)
    got = prepared(x, code + 8 * gated, size)
    np.testing.assert_allclose(got, reference.activate(x, act, gated=gated), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("size", [1, 31, 768])
def test_norm(size: int) -> None:
    rng = np.random.default_rng(6)
    x, weight = rng.standard_normal((4, size), np.float32), rng.random(size, np.float32)
    got = prepared(x, 1, size, weight, 1e-5)
    np.testing.assert_allclose(got, reference.rms_norm(x, weight, 1e-5), rtol=3e-6, atol=1e-7)


@pytest.mark.parametrize("act", [0, 1])
def test_float_product(act: int) -> None:
    rng = np.random.default_rng(7)
    x, w = rng.standard_normal((5, 48), np.float32), rng.standard_normal((48, 21), np.float32)
    bias, out = rng.standard_normal(21, np.float32), np.zeros((5, 21), np.float32)
    table = program()
    table.add(
        load_task("linear_float_task"),
        *(21, 48, at(x), x.strides[0], at(w), at(bias), at(out), out.strides[0], act),
        units=5,
    )
    table.run()
    expected = x @ w + bias
    expected = reference.activate(expected, "silu", gated=False) if act else expected
    np.testing.assert_allclose(out, expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [0, 1, 32])
@pytest.mark.parametrize("asym", [False, True])
def test_embedding(kind: int, asym: bool) -> None:
    rng = np.random.default_rng(8)
    vocab, size = 50, 96
    ids, out = rng.integers(0, vocab, 9).astype(np.int32), np.zeros((9, size), np.float32)
    zero, scale = None, rng.random((vocab, size // kind if kind > 1 else 1), np.float32)
    if kind == 0:
        table = rng.standard_normal((vocab, size), np.float32)
        values = table
    elif kind == 1:
        table = rng.integers(-127, 128, (vocab, size)).astype(np.int8)
        values = table * scale
    else:
        codes = rng.integers(0, 16, (vocab, size))
        table = (codes[:, 0::2] | codes[:, 1::2] << 4).astype(np.uint8)
        points = rng.integers(0, 16, (vocab, 3)) if asym else np.full((vocab, 3), 8)
        zero = np.zeros((vocab, 2), np.uint8)
        zero[:, 0], zero[:, 1] = points[:, 0] | points[:, 1] << 4, points[:, 2]
        zero = zero if asym else None
        values = (codes - points.repeat(kind, 1)) * scale.repeat(kind, 1)
    steps = program()
    steps.add(
        load_task("embed_task"),
        *(size, at(ids), at(table), table.strides[0], kind, at(scale), at(zero), 1.5),
        *(at(out), out.strides[0]),
        units=9,
    )
    steps.run()
    np.testing.assert_allclose(out, 1.5 * values[ids], rtol=1e-6)


def test_delta_gates() -> None:
    rng = np.random.default_rng(9)
    both = rng.standard_normal((6, 30), np.float32)
    bias, rate = rng.standard_normal(20, np.float32), -rng.random(20, np.float32)
    decay, beta = np.zeros((6, 20), np.float32), np.zeros((6, 10), np.float32)
    table = program()
    table.add(
        load_task("delta_gates_task"),
        *(20, at(both), at(bias), at(rate), at(decay), 10, at(both) + 80, at(beta), 2.0),
        both.strides[0],
        units=6,
    )
    table.run()
    np.testing.assert_allclose(decay, rate * np.log1p(np.exp(both[:, :20] + bias)), rtol=2e-5)
    np.testing.assert_allclose(beta, 2 / (1 + np.exp(-both[:, 20:])), rtol=2e-5)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other instructions of this machine")
@pytest.mark.parametrize("cpu", ["haswell", "nehalem"])
def test_older_instructions_give_the_same(cpu: str) -> None:
    """Without VNNI and AVX-512, and without AVX2: the same tests, compiled for such a machine."""
    if os.environ.get("NUMBA_CPU_NAME"):
        pytest.skip("this is the inner run")
    chosen = "product_is or know_of_each or not_lost or activations"
    inner = subprocess.run(
        [sys.executable, "-m", "pytest", "-qx", __file__, "-k", chosen, "-p", "no:cacheprovider"],
        env={**os.environ, "NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": FEATURES[cpu]},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert inner.returncode == 0, inner.stdout[-3000:]


FEATURES = {
    "haswell": "+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+avx,+avx2,+fma,+bmi,+bmi2,+popcnt",
    "nehalem": "+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt",
}
