"""Compiled inner loops of the convolutional network: sixteen SEDs side by side, one in each lane of a vector.

Everything the network does is then one thing: a panel (k, LANES) times weights (k, units), k being all taps and
channels of a window, or all inputs of a dense layer.  The product of up to :data:`MOST_UNITS` units stays in the
processor's registers until it is done, bias and ReLU (and the maximum over a pooling window) included, so that
nothing but finished layers is written, into a few ten kB that stay in cache.  This is what a BLAS does inside
(Goto & van de Geijn 2008, ACM TOMS 34, 12), without copying windows for it and without passes over memory between.

The register tile is written in LLVM's own vectors, since no compiler is known to keep it in registers from loops.
A lane never sees another: a row's answer does not depend on the rows around it, to the last bit.

Needs numba; this is the only module that imports it at its top.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

#: SEDs side by side: two vectors of AVX2, one of AVX-512, four of NEON.
LANES = 16
#: Units of one register tile: 6 x 2 sums, 2 inputs and a weight fill 15 of AVX2's 16 registers.
MOST_UNITS = 6


def _tile(units: int, pooled: bool) -> Any:
    """The product of one panel with the weights of ``units`` units, as a function for compiled code.

    ``tile(x, x0, weights, w0, k, out, o0, bias, b0)``: flat float32 arrays, each with the place where it begins;
    ``out`` (units, LANES) becomes max(bias + weights^T x, floor), with the floor 0 or, if ``pooled``, what ``out`` was.
    ``k`` is at least 1.
    """

    @intrinsic  # type: ignore[misc]
    def tile(context, x, x0, weights, w0, k, out, o0, bias, b0):  # type: ignore[no-untyped-def]
        place = types.intp
        return types.void(x, place, weights, place, place, out, place, bias, place), generate

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number, integer = ir.FloatType(), ir.IntType(64)
        vector = ir.VectorType(number, LANES)
        undefined, zeros = ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)

        def begin(array: int) -> Any:
            data = context.make_array(signature.args[array])(context, builder, args[array]).data
            return builder.gep(data, [args[array + 1]])

        def at(pointer: Any, offset: Any) -> Any:
            return builder.gep(pointer, [offset])

        def as_vector(pointer: Any) -> Any:
            return builder.bitcast(pointer, vector.as_pointer())

        def everywhere(value: Any) -> Any:
            first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(first, undefined, zeros)

        def constant(value: int) -> Any:
            return ir.Constant(integer, value)

        x, weights, out, bias, k = begin(0), begin(2), begin(5), begin(7), args[4]
        start = [everywhere(builder.load(at(bias, constant(unit)))) for unit in range(units)]
        before = builder.block
        loop, end = builder.append_basic_block("tile"), builder.append_basic_block("tile_end")
        builder.branch(loop)

        builder.position_at_end(loop)
        step = builder.phi(integer)
        step.add_incoming(constant(0), before)
        sums = [builder.phi(vector) for _ in range(units)]
        value = builder.load(as_vector(at(x, builder.mul(step, constant(LANES)))), align=4)
        row = builder.mul(step, constant(units))
        added = []
        for unit in range(units):
            weight = everywhere(builder.load(at(weights, builder.add(row, constant(unit)))))
            # "contract" lets the processor multiply and add in one instruction where it has one
            product = builder.fmul(value, weight, flags=("contract",))
            added.append(builder.fadd(sums[unit], product, flags=("contract",)))
            sums[unit].add_incoming(start[unit], before)
            sums[unit].add_incoming(added[unit], loop)
        following = builder.add(step, constant(1))
        step.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, k), loop, end)

        builder.position_at_end(end)
        for unit in range(units):
            place = as_vector(at(out, constant(unit * LANES)))
            floor = builder.load(place, align=4) if pooled else ir.Constant(vector, [0.0] * LANES)
            larger = builder.fcmp_ordered(">", added[unit], floor)
            builder.store(builder.select(larger, added[unit], floor), place, align=4)
        return context.get_dummy_value()

    return tile


_relu1, _relu2, _relu3, _relu4, _relu5, _relu6 = (_tile(units, False) for units in range(1, MOST_UNITS + 1))
_pool1, _pool2, _pool3, _pool4, _pool5, _pool6 = (_tile(units, True) for units in range(1, MOST_UNITS + 1))


def compiled(function: Callable[..., Any]) -> Any:
    """``function`` compiled without the interpreter's lock; kept on disk for the next process if there is a place."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither beside this file nor below the home directory may anything be written
        return njit(nogil=True)(function)


