"""Operators on one quantized tensor on the fast tier: whatever the function, all its values are in a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.kernels.jit.call import Call, Tensor, padded
from litejit.kernels.jit.layouts.elements import ELEMENTS
from litejit.kernels.jit.lowering import Lowering

__all__ = ["elements_call", "planes_of", "table_call", "tabulated"]

PIECE = 16384
"""Elements of a work item."""

_KERNELS = {
    # bytes of an operand and of a result
    (1, 1): "tables.bytes",
    (1, 2): "tables.bytes_to_words",
    (2, 1): "tables.words_to_bytes",
    (2, 2): "tables.words",
}
_FEW_WORDS = 256
"""Elements below which a table of all 16-bit values costs more memory than it is worth."""


def elements_call(lowering: Lowering, kernel: str, values: dict[str, Any], work: int = 1) -> list[Call] | None:
    """A call of a kernel over the elements of the first operand; values: slots that are not about shapes."""
    input, output = lowering.input(0), lowering.outputs[0]
    if output.size == 0:
        return None
    slots = {
        **dict.fromkeys(ELEMENTS.names, 0),
        "source": Tensor(input.index),
        "out": Tensor(output.index),
        "count": output.size,
        "piece": PIECE,
        **values,
    }
    return [Call(kernel, ELEMENTS, slots, items=-(-output.size // PIECE), work=work * output.size)]


def planes_of(table: np.ndarray) -> np.ndarray:
    """[256] bytes -> [16, 16]: of each half, every 16 entries as what they differ in from those before, bit by bit."""
    halves = table.view(np.uint8).reshape(2, 8, 16)
    planes = halves.copy()
    planes[:, 1:] ^= halves[:, :-1]
    return planes


def tabulated(lowering: Lowering) -> list[Call] | None:
    """An operator that treats every element of a quantized tensor by itself."""
    input, output = lowering.input(0), lowering.outputs[0]
    kernel = _KERNELS.get((input.dtype.itemsize, output.dtype.itemsize))
    if kernel is None or (input.dtype.itemsize == 2 and output.size < _FEW_WORDS):
        return None
    bits = np.arange(1 << 8 * input.dtype.itemsize, dtype=f"u{input.dtype.itemsize}")
    return table_call(lowering, np.asarray(lowering.kernel(bits.view(input.dtype))))


def table_call(lowering: Lowering, table: np.ndarray) -> list[Call] | None:
    """A call that looks up every element of the first operand: values for all its values, by their bits."""
    kernel = _KERNELS[lowering.input(0).dtype.itemsize, table.dtype.itemsize]
    planes = padded(planes_of(table)) if kernel == "tables.bytes" else 0
    return elements_call(lowering, kernel, {"table": padded(table), "planes": planes})
