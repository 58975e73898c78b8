"""Integer dot products for Numba kernels, as LLVM instructions.

Weights and activations are bytes; four neighbouring ones of each are multiplied and added up in a
32-bit lane. How, depends on the machine: one VNNI instruction on x86, which wants one side
unsigned, so that signed weights are read with their top bit flipped (``FLIP`` is then added to
each); one ``sdot`` on ARM; with AVX2 alone, products of magnitudes by values that take the other's
sign, which cannot overflow 16 bits as long as neither is -128; elsewhere 16-bit products. Each is
exact, so every way of cutting a product into tiles gives the same bits.

Four functions, in two pairs:

* ``pack_bytes`` and ``pack_nibbles`` turn LANES rows of weights into columns, four bytes deep, and
  ``tile_dots`` multiplies ROWS rows of activations by a tile of such columns: for many tokens.
* ``row_dots`` and ``nibble_dots`` multiply one row of activations by LANES rows of weights as they
  lie, each of which is read once: for few tokens, where memory is what takes the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from llvmlite import ir

from edgehybrid_kernels import jit
from edgehybrid_kernels.dense.arm import has_sdot
from edgehybrid_kernels.simd import LANES, Builder, Vector, call_intrinsic, pointer_to, primitive

_TRIPLE, _CPU, _FEATURES = jit.target()
_HAS: Final = frozenset(_FEATURES.split(","))
_X86: Final = _TRIPLE.startswith(("x86_64", "i686"))
_VNNI: Final = ("+avx512vnni" in _HAS and "+avx512vl" in _HAS) or "+avxvnni" in _HAS
_AVX2: Final = _X86 and "+avx2" in _HAS and LANES == 8
_SDOT: Final = has_sdot(_TRIPLE, _CPU, _FEATURES)

#: Whether products of bytes are faster here than those of ONNX Runtime.
IS_FAST: Final = _VNNI or _AVX2 or _SDOT
#: What packing and ``row_dots`` add to each signed weight.
FLIP: Final = 128 if _VNNI else 0
#: Bytes of a vector.
WIDTH: Final = 4 * LANES
#: Rows and vectors of columns of a tile: as many sums as the registers hold beside their inputs.
ROWS, COLUMNS = (6, 4) if LANES == 16 else (4, 2)
#: Columns of a tile.
TILE: Final = COLUMNS * LANES

#: How many rows before they are used weights are asked for, and which cache takes them.
_AHEAD, _SECOND_LEVEL = 16, 2

_I8, _I16, _INT, _LONG = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_INTS = ir.VectorType(_INT, LANES)
_BYTES = ir.VectorType(_I8, WIDTH)
_SHORTS = ir.VectorType(_I16, 2 * LANES)


def _splat(value: int, kind: Any = _INTS) -> Any:
    bits = kind.element.width
    value = value - (1 << bits) if value >= 1 << (bits - 1) else value
    return ir.Constant(kind, [value] * kind.count)


def _shuffle(builder: Builder, left: Any, right: Any, picks: Sequence[int]) -> Any:
    mask = ir.Constant(ir.VectorType(_INT, len(picks)), list(picks))
    return builder.shuffle_vector(left, right, mask)


def _load(builder: Builder, address: Any, offset: int = 0) -> Any:
    where = builder.add(address, ir.Constant(_LONG, offset)) if offset else address
    return builder.load(pointer_to(builder, where, _INTS), align=1)


def _store(builder: Builder, address: Any, value: Any, offset: int = 0) -> None:
    where = builder.add(address, ir.Constant(_LONG, offset)) if offset else address
    builder.store(value, pointer_to(builder, where, _INTS), align=1)


def _dot(builder: Builder, total: Any, weights: Any, x: Any) -> Any:
    """total + the four products of each lane; weights from 0 to 255 with VNNI, else signed."""
    if _VNNI:
        name = f"llvm.x86.avx512.vpdpbusd.{32 * LANES}"
        return call_intrinsic(builder, name, _INTS, [total, weights, x])
    if _SDOT:
        return _sdot(builder, total, weights, x)
    if _AVX2:
        return _dot_of_magnitudes(builder, total, weights, x)
    return _dot_of_shorts(builder, total, weights, x)


def _dot_of_magnitudes(builder: Builder, total: Any, weights: Any, x: Any) -> Any:
    """|x| times sign(x) * weights, added up in pairs: at most 2 * 127 * 127 in 16 bits."""
    w, x = builder.bitcast(weights, _BYTES), builder.bitcast(x, _BYTES)
    magnitude = call_intrinsic(
        builder, f"llvm.abs.v{WIDTH}i8", _BYTES, [x, ir.Constant(ir.IntType(1), 0)]
    )
    signed = call_intrinsic(builder, "llvm.x86.avx2.psign.b", _BYTES, [w, x])
    pairs = call_intrinsic(builder, "llvm.x86.avx2.pmadd.ub.sw", _SHORTS, [magnitude, signed])
    ones = _splat(1, _SHORTS)
    fours = call_intrinsic(builder, "llvm.x86.avx2.pmadd.wd", _INTS, [pairs, ones])
    return builder.add(total, fours)


def _sdot(builder: Builder, total: Any, weights: Any, x: Any) -> Any:
    halves = []
    for part in range(LANES // 4):
        picks = range(4 * part, 4 * part + 4)
        sums = _shuffle(builder, total, total, picks)
        pair = []
        for value in (weights, x):
            narrow = _shuffle(builder, value, value, picks)
            pair.append(builder.bitcast(narrow, ir.VectorType(_I8, 16)))
        name = "llvm.aarch64.neon.sdot.v4i32.v16i8"
        halves.append(call_intrinsic(builder, name, sums.type, [sums, *pair]))
    while len(halves) > 1:
        size = 2 * halves[0].type.count
        halves = [
            _shuffle(builder, low, high, range(size))
            for low, high in zip(halves[0::2], halves[1::2], strict=True)
        ]
    return halves[0]


def _dot_of_shorts(builder: Builder, total: Any, weights: Any, x: Any) -> Any:
    """Even and odd bytes as 16-bit numbers, whose products are added up in pairs."""
    eight = _splat(8, _SHORTS)
    for shift in (True, False):
        pair = []
        for value in (weights, x):
            shorts = builder.bitcast(value, _SHORTS)
            shorts = builder.shl(shorts, eight) if shift else shorts
            pair.append(builder.ashr(shorts, eight))
        total = builder.add(total, _sum_of_pairs(builder, *pair))
    return total


def _sum_of_pairs(builder: Builder, left: Any, right: Any) -> Any:
    sums = []
    for start in (0, 1):
        picks = range(start, 2 * LANES, 2)
        wide = [builder.sext(_shuffle(builder, v, v, picks), _INTS) for v in (left, right)]
        sums.append(builder.mul(*wide))
    return builder.add(*sums)


def _loop(
    builder: Builder, count: Any, carried: Sequence[Any], body: Callable[[Any, Any], Sequence[Any]]
) -> list[Any]:
    """for i in range(count): carried = body(i, carried); count is at least 1."""
    before, inside = builder.block, builder.append_basic_block("dots")
    after = builder.append_basic_block("done")
    builder.branch(inside)
    builder.position_at_end(inside)
    index = builder.phi(_LONG)
    index.add_incoming(ir.Constant(_LONG, 0), before)
    phis = []
    for value in carried:
        phi = builder.phi(value.type)
        phi.add_incoming(value, before)
        phis.append(phi)
    results = list(body(index, phis))
    following = builder.add(index, ir.Constant(_LONG, 1))
    end = builder.block
    index.add_incoming(following, end)
    for phi, result in zip(phis, results, strict=True):
        phi.add_incoming(result, end)
    builder.cbranch(builder.icmp_signed("<", following, count), inside, after)
    builder.position_at_end(after)
    return results


def _ask_for(builder: Builder, address: Any, vectors: int) -> None:
    """Asks for so many vectors from an address on to be brought to the second-level cache."""
    hints = [_INT(0), _INT(_SECOND_LEVEL), _INT(1)]
    for offset in range(0, vectors * WIDTH, 64):
        pointer = pointer_to(builder, builder.add(address, ir.Constant(_LONG, offset)), _I8)
        call_intrinsic(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer, *hints])


def _rows_at(builder: Builder, address: Any, row: Any, count: int) -> list[Any]:
    """Addresses of rows: four bases with four steps each keep few registers busy."""
    steps = [builder.mul(row, ir.Constant(_LONG, i)) for i in range(4)]
    found = []
    for i in range(count):
        base = builder.add(address, builder.mul(row, ir.Constant(_LONG, i // 4 * 4)))
        found.append(builder.add(base, steps[i % 4]) if i % 4 else base)
    return found


def tile_dots(rows: int) -> Callable[[int, int, int, int, int], None]:
    """A function for so many rows at once, see :func:`_emit_tile`."""

    def emit(builder: Builder, x: int, x_row: int, w: int, groups: int, out: int) -> None:
        _emit_tile(builder, rows, (x, x_row, w, groups, out))

    emit.__name__ = f"tile_dots_{rows}"
    emit.__doc__ = _emit_tile.__doc__
    return primitive(emit)


def _emit_tile(builder: Builder, rows: int, arguments: Any) -> None:
    """out (rows, TILE) int32 = x (rows, 4 * groups) bytes times w (groups, TILE, 4) bytes.

    Rows of x lie x_row bytes apart; those of out follow one another.
    """
    x, x_row, w, groups, out = arguments
    x_at = _rows_at(builder, x, x_row, rows)
    zeros = [ir.Constant(_INTS, None)] * (rows * COLUMNS)

    def body(index: Any, sums: Any) -> list[Any]:
        depth = builder.mul(index, ir.Constant(_LONG, 4))
        column = builder.add(w, builder.mul(index, ir.Constant(_LONG, 4 * TILE)))
        weights = [_load(builder, column, WIDTH * j) for j in range(COLUMNS)]
        results = []
        for i, row in enumerate(x_at):
            single = builder.load(pointer_to(builder, builder.add(row, depth), _INT), align=1)
            first = builder.insert_element(ir.Constant(_INTS, ir.Undefined), single, _INT(0))
            x_here = _shuffle(builder, first, first, [0] * LANES)
            results += [
                _dot(builder, sums[i * COLUMNS + j], weights[j], x_here) for j in range(COLUMNS)
            ]
        return results

    for i, total in enumerate(_loop(builder, groups, zeros, body)):
        _store(builder, out, total, WIDTH * i)


def _transposed(builder: Builder, rows: list[Any]) -> list[Any]:
    """LANES vectors as the columns of a matrix instead of its rows."""
    step = 1
    while step < LANES:
        low = [lane if not lane & step else (lane & ~step) | LANES for lane in range(LANES)]
        high = [lane | step if not lane & step else lane | LANES for lane in range(LANES)]
        moved = list(rows)
        for i in range(LANES):
            if not i & step:
                moved[i] = _shuffle(builder, rows[i], rows[i | step], low)
                moved[i | step] = _shuffle(builder, rows[i], rows[i | step], high)
        rows, step = moved, 2 * step
    return rows


@primitive
def pack_bytes(builder: Builder, w: int, row: int, out: int) -> None:
    """WIDTH bytes of LANES rows that lie ``row`` bytes apart -> every TILE * 4 bytes of out."""
    rows = [_load(builder, at) for at in _rows_at(builder, w, row, LANES)]
    flip = _splat(0x80808080)
    for i, column in enumerate(_transposed(builder, rows)):
        column = builder.xor(column, flip) if FLIP else column
        _store(builder, out, column, 4 * TILE * i)


def pack_nibbles(block: int) -> Callable[[int, int, int], None]:
    """As :func:`pack_bytes` for 4-bit weights: of each block first the even ones, then the odd."""
    per_block = block // 8  # lanes of one block

    def emit(builder: Builder, w: int, row: int, out: int) -> None:
        rows = [_load(builder, at) for at in _rows_at(builder, w, row, LANES)]
        mask, four = _splat(0x0F0F0F0F), _splat(4)
        for i, column in enumerate(_transposed(builder, rows)):
            low = builder.and_(column, mask)
            high = builder.and_(builder.lshr(column, four), mask)
            at = i // per_block * 2 * per_block + i % per_block
            _store(builder, out, low, 4 * TILE * at)
            _store(builder, out, high, 4 * TILE * (at + per_block))

    emit.__name__ = f"pack_nibbles_{block}"
    return primitive(emit)


def _added_up(builder: Builder, vectors: list[Any], lanes: int) -> list[Any]:
    """Sums over each ``lanes`` neighbouring lanes of LANES vectors.

    The i-th vector of the result holds the i-th sum of each of them.
    """
    size = lanes
    while size > 1:
        even, odd = range(0, 2 * LANES, 2), range(1, 2 * LANES, 2)
        vectors = [
            builder.add(_shuffle(builder, a, b, even), _shuffle(builder, a, b, odd))
            for a, b in zip(vectors[0::2], vectors[1::2], strict=True)
        ]
        size //= 2
    count = len(vectors)  # each holds `count` sums of LANES / count of the given ones
    return [_every(builder, vectors, i) for i in range(count)]


def _every(builder: Builder, vectors: list[Any], start: int) -> Any:
    """Each len(vectors)-th lane of vectors laid end to end, from the start-th."""
    step = len(vectors)
    if step == 1:
        return vectors[0]
    parts = [_shuffle(builder, v, v, range(start, LANES, step)) for v in vectors]
    while len(parts) > 1:
        size = 2 * parts[0].type.count
        parts = [
            _shuffle(builder, a, b, range(size))
            for a, b in zip(parts[0::2], parts[1::2], strict=True)
        ]
    return parts[0]


@primitive
def row_dots(builder: Builder, x: int, w: int, row: int, steps: int, out: int) -> None:
    """out (LANES,) int32 = x (steps * WIDTH,) bytes times LANES rows of weights.

    While it works on these rows it asks for those that follow them: they are many short streams,
    which the machine does not see coming, and memory is what takes the time.
    """
    flip, sums = _splat(0x80808080), []
    ahead = builder.mul(row, ir.Constant(_LONG, _AHEAD))
    for group in range(0, LANES, 4):
        offset = builder.mul(row, ir.Constant(_LONG, group))
        rows = _rows_at(builder, builder.add(w, offset), row, 4)
        following = builder.add(rows[0], ahead)

        def body(
            index: Any, totals: Any, rows: list[Any] = rows, following: Any = following
        ) -> list[Any]:
            depth = builder.mul(index, ir.Constant(_LONG, WIDTH))
            _ask_for(builder, builder.add(following, builder.mul(depth, ir.Constant(_LONG, 4))), 4)
            x_here = _load(builder, builder.add(x, depth))
            results = []
            for at, total in zip(rows, totals, strict=True):
                weights = _load(builder, builder.add(at, depth))
                weights = builder.xor(weights, flip) if FLIP else weights
                results.append(_dot(builder, total, weights, x_here))
            return results

        sums += _loop(builder, steps, [ir.Constant(_INTS, None)] * 4, body)
    _store(builder, out, _added_up(builder, sums, LANES)[0])


def nibble_dots(block: int) -> Callable[[int, int, int, int, int], None]:
    """out (blocks, LANES) int32 = sums over each block of x times LANES rows of 4-bit weights.

    x has of each block first the even numbers, then the odd; ``steps`` are of max(block, 2 * WIDTH)
    numbers.
    """
    vectors = max(block // (2 * WIDTH), 1)  # of weights a step

    def emit(builder: Builder, x: int, w: int, row: int, steps: int, out: int) -> None:
        mask, four = _splat(0x0F0F0F0F), _splat(4)
        per_step = max(2 * WIDTH // block, 1)  # blocks
        ahead = builder.mul(row, ir.Constant(_LONG, _AHEAD))

        def body(index: Any, carried: Any) -> list[Any]:
            x_here = builder.add(x, builder.mul(index, ir.Constant(_LONG, 2 * WIDTH * vectors)))
            depth = builder.mul(index, ir.Constant(_LONG, WIDTH * vectors))
            rows = _rows_at(builder, builder.add(w, depth), row, LANES)
            following = builder.add(
                w, builder.add(ahead, builder.mul(depth, ir.Constant(_LONG, LANES)))
            )
            _ask_for(builder, following, LANES * vectors)
            inputs = _evens_and_odds(builder, x_here, block, vectors)
            sums = []
            for at in rows:
                total = ir.Constant(_INTS, None)
                for i, (even, odd) in enumerate(inputs):
                    weights = _load(builder, at, WIDTH * i)
                    low = builder.and_(weights, mask)
                    high = builder.and_(builder.lshr(weights, four), mask)
                    total = _dot(builder, _dot(builder, total, low, even), high, odd)
                sums.append(total)
            at = builder.add(out, builder.mul(index, ir.Constant(_LONG, WIDTH * per_step)))
            lanes = min(block // 8, LANES)
            for i, total in enumerate(_added_up(builder, sums, lanes)):
                _store(builder, at, total, WIDTH * i)
            return []

        _loop(builder, steps, [], body)

    emit.__name__ = f"nibble_dots_{block}"
    return primitive(emit)


def _evens_and_odds(builder: Builder, x: Any, block: int, vectors: int) -> list[tuple[Any, Any]]:
    """The vectors of even and of odd numbers of a step, from x as the blocks lie."""
    half = block // 8  # lanes of the even numbers of a block
    if half >= LANES:
        return [
            (_load(builder, x, WIDTH * i), _load(builder, x, block // 2 + WIDTH * i))
            for i in range(vectors)
        ]
    low, high = _load(builder, x), _load(builder, x, WIDTH)
    even = [lane for lane in range(2 * LANES) if lane // half % 2 == 0]
    odd = [lane for lane in range(2 * LANES) if lane // half % 2 == 1]
    return [(_shuffle(builder, low, high, even), _shuffle(builder, low, high, odd))]


@primitive
def widened(builder: Builder, address: int, less: int) -> Vector:
    """LANES int32, each minus ``less``, as floats."""
    kind = ir.VectorType(ir.FloatType(), LANES)
    single = builder.insert_element(
        ir.Constant(_INTS, ir.Undefined), builder.trunc(less, _INT), _INT(0)
    )
    offsets = _shuffle(builder, single, single, [0] * LANES)
    return builder.sitofp(builder.sub(_load(builder, address), offsets), kind)  # type: ignore[no-any-return]


@primitive
def widened_less(builder: Builder, address: int, zeros: int, total: int) -> Vector:
    """LANES int32, each minus its own ``zeros`` (int32) * total, as floats."""
    kind = ir.VectorType(ir.FloatType(), LANES)
    single = builder.insert_element(
        ir.Constant(_INTS, ir.Undefined), builder.trunc(total, _INT), _INT(0)
    )
    totals = _shuffle(builder, single, single, [0] * LANES)
    offsets = builder.mul(_load(builder, zeros), totals)
    return builder.sitofp(builder.sub(_load(builder, address), offsets), kind)  # type: ignore[no-any-return]
