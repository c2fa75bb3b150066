"""Functions of bytes that are lines, with a bend at the zero point: products in 16 bits, where those are right."""

from __future__ import annotations

import numpy as np

from litejit.kernels.jit.call import Call
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.jit.tables import elements_call
from litejit.kernels.node import TensorSpec

__all__ = ["sloped"]

_NUDGES = (0, 1, -1, 2, -2)
"""Added to factors: a little more takes ties away from zero."""
_MOST_SHIFT = 7
"""Differences of two bytes, shifted by so much, fit 16 bits."""


def sloped(lowering: Lowering, above: float, below: float) -> list[Call] | None:
    """About (q - z) * above + z' from the zero point z on, with below before it; None unless right for all 256 bytes.

    (q - z) << shift is multiplied by 2**(15 - shift) times the slope, and 15 bits are rounded off.
    """
    input, output = lowering.input(0), lowering.outputs[0]
    values = np.arange(256, dtype=np.uint8).view(input.dtype)
    wanted = np.asarray(lowering.kernel(values)).astype(np.int64) - _bias(output)
    distances = values.astype(np.int64) - input.zero_point
    target = output.zero_point - _bias(output)
    for shift in range(_MOST_SHIFT + 1):
        if max(abs(above), abs(below)) * (1 << 15 - shift) >= 1 << 15:
            continue
        one, sides = 1 << 15 - shift, (distances >= 0, distances < 0)
        first, second = (
            _factor(slope * one, distances[side] << shift, wanted[side], target)
            for slope, side in zip((above, below), sides, strict=True)
        )
        if first is None or second is None:
            return None
        mask = 255 if input.dtype == np.uint8 else -1
        slots = {"p0": mask, "p1": -_bias(output), "p2": input.zero_point, "p3": target}
        slots |= {"p4": shift, "p5": first << 16 | second & 0xFFFF}
        return elements_call(lowering, "slopes.bytes", slots)
    return None


def _bias(tensor: TensorSpec) -> int:
    """What is taken off unsigned bytes; -128 as a byte is the bit that is turned for it."""
    return 128 if tensor.dtype == np.uint8 else 0


def _factor(real: float, x: np.ndarray, wanted: np.ndarray, target: int) -> int | None:
    """A factor that gives what is wanted, of 16 bits."""
    for nudge in _NUDGES:
        factor = max(-(1 << 15) + 1, min(round(real) + nudge, (1 << 15) - 1))
        results = ((x * factor + (1 << 14)) >> 15) + target
        if np.array_equal(np.clip(results, -128, 127), wanted):
            return factor
    return None
