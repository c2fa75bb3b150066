"""SOFTMAX, LOG_SOFTMAX and L2_NORMALIZATION on the fast tier, a row an item."""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.kernels.fixedpoint import integer_range, multiply_by_quantized_multiplier
from litejit.kernels.jit.call import Call, Scratch, Tensor, padded
from litejit.kernels.jit.layouts.rows import KNOWN_BYTES, ROWS, ROWS_AT_ONCE
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.reference.lut import look_up
from litejit.kernels.reference.normalization import L2Normalization
from litejit.kernels.reference.softmax import LogSoftmax, Softmax
from litejit.schema import TensorType

__all__: list[str] = []

_LONGEST = 4095
"""Elements whose exponentials, with 12 integer bits, cannot add up to more than fixed point holds."""

_ROW = 500
"""Steps of elements that take as long as what is done once for each row, a reciprocal above all."""


def _over_rows(lowering: Lowering, kernel: str, values: dict[str, Any]) -> list[Call]:
    """A call of a kernel over the rows of the last dimension; slots left out are 0."""
    input, output = lowering.input(0), lowering.outputs[0]
    if input.size == 0:
        return []
    depth = input.dims[-1]
    rest = dict.fromkeys(ROWS.names, 0)
    ends = {"source": Tensor(input.index), "out": Tensor(output.index), "depth": depth}
    items = input.size // depth
    grain = max(1, 256 // depth)
    work = 10 * input.size + _ROW * items
    slots = {**rest, **ends, **values}
    return [Call(kernel, ROWS, slots, items=items, grain=grain, scratch_bytes=slots["scratch_bytes"], work=work)]


def _by_difference(table: np.ndarray) -> np.ndarray:
    """[511] what a table [256] has for a byte that lies so far below another, by their difference as unsigned bytes.

    Beyond 255 below and above are the differences of signed bytes: the same, modulo 256.
    """
    return padded(table[-np.arange(-255, 256) & 255])


@lowers(Softmax)
def softmax(lowering: Lowering) -> list[Call] | None:
    """Floats by arithmetic; integers by tables, indexed by how far elements lie below the largest of their row."""
    kernel, input, output = lowering.kernel, lowering.input(0), lowering.outputs[0]
    if input.type == TensorType.FLOAT32:
        return _over_rows(lowering, "softmax.floats", {"beta": kernel.beta})
    if input.type == TensorType.INT16:
        differences = multiply_by_quantized_multiplier(-np.arange(1 << 16), kernel.multiplier)
        exps = look_up(kernel.exps, np.clip(differences + 32767, -32768, 32767).astype(np.int16))
        return _over_rows(
            lowering, "integer_softmax.words", {"exps": padded(exps), "inverses": padded(kernel.inverses)}
        )
    if input.type not in (TensorType.INT8, TensorType.UINT8):
        return None
    low, high = integer_range(output.type)
    kernel_name = "integer_softmax.bytes" if output.dtype.itemsize == 1 else "integer_softmax.bytes_to_words"
    values = {
        "mask": 255 if input.type == TensorType.UINT8 else -1,
        "low": low,
        "high": high,
        "limit": kernel.limit,
        "scale": float(output.scale),
        "zero_point": output.zero_point,
        "rounds_up": kernel.rounds_up,
        "exps": _by_difference(kernel.exp.exps.astype(np.int32)),
        "terms": _by_difference(kernel.exp.terms.astype(np.int32)),
        "reals": _by_difference(kernel.table.exps),
        "scratch": Scratch(),
        "scratch_bytes": ROWS_AT_ONCE * KNOWN_BYTES,
    }
    return _over_rows(lowering, kernel_name, values)


@lowers(LogSoftmax)
def log_softmax(lowering: Lowering) -> list[Call] | None:
    """Floats by arithmetic, 8-bit integers by tables where the sum of a row cannot be too large for them."""
    kernel, input, output = lowering.kernel, lowering.input(0), lowering.outputs[0]
    if input.type == TensorType.FLOAT32:
        return _over_rows(lowering, "softmax.log_floats", {})
    if input.dims[-1] > _LONGEST:
        return None
    low, high = integer_range(output.type)
    values = {
        "mask": 255 if input.type == TensorType.UINT8 else -1,
        "low": low,
        "high": high,
        "exps": padded(kernel.exp.differences.astype(np.int32)),
        "terms": padded(kernel.exp.terms.astype(np.int32)),
        "smallest": kernel.exp.smallest,
        "mantissa": int(kernel.inverse.mantissa),
        "exponent": int(kernel.inverse.exponent),
    }
    return _over_rows(lowering, "integer_softmax.log_bytes", values)


@lowers(L2Normalization)
def l2_normalization(lowering: Lowering) -> list[Call] | None:
    """Of floats, and of bytes rounded twice: factors of 128 are the output's scale, in one place or the other."""
    input = lowering.input(0)
    if input.type == TensorType.FLOAT32:
        return _over_rows(lowering, "normalizing.floats", {})
    unsigned = input.type == TensorType.UINT8
    low, high = integer_range(input.type)
    slots = {"mask": 255 if unsigned else -1, "zero_point": input.zero_point, "low": low, "high": high}
    slots |= {"smallest": 128 if unsigned else 0, "exponent": 0 if unsigned else 7}
    return _over_rows(lowering, "normalizing.bytes", slots)
