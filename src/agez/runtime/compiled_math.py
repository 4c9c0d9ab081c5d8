"""Logarithm, exponential, arcsinh and the normal distribution in a form that compilers turn into vector instructions.

Each is a polynomial without branches; the numbers in the docstrings are largest errors, which the tests check.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import math

import numpy as np

from agez.runtime.compiled import part_of_kernels

_LN_2 = np.float32(math.log(2.0))
#: Bits of float32 sqrt(1/2), and of a float32's mantissa.
_ROOT_HALF, _MANTISSA = np.int32(0x3F3504F3), np.int32(23)
_L1, _L2, _L3, _L4 = np.float32(0.66666712), np.float32(0.39987737), np.float32(0.29392229), np.float32(0.06997394)
#: Adding it to a number of moderate size rounds that to an integer, which lies in the sum's last bits.
_ROUNDING = 6755399441055744.0
_LOG2_E, _LN_2_HIGH, _LN_2_LOW = 1.4426950408889634, 6.93147180369123816490e-01, 1.90821492927058770002e-10
_BIAS, _SHIFT = np.int64(1023), np.int64(52)


@part_of_kernels
def log32(x):
    """Natural logarithm of a positive, normal float32, to 1e-7 of the larger of 1 and itself; infinity gives 89."""
    bits = np.float32(x).view(np.int32)
    exponent = np.int32(np.int32(bits - _ROOT_HALF) >> _MANTISSA)
    mantissa = np.int32(bits - np.int32(exponent << _MANTISSA)).view(np.float32)
    s = (mantissa - np.float32(1)) / (mantissa + np.float32(1))
    w = s * s
    rest = w * (_L1 + w * (_L2 + w * (_L3 + w * _L4)))
    return np.float32(exponent) * _LN_2 + s * (np.float32(2) + rest)


@part_of_kernels
def arcsinh32(x):
    """Inverse hyperbolic sine of a float32, to 2e-7 of the larger of 1 and itself; NaN of infinity."""
    size = min(abs(x), np.float32(1e18))
    found = log32(size + np.sqrt(size * size + np.float32(1)))
    return math.copysign(found, x) + (x - x)  # NaN stays NaN


@part_of_kernels
def exp64(x):
    """Exponential of a float64, to 1e-15 of itself; below -708 as there."""
    x = min(max(x, -708.0), 708.0)
    shifted = x * _LOG2_E + _ROUNDING
    whole = shifted - _ROUNDING
    r = (x - whole * _LN_2_HIGH) - whole * _LN_2_LOW
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return p * np.int64((np.float64(shifted).view(np.int64) + _BIAS) << _SHIFT).view(np.float64)


@part_of_kernels
def tail_ratio(z):
    """Phi(-z) / exp(-z^2 / 2) for z >= 0, to 6e-13 of itself: a polynomial in (z - 5) / (z + 5)."""
    u = (z - 5.0) / (z + 5.0)
    p = 2.2133807948305391e-07
    p = p * u - 2.2197753910706128e-07
    p = p * u - 2.4222310200866986e-06
    p = p * u + 3.8091089892392499e-06
    p = p * u + 1.6354398082125477e-05
    p = p * u - 4.9614436670761822e-05
    p = p * u - 5.9191290821522622e-05
    p = p * u + 0.00054482371851658092
    p = p * u - 0.00079793142923484514
    p = p * u - 0.0029933547390752599
    p = p * u + 0.020795078617403664
    p = p * u - 0.069118642150303916
    p = p * u + 0.16502036503665821
    p = p * u - 0.31353315642840673
    p = p * u + 0.49530561601200052
    p = p * u - 0.66538250289506817
    p = p * u + 0.76919304974980585
    return p / (z + 5.0)
