"""Elementary functions on vectors, from the arithmetic in simd.py.

Half of the time outside the matrix products would go into ``exp`` if it were computed one number
at a time. Errors below are relative, and what the tests hold them to against float64.
"""

from __future__ import annotations

from edgehybrid_kernels.elementwise import GELU_CUBIC, GELU_SLOPE
from edgehybrid_kernels.jit import helper
from edgehybrid_kernels.simd import (
    Vector,
    at_least,
    at_most,
    fma,
    magnitude,
    splat,
    times_two_to,
    times_two_to_rounded,
    where_below,
)

# exp: beyond these bounds the result is 0 or infinity in float32, and 2**n stays in range.
_EXP_LOW, _EXP_HIGH = -104.0, 89.0
# decay: between these bounds it is a normal number.
_DECAY_LOW, _DECAY_HIGH = -87.0, 88.0
_LOG2_E = 1.44269504
# ln 2 as a sum of two floats, the first with so few bits that n * LN2_HIGH is exact (Cephes, expf).
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4
# Minimax polynomial of (exp(r) - 1 - r) / r**2 for |r| <= ln(2) / 2 (Cephes, expf).
_E0, _E1, _E2 = 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3
_E3, _E4, _E5 = 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1
# Minimax polynomial of (tanh(x) - x) / x**3 in x**2, for |x| < 0.625 (Cephes, tanhf).
_T0, _T1, _T2 = -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2
_T3, _T4 = 1.33314422036e-1, -3.33332819422e-1
# Adding and subtracting 1.5 * 2**23 rounds to the nearest whole number.
_ROUND = 1.5 * 2**23


@helper
def _exp_of_rest(x: Vector, n: Vector) -> Vector:
    """e**(x - n ln 2), where that is close to 1."""
    r = fma(n, splat(-_LN2_LOW), fma(n, splat(-_LN2_HIGH), x))
    p = fma(splat(_E0), r, splat(_E1))
    p = fma(p, r, splat(_E2))
    p = fma(p, r, splat(_E3))
    p = fma(p, r, splat(_E4))
    p = fma(p, r, splat(_E5))
    return fma(p, r * r, r) + splat(1.0)


@helper
def exp(x: Vector) -> Vector:
    """e**x to 3e-7; 0 and infinity where float32 ends, NaN for NaN."""
    x = at_most(at_least(x, splat(_EXP_LOW)), splat(_EXP_HIGH))
    n = fma(x, splat(_LOG2_E), splat(_ROUND)) - splat(_ROUND)
    return times_two_to(_exp_of_rest(x, n), n)


@helper
def decay(x: Vector) -> Vector:
    """e**x to 3e-7 for x from -87 to 88, and beyond those as at them; NaN for NaN.

    As a factor on a state, 2e-38 is 0; and a quarter of the work is saved.
    """
    x = at_most(at_least(x, splat(_DECAY_LOW)), splat(_DECAY_HIGH))
    rounded = fma(x, splat(_LOG2_E), splat(_ROUND))
    return times_two_to_rounded(_exp_of_rest(x, rounded - splat(_ROUND)), rounded)


@helper
def sigmoid(x: Vector) -> Vector:
    """1 / (1 + e**-x)."""
    return splat(1.0) / (splat(1.0) + exp(splat(0.0) - x))


@helper
def silu(x: Vector) -> Vector:
    """x * sigmoid(x)."""
    return x / (splat(1.0) + exp(splat(0.0) - x))


@helper
def gelu_tanh(x: Vector) -> Vector:
    """The tanh approximation of GELU, as x * sigmoid(2 sqrt(2 / pi) (x + 0.044715 x**3))."""
    inner = fma(x * x, splat(GELU_CUBIC), splat(1.0))
    return x * sigmoid(splat(GELU_SLOPE) * x * inner)


@helper
def tanh(x: Vector) -> Vector:
    """Hyperbolic tangent to 4e-7, also close to 0, where it is a polynomial."""
    z = x * x
    p = fma(splat(_T0), z, splat(_T1))
    p = fma(p, z, splat(_T2))
    p = fma(p, z, splat(_T3))
    p = fma(p, z, splat(_T4))
    near = fma(p * z, x, x)
    far = splat(1.0) - splat(2.0) / (exp(x + x) + splat(1.0))
    return where_below(magnitude(x), splat(0.625), near, far)


@helper
def softplus(x: Vector) -> Vector:
    """log(1 + e**x) to 4e-7, also where it is close to 0 or to x.

    As max(x, 0) + log1p(u) with u = e**-|x| <= 1, and log1p(u) = 2 artanh(s) with
    s = u / (2 + u) <= 1/3, whose odd series is cut after s**17.
    """
    u = exp(splat(0.0) - magnitude(x))
    s = u / (u + splat(2.0))
    q = s * s
    p = fma(splat(1 / 17), q, splat(1 / 15))
    p = fma(p, q, splat(1 / 13))
    p = fma(p, q, splat(1 / 11))
    p = fma(p, q, splat(1 / 9))
    p = fma(p, q, splat(1 / 7))
    p = fma(p, q, splat(1 / 5))
    p = fma(p, q, splat(1 / 3))
    p = fma(p, q, splat(1.0))
    return at_least(x, splat(0.0)) + (s + s) * p
