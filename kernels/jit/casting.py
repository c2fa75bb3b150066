"""CAST, QUANTIZE and DEQUANTIZE on the fast tier."""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.kernels.fixedpoint import multiply_by_quantized_multiplier
from litejit.kernels.jit.call import Call, View
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.quantized import rescaled
from litejit.kernels.jit.slopes import sloped
from litejit.kernels.jit.tables import elements_call, tabulated
from litejit.kernels.jit.target import has_feature
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.cast import Cast
from litejit.kernels.reference.pointwise import Pointwise
from litejit.kernels.reference.quantization import Dequantize, Quantize
from litejit.kernels.reference.quantization_flavours import Rescaled
from litejit.schema import TensorType

__all__: list[str] = []

_8_BIT = (TensorType.INT8, TensorType.UINT8)
_NAMES = {
    TensorType.BOOL: "u8",
    TensorType.INT8: "i8",
    TensorType.UINT8: "u8",
    TensorType.INT16: "i16",
    TensorType.INT32: "i32",
    TensorType.UINT32: "i32",
    TensorType.INT64: "i64",
    TensorType.FLOAT32: "f32",
}
_VALUES = {
    # a type whose values are few enough to be multiplied by 1 as quantized ones: kernel, mask of a byte
    TensorType.BOOL: ("affine.dequantize_bytes", 255),
    TensorType.UINT8: ("affine.dequantize_bytes", 255),
    TensorType.INT8: ("affine.dequantize_bytes", -1),
    TensorType.INT16: ("affine.dequantize_words", -1),
}
_FEW_WORDS = 4096
"""Elements below which a table of all 16-bit values costs more than it is worth."""

_LARGEST_SHIFT = 14
"""Exponent with which differences of 16-bit values fit 32 bits."""


@lowers(Cast)
def cast(lowering: Lowering) -> list[Call] | View | None:
    """By value; between integers of one size nothing changes."""
    source, target = lowering.input(0).type, lowering.outputs[0].type
    if source == target or {source, target} == {TensorType.INT32, TensorType.UINT32}:
        return None if lowering.input(0).dtype.kind == "O" else View(0)
    if target == TensorType.FLOAT32 and source in _VALUES:
        kernel, mask = _VALUES[source]
        return elements_call(lowering, kernel, {"p0": 1.0, "p1": 0, "p2": mask})
    if source == TensorType.FLOAT16 and target == TensorType.FLOAT32:
        return elements_call(lowering, "casting.f16_to_f32", {})
    if source not in _NAMES or target not in _NAMES or TensorType.UINT32 in (source, target):
        return None
    name = "bool" if target == TensorType.BOOL else _NAMES[target]
    return elements_call(lowering, f"casting.{_NAMES[source]}_to_{name}", {}, work=2)


@lowers(Quantize)
def quantize(lowering: Lowering) -> list[Call] | None:
    """Float32 by arithmetic, integers by table or, where there are few of them or too many values, in fixed point."""
    input, output, run = lowering.input(0), lowering.outputs[0], lowering.kernel.run
    if input.type != TensorType.FLOAT32:
        formula = run.formula if isinstance(run, Pointwise) else None
        found = None
        if input.dtype.itemsize == output.dtype.itemsize == 1:
            ratio = float(input.scale) / float(output.scale)
            found = sloped(lowering, ratio, ratio)
        if found is None and input.dtype.itemsize == 1 and isinstance(formula, Rescaled):
            found = rescaled(lowering, formula)
        is_large = input.dtype.itemsize == 2 and output.size >= _FEW_WORDS
        if found is None and (input.dtype.itemsize == 1 or is_large):
            found = tabulated(lowering)
        return found or _by_formula(lowering, formula)
    if output.quantized.per_channel or output.type not in (*_8_BIT, TensorType.INT16):
        return None
    lowest = 0 if output.type == TensorType.UINT8 else -128
    factors = reciprocal(output) if has_feature("fma") else None
    divisor, rest = factors or (float(output.scale), 0.0)
    slots = {"p0": divisor, "p1": output.zero_point, "p2": lowest, "p3": rest}
    kernel = f"affine.{'quantize' if factors else 'divide_to'}_{'bytes' if output.type in _8_BIT else 'words'}"
    return elements_call(lowering, kernel, slots, work=2)


def reciprocal(output: TensorSpec) -> tuple[float, float] | None:
    """(c, d) with which fma(x, c, x * d) is rounded to what x / scale is rounded to; None if not for every x.

    Both are odd functions that grow with x, so that it is enough to try the numbers around those where results step
    from one integer to the next, up to where they are clamped, and around where 32 bits end.
    """
    info, scale = np.iinfo(output.dtype), output.scale
    reach = max(info.max - output.zero_point, output.zero_point - info.min)
    steps = np.append(np.arange(reach + 1) + np.float32(0.5), np.float32(1 << 31)).astype(np.float32)[:, None]
    with np.errstate(all="ignore"):
        c = np.float32(1) / scale
        d = np.float32(1 / np.float64(scale) - np.float64(c))
        x = ((steps * scale).view(np.int32) + np.arange(-2, 3, dtype=np.int32)).view(np.float32)
        quotients = x / scale
        sums = x.astype(np.float64) * c + (x * d)
        # A fused sum is rounded once. Where float64 has rounded before, it must not have gone over a middle.
        low, high = ((sums * (1 + error)).astype(np.float32) for error in (-(2.0**-50), 2.0**-50))
    equal = np.array_equal(low, high) and np.array_equal(low >= steps, quotients >= steps)
    is_around = (quotients[:, 0] < steps[:, 0]).all() and (quotients[:, -1] >= steps[:, 0]).all()
    return (float(c), float(d)) if equal and is_around else None


def _by_formula(lowering: Lowering, formula: Any) -> list[Call] | None:
    input, output = lowering.input(0), lowering.outputs[0]
    if not isinstance(formula, Rescaled) or formula.rescale is not multiply_by_quantized_multiplier:
        return None
    exponent = int(formula.multiplier.exponent)
    is_word = input.type == TensorType.INT16
    if not -30 <= exponent <= (_LARGEST_SHIFT if is_word else 0) or (formula.offset and not is_word):
        return None
    slots = {
        "p0": int(formula.multiplier.mantissa),
        "p1": exponent,
        "p2": formula.offset,
        "p3": formula.zero_point,
        "p4": formula.low,
        "p5": formula.high,
    }
    target = "i8" if output.dtype.itemsize == 1 else _NAMES[output.type]
    return elements_call(lowering, f"casting.{_NAMES[input.type]}_as_{target}", slots, work=4)


@lowers(Dequantize)
def dequantize(lowering: Lowering) -> list[Call] | None:
    """8-bit, int16 and float16."""
    input = lowering.input(0)
    if input.type == TensorType.FLOAT16:
        return elements_call(lowering, "casting.f16_to_f32", {})
    if input.type not in (*_8_BIT, TensorType.INT16) or input.quantized.per_channel:
        return None
    slots = {
        "p0": float(input.scale),
        "p1": input.zero_point,
        "p2": 255 if input.type == TensorType.UINT8 else -1,
    }
    kernel = "affine.dequantize_bytes" if input.type in _8_BIT else "affine.dequantize_words"
    return elements_call(lowering, kernel, slots)
