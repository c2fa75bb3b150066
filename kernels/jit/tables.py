"""Operators on one quantized tensor on the fast tier: whatever the function, all its values are in a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.kernels.jit.call import Call, Scratch, Tensor, padded
from litejit.kernels.jit.layouts.elements import ELEMENTS
from litejit.kernels.jit.lowering import Lowering

__all__ = ["FEW_WORDS", "elements_call", "pieces_call", "planes_of", "table_call", "table_slots", "tabulated"]

PIECE = 2048
"""Elements of a work item, as of broadcast operands."""

_KERNELS = {
    # bytes of an operand and of a result
    (1, 1): "tables.bytes",
    (1, 2): "tables.bytes_to_words",
    (2, 1): "tables.words_to_bytes",
    (2, 2): "tables.words",
}
FEW_WORDS = 256
"""Elements below which a table of all 16-bit values costs more memory than it is worth."""


def pieces_call(
    source: Tensor, out: Tensor | Scratch, count: int, kernel: str, values: dict[str, Any], work: int = 1
) -> Call:
    """A call of a kernel over so many elements side by side; values: slots that are not about shapes."""
    slots = {
        **dict.fromkeys(ELEMENTS.names, 0),
        "source": source,
        "out": out,
        "count": count,
        "piece": PIECE,
        **values,
    }
    return Call(kernel, ELEMENTS, slots, items=-(-count // PIECE), work=work * count)


def elements_call(lowering: Lowering, kernel: str, values: dict[str, Any], work: int = 1) -> list[Call] | None:
    """The same over the elements of the first operand."""
    input, output = lowering.input(0), lowering.outputs[0]
    if output.size == 0:
        return None
    return [pieces_call(Tensor(input.index), Tensor(output.index), output.size, kernel, values, work)]


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
    if kernel is None or (input.dtype.itemsize == 2 and output.size < FEW_WORDS):
        return None
    bits = np.arange(1 << 8 * input.dtype.itemsize, dtype=f"u{input.dtype.itemsize}")
    return table_call(lowering, np.asarray(lowering.kernel(bits.view(input.dtype))))


def table_call(lowering: Lowering, table: np.ndarray) -> list[Call] | None:
    """A call that looks up every element of the first operand: values for all its values, by their bits."""
    kernel = _KERNELS[lowering.input(0).dtype.itemsize, table.dtype.itemsize]
    return elements_call(lowering, kernel, table_slots(table) if kernel == "tables.bytes" else {"table": padded(table)})


def table_slots(table: np.ndarray) -> dict[str, Any]:
    """What `tables.bytes` needs of a table."""
    return {"table": padded(table), "planes": padded(planes_of(table))}
