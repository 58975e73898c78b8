"""Products with quantised matrices, and what stands between them, as tasks.

| symbol | meaning |
|---|---|
| T | tokens |
| K, N | inputs and outputs of a product |
| B | blocks of inputs that share a scale: 1 with 8-bit weights, K / 32, K / 64 or K / 128 with 4 |

Activations are rounded to signed bytes, each row (8-bit weights) or each block of a row (4-bit)
with its own scale, largest / 127, so that a token's result never depends on those beside it. A
product

    out[t, n] = sum over blocks of scale[n, b] * x_scale[t, b] * (sum over the block of w * x) + ...

adds integers exactly within a block and floats from the first block to the last, in every way of
cutting it: how many tokens come at once changes no bit. The layouts are those of ONNX Runtime's
MatMulNBits (4 bits: two inputs a byte, the lower half first, zero point 8 unless given) and, with 8
bits, int8 rows of outputs with one scale each.

Arithmetic as in ONNX Runtime's int8 products and MatMulNBits with accuracy_level 4; the block
layout of activations and the tiles are this package's own.
"""
