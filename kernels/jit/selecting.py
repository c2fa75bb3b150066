"""SELECT and SELECT_V2 on the fast tier."""

from __future__ import annotations

from math import prod

from litejit.kernels.jit.broadcasting import collapse, strides_in
from litejit.kernels.jit.call import Call, Tensor
from litejit.kernels.jit.layouts.selecting import SELECT
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.reference.select import Select, SelectV2

__all__: list[str] = []

_OUTER = 4
_SIZES = (1, 2, 4, 8)
_FEW = 1024
"""Elements that an item should have."""


@lowers(Select, SelectV2)
def select(lowering: Lowering) -> list[Call] | None:
    """One call. The condition of SELECT may choose rows: its dimensions are then the first ones."""
    condition, x, y, output = *(lowering.input(at) for at in range(3)), lowering.outputs[0]
    size = x.dtype.itemsize
    if size not in _SIZES:
        return None
    if output.size == 0:
        return []
    chosen = condition.dims
    if isinstance(lowering.kernel, Select):
        chosen = (*chosen, *(1,) * (output.rank - len(chosen)))
    # One element may have fewer dimensions in the output than in the operands.
    shape = output.dims if output.size > 1 else (1,) * max(len(chosen), x.rank, y.rank, output.rank)
    dims, steps = collapse(shape, *(strides_in(shape, operand) for operand in (chosen, x.dims, y.dims)))
    if len(dims) > _OUTER + 1:
        return None
    inner = dims.pop()
    missing = _OUTER - len(dims)
    dims = [1] * missing + dims
    values = {"out": Tensor(output.index), "inner": inner, **{f"dim{at}": dims[at] for at in range(1, _OUTER)}}
    for name, spec, bytes, by in zip(("condition", "x", "y"), (condition, x, y), (1, size, size), steps, strict=True):
        values |= {name: Tensor(spec.index), f"{name}_step": bytes * by.pop()}
        values |= {f"{name}{at}": bytes * step for at, step in enumerate([0] * missing + by)}
    grain = max(1, _FEW // inner)
    return [Call(f"selecting.select_{size}", SELECT, values, items=prod(dims), grain=grain, work=output.size)]
