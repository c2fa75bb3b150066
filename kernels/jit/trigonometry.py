"""SIN and COS on the fast tier."""

from __future__ import annotations

from functools import cache

import numpy as np

from litejit.kernels.jit.call import Call, padded
from litejit.kernels.jit.layouts.trigonometry import LOW_BITS
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.tables import elements_call
from litejit.kernels.reference.unary import Cos, Sin
from litejit.schema import TensorType

__all__: list[str] = []

_EXPONENTS = 105
"""Floats are whole numbers of 24 bits times up to 2**104."""
_PRECISION = 320


@lowers(Sin, Cos)
def sine(lowering: Lowering) -> list[Call] | None:
    """One call."""
    if lowering.input(0).type != TensorType.FLOAT32:
        return None
    kernel = "trigonometry.sin" if isinstance(lowering.kernel, Sin) else "trigonometry.cos"
    return elements_call(lowering, kernel, {"table": _quarter_turns()}, work=12)


@cache
def _quarter_turns() -> np.ndarray:
    """[105, 2] int64: for each exponent e, 2**e * 2 / pi mod 4 in units of 2**-62, and 38 bits of the rest."""
    inverse = (2 << 2 * _PRECISION) // _pi()
    turns = [inverse >> (_PRECISION - exponent - 62 - LOW_BITS) for exponent in range(_EXPONENTS)]
    high = np.array([(turn >> LOW_BITS) % (1 << 64) for turn in turns], np.uint64)
    low = np.array([turn % (1 << LOW_BITS) for turn in turns], np.int64)
    return padded(np.stack([high.view(np.int64), low], axis=1))


def _pi() -> int:
    """In units of 2**-320, by Machin's formula: 16 arctan(1/5) - 4 arctan(1/239)."""

    def arctan(inverse: int) -> int:
        power, total, at = (1 << _PRECISION + 16) // inverse, 0, 1
        while power:
            total += power // at if at % 4 == 1 else -(power // at)
            power, at = power // inverse**2, at + 2
        return total

    return (16 * arctan(5) - 4 * arctan(239)) >> 16
