"""The innermost loop of small matrices solved side by side, in the compiler's own vectors.

From plain loops no compiler is known to keep the factor in registers: it cannot tell that the arrays are apart.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

#: Matrices side by side: a row's factor fills half of AVX2's registers in float64, a quarter in float32.
LANES = 32


def _subtract_row(context: Any, work: Any, w0: Any, column: Any, c0: Any, part: Any, count: Any) -> Any:
    place = types.intp
    return types.void(work, place, column, place, part, place), _generate


def _generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    number = ir.DoubleType() if signature.args[0].dtype == types.float64 else ir.FloatType()
    size, integer = (8 if signature.args[0].dtype == types.float64 else 4), ir.IntType(64)
    vector = ir.VectorType(number, LANES)

    def begin(array: int) -> Any:
        return context.make_array(signature.args[array])(context, builder, args[array]).data

    def as_vector(pointer: Any, offset: Any) -> Any:
        return builder.bitcast(builder.gep(pointer, [offset]), vector.as_pointer())

    work, column, part = begin(0), begin(2), begin(4)
    factor = builder.load(as_vector(part, ir.Constant(integer, 0)), align=size)
    before = builder.block
    loop, end = builder.append_basic_block("row"), builder.append_basic_block("row_end")
    builder.branch(loop)

    builder.position_at_end(loop)
    step = builder.phi(integer)
    step.add_incoming(ir.Constant(integer, 0), before)
    offset = builder.mul(step, ir.Constant(integer, LANES))
    own = as_vector(work, builder.add(args[1], offset))
    product = builder.fmul(
        factor, builder.load(as_vector(column, builder.add(args[3], offset)), align=size), flags=("contract",)
    )
    left = builder.fsub(builder.load(own, align=size), product, flags=("contract",))
    builder.store(left, own, align=size)
    following = builder.add(step, ir.Constant(integer, 1))
    step.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, args[5]), loop, end)

    builder.position_at_end(end)
    return context.get_dummy_value()


#: ``subtract_row(work, w0, column, c0, part, count)``: ``work[w0 + j] -= part * column[c0 + j]`` for ``count`` vectors
#: of LANES numbers, 1 or more.  All are flat arrays of one kind of float; places count numbers; ``part`` is one vector.
subtract_row: Any = intrinsic(_subtract_row)
