"""Operators on two broadcast quantized operands on the fast tier.

For 8-bit operands the reference kernel has a table of all 65536 pairs. Cheaper arithmetic takes its place where it
gives the same for every pair, which is tried here: a linear form for sums, products in float32 for products.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from litejit.kernels.fixedpoint import Multiplier, multiply_by_quantized_multiplier
from litejit.kernels.jit.broadcasting import broadcast_call
from litejit.kernels.jit.call import Call, padded
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.reference.elementwise import Quantized, values_of
from litejit.kernels.reference.quantization_flavours import Rescaled
from litejit.kernels.reference.quantized_arithmetic import Product, Sum
from litejit.schema import TensorType

__all__ = ["linear_sum", "quantized", "rescaled"]

_TRIES = [
    *((shift, 1.0, 0, 0) for shift in range(22, 15, -1)),
    *((22, 1 + 2.0**-exponent, 0, 0) for exponent in range(19, 11, -1)),
    *((shift, 1.0, *nudges) for shift in (22, 20) for nudges in product(range(-2, 3), range(-2, 3))),
]
"""Shifts; factors of the ratios (a little above 1, they round middles away from zero); what is added after that."""
_FAR = 1 << 62


def quantized(lowering: Lowering) -> list[Call] | None:
    """Operators whose kernel has a `Quantized` function."""
    function, (a, b) = lowering.kernel.quantized, (lowering.input(0), lowering.input(1))
    if not isinstance(function, Quantized) or a.type != b.type or a.type != lowering.outputs[0].type:
        return None
    formula: Any = function.formula
    if function.table is None:
        return _of_words(lowering, formula)
    values = values_of(a.dtype)
    if isinstance(formula, Sum):
        found = _linear(formula, function.table, values)
    elif isinstance(formula, Product):
        found = _product(formula, function.table, values)
    else:
        found = None
    if found is None:
        return broadcast_call(lowering, "tables.pairs", a, b, {"table": padded(function.table)})
    kernel, slots = found
    bias = 128 if a.type == TensorType.UINT8 else 0
    clamp = {"low": formula.low - bias, "high": formula.high - bias, "p3": 255 if bias else -1}
    return broadcast_call(lowering, kernel, a, b, {**slots, **clamp})


def linear_sum(lowering: Lowering) -> dict[str, int] | None:
    """Slots of `quantized.linear` (see `fitted`) for the sum of two 8-bit tensors of a type, if there are any."""
    function = lowering.kernel.quantized
    types = {spec.type for spec in (lowering.input(0), lowering.input(1), lowering.outputs[0])}
    if not isinstance(function, Quantized) or function.table is None or len(types) > 1:
        return None
    formula: Any = function.formula
    values = values_of(lowering.input(0).dtype)
    found = _linear(formula, function.table, values) if isinstance(formula, Sum) else None
    return None if found is None else found[1]


def rescaled(lowering: Lowering, formula: Rescaled) -> list[Call] | None:
    """One 8-bit operand as another of its type, as a sum of it and nothing."""
    input, output = lowering.input(0), lowering.outputs[0]
    values = values_of(input.dtype)
    bias = 128 if input.type == TensorType.UINT8 else 0
    ratios, terms = (_real(formula.multiplier), 0.0), (values, values)
    slots = fitted(ratios, terms, formula(values) - bias, formula.low - bias, formula.high - bias)
    if slots is None or input.type != output.type:
        return None
    nothing = {"b_step": 0, "p3": 255 if bias else -1}
    return broadcast_call(lowering, "quantized.linear", input, input, {**slots, **nothing})


def _real(multiplier: Multiplier) -> float:
    return float(multiplier.mantissa) * 2.0 ** (float(multiplier.exponent) - 31)


def _linear(formula: Sum, table: np.ndarray, values: np.ndarray) -> tuple[str, dict[str, Any]] | None:
    """(p0 * a + p1 * b + p2) >> shift, clamped; None if no offset p2 gives every entry of the table."""
    total = _real(formula.multiplier) * (1 << formula.left_shift)
    ratios = _real(formula.multiplier1) * total, formula.sign * _real(formula.multiplier2) * total
    bias = 128 if values.max() > 127 else 0
    wanted = table.astype(np.int64).reshape(256, 256) - bias
    found = fitted(ratios, (values[:, None], values), wanted, formula.low - bias, formula.high - bias)
    return None if found is None else ("quantized.linear", found)


def fitted(
    ratios: tuple[float, float], terms: tuple[np.ndarray, np.ndarray], wanted: np.ndarray, low: int, high: int
) -> dict[str, Any] | None:
    """Slots of `quantized.linear`: ratio * term of either operand, added, rounded, clamped; None if not as wanted."""
    above, below = wanted > low, wanted < high
    for shift, factor, *nudges in _TRIES:
        p0, p1 = (int(np.rint(ratio * factor * (1 << shift))) + n for ratio, n in zip(ratios, nudges, strict=True))
        sums = p0 * terms[0] + p1 * terms[1]
        # Entries at a bound may lie beyond it before the clamp.
        floor = (wanted << shift) - sums
        least = int(floor[above].max(initial=-_FAR))
        most = int((floor[below] + (1 << shift) - 1).min(initial=_FAR))
        if least > most:
            continue
        p2 = (least + most) // 2 if least > -_FAR and most < _FAR else least if least > -_FAR else most
        # Sums on the way may wrap around, the last one may not.
        if sums.min() + p2 >= -(1 << 31) and sums.max() + p2 < 1 << 31:
            return {"p0": p0, "p1": p1, "p2": p2, "table": shift, "low": low, "high": high}
    return None


def _product(formula: Product, table: np.ndarray, values: np.ndarray) -> tuple[str, dict[str, Any]] | None:
    """trunc(p * scale + half) + zero point in float32 for p = (a - z1) * (b - z2); half depends on the sign of p.

    Roundings of the fixed-point formula move the steps a little from the halves: half is taken from where they are.
    None if no such numbers give the table.
    """
    bias = 128 if values.max() > 127 else 0
    products = ((values - formula.offsets[0])[:, None] * (values - formula.offsets[1])).ravel()
    products, first = np.unique(products, return_index=True)
    wanted = table.astype(np.int64)[first]
    scale = np.float32(_real(formula.multiplier))
    if not 0 < scale < 1 << 8:
        return None
    scaled = products.astype(np.float32) * scale
    beyond = np.abs(wanted - formula.zero_point) - np.abs(scaled.astype(np.float64))
    # Entries at a bound may lie beyond it before the clamp.
    inside = (wanted > formula.low) & (wanted < formula.high)
    halves = [_middle(beyond[inside & signs]) for signs in (products >= 0, products < 0)]
    results = (scaled + np.where(products < 0, -halves[1], halves[0])).astype(np.int64) + formula.zero_point
    if not np.array_equal(np.clip(results, formula.low, formula.high), wanted):
        return None
    slots = {"p0": formula.offsets[0], "p1": formula.offsets[1], "p2": float(scale)}
    slots |= {"p4": float(halves[0]), "p5": -float(halves[1]), "table": formula.zero_point - bias}
    return "quantized.product", slots


def _middle(beyond: np.ndarray) -> np.float32:
    """What is added before truncation, from how far whole numbers lie beyond the real ones that they stand for."""
    return np.float32((beyond.max() + beyond.min() + 1) / 2 if beyond.size else 0.5)


def _of_words(lowering: Lowering, formula: Any) -> list[Call] | None:
    a, b = lowering.input(0), lowering.input(1)
    clamp = {"low": getattr(formula, "low", 0), "high": getattr(formula, "high", 0)}
    if isinstance(formula, Sum) and formula.rescale is multiply_by_quantized_multiplier:
        multipliers = formula.multiplier1, formula.multiplier2, formula.multiplier
        exponents = [int(multiplier.exponent) for multiplier in multipliers]
        if max(exponents) > 0 or min(exponents) < -30 or formula.zero_point or any(formula.offsets):
            return None
        slots = {f"p{at}": int(multiplier.mantissa) for at, multiplier in enumerate(multipliers)}
        packed = padded(np.array([*exponents, formula.left_shift], np.int8))
        return broadcast_call(
            lowering, "words.sum", a, b, {**clamp, **slots, "p3": formula.sign, "table": packed}, work=8
        )
    if isinstance(formula, Product) and formula.rescale is multiply_by_quantized_multiplier:
        exponent = int(formula.multiplier.exponent)
        if not -30 <= exponent <= 0 or formula.zero_point or any(formula.offsets):
            return None
        slots = {"p0": int(formula.multiplier.mantissa), "p1": exponent}
        return broadcast_call(lowering, "words.product", a, b, {**clamp, **slots}, work=4)
    return None