@compiled
def relu_tile(x, x0, weights, w0, k, out, o0, bias, b0, units):  # type: ignore[no-untyped-def]
    """``out`` = max(bias + weights^T x, 0) of 1 to 6 units."""
    if units == 6:
        _relu6(x, x0, weights, w0, k, out, o0, bias, b0)
    elif units == 5:
        _relu5(x, x0, weights, w0, k, out, o0, bias, b0)
    elif units == 4:
        _relu4(x, x0, weights, w0, k, out, o0, bias, b0)
    elif units == 3:
        _relu3(x, x0, weights, w0, k, out, o0, bias, b0)
    elif units == 2:
        _relu2(x, x0, weights, w0, k, out, o0, bias, b0)
    else:
        _relu1(x, x0, weights, w0, k, out, o0, bias, b0)


@compiled
def pool_tile(x, x0, weights, w0, k, out, o0, bias, b0, units):  # type: ignore[no-untyped-def]
    """``out`` = max(bias + weights^T x, out) of 1 to 6 units."""
    if units == 6:
        _pool6(x, x0, weights, w0, k, out, o0, bias, b0)
    elif units == 5:
        _pool5(x, x0, weights, w0, k, out, o0, bias, b0)
    elif units == 4:
        _pool4(x, x0, weights, w0, k, out, o0, bias, b0)
    elif units == 3:
        _pool3(x, x0, weights, w0, k, out, o0, bias, b0)
    elif units == 2:
        _pool2(x, x0, weights, w0, k, out, o0, bias, b0)
    else:
        _pool1(x, x0, weights, w0, k, out, o0, bias, b0)


@compiled
def convolutional_rows(inputs, out, start, stop, sizes, panels, biases, edges):  # type: ignore[no-untyped-def]
    """Outputs of rows ``start`` to ``stop`` of ``inputs`` (n, b) float32 into ``out`` (n,) float32.

    ``sizes`` are the widths of both convolutions and the pool; ``panels``, ``biases`` and ``edges`` those of
    :class:`agez.paper_network.network_compiled.Panels`.  Taps outside the bands are left out: they would be zero.
    """
    width1, width2, pool = sizes
    panel1, panel2, panel3, panel4 = panels
    bias1, bias2, bias3, bias4 = biases
    edges1, edges2, edges3 = edges
    n_bands = inputs.shape[1]
    n_pooled = n_bands // pool
    units1, units2, units3 = edges1[-1], edges2[-1], edges3[-1]
    left1, left2, k2, k3 = (width1 - 1) // 2, (width2 - 1) // 2, width2 * units1, n_pooled * units2
    seds = np.zeros(n_bands * LANES, np.float32)
    first = np.empty(n_bands * units1 * LANES, np.float32)
    pooled = np.empty(n_pooled * units2 * LANES, np.float32)
    dense = np.empty(units3 * LANES, np.float32)
    for row in range(start, stop, LANES):
        n_rows = min(LANES, stop - row)
        for lane in range(n_rows):
            for band in range(n_bands):
                seds[band * LANES + lane] = inputs[row + lane, band]
        for t in range(len(edges1) - 1):
            unit, n = edges1[t], edges1[t + 1] - edges1[t]
            for band in range(n_bands):
                low, high = max(0, left1 - band), min(width1, n_bands - band + left1)
                relu_tile(
                    seds, (band + low - left1) * LANES, panel1, unit * width1 + low * n, high - low,
                    first, (band * units1 + unit) * LANES, bias1, unit, n,
                )  # fmt: skip
        pooled[:] = 0.0  # ReLU and maximum in one
        for t in range(len(edges2) - 1):
            unit, n = edges2[t], edges2[t + 1] - edges2[t]
            for band in range(n_pooled * pool):
                low, high = max(0, left2 - band), min(width2, n_bands - band + left2)
                pool_tile(
                    first, (band + low - left2) * units1 * LANES, panel2, unit * k2 + low * units1 * n,
                    (high - low) * units1, pooled, (band // pool * units2 + unit) * LANES, bias2, unit, n,
                )  # fmt: skip
        for t in range(len(edges3) - 1):
            unit, n = edges3[t], edges3[t + 1] - edges3[t]
            relu_tile(pooled, 0, panel3, unit * k3, k3, dense, unit * LANES, bias3, unit, n)
        for lane in range(n_rows):
            answer = bias4[0]
            for unit in range(units3):
                answer += panel4[unit] * dense[unit * LANES + lane]
            for band in range(n_bands):
                if np.isnan(inputs[row + lane, band]):
                    answer = np.float32(np.nan)  # a maximum may have lost it
            out[row + lane] = answer
