"""Operators that leave the bytes of their operand as they are, and only give them another shape."""

from __future__ import annotations

from litejit.kernels.jit.call import View
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.reference.shape import ExpandDims, Reshape, Squeeze

__all__: list[str] = []


@lowers(Reshape, Squeeze, ExpandDims)
def reshape(lowering: Lowering) -> View | None:
    """The operand itself; strings are Python objects, which native memory does not hold."""
    return None if lowering.outputs[0].dtype.kind == "O" else View(0)
