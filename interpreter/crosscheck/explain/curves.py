"""LOGISTIC and TANH: floats, the tables of 8 bits, tflite-micro's fixed point, int16 by samples or in fixed point."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from litejit.crosscheck.explain.explanation import Explanation, Tap, Term, run_steps
from litejit.crosscheck.explain.operations import Plan, rescaling
from litejit.crosscheck.explain.registry import Case, explains
from litejit.kernels.fixedpoint import integer_range, multiply_by_quantized_multiplier
from litejit.kernels.gemmlowp import WORD16
from litejit.kernels.reference.curves import Logistic, MicroCurve, Tanh


@explains(Logistic, Tanh)
def explain_curve(case: Case, index: tuple[int, ...]) -> Explanation:
    """By the type of the input, and the route that the numerics flavour takes."""
    name = "tanh" if isinstance(case.kernel, Tanh) else "logistic"
    raw = case.operand(0)[index].item()
    quantized = case.kernel.quantized
    if quantized is None:
        real = math.tanh(raw) if name == "tanh" else _logistic(raw)
        steps = run_steps(raw, [("function", {"name": name, "result": real})])
        return case.explanation(index, [Term([Tap(index, raw, raw)])], steps, exact=real)
    formula = getattr(quantized, "formula", None)
    if isinstance(formula, MicroCurve):
        value = raw - formula.offset
        plan, note = _micro(formula, name, value)
    elif case.operand(0).dtype.itemsize == 1:
        value = raw - case.spec(0).zero_point
        plan, note = _tabulated(case, name, value)
    else:
        value = raw
        plan, note = _of_16_bits(case.kernel, name, value)
    return case.explanation(index, [Term([Tap(index, raw, value)])], run_steps(value, plan), notes=[note])


def _tabulated(case: Case, name: str, value: int) -> tuple[Plan, str]:
    """8 bits: in float32, once for all 256 values."""
    low, high = integer_range(case.output.type)
    scale = case.spec(0).scale
    real = case.kernel.real(np.array([np.float32(value) * scale]))[0]
    inverse, zero_point = float(np.float32(1) / case.output.scale), case.output.zero_point
    plan: Plan = [
        ("scale_in_float32", {"factor": float(scale), "offset": 0.0}),
        ("function", {"name": name, "result": float(real)}),
    ]
    if case.kernel.flavour == "xnnpack":
        plan += [("scale_in_float32", {"factor": inverse, "offset": float(zero_point)}), ("round_to_even", {})]
    else:
        plan.append(("quantize_by_inverse", {"inverse": inverse, "zero_point": zero_point, "rounding": "away"}))
    note = "all 256 results are computed in float32 while preparing, and looked up"
    return [*plan, ("clamp", {"low": low, "high": high})], note


def _micro(formula: MicroCurve, name: str, value: int) -> tuple[Plan, str]:
    """int8 of tflite-micro: with 31 bits."""
    if abs(value) >= formula.radius:
        end = -128 if value < 0 else 127
        return [
            ("look_up", {"entry": end})
        ], f"{abs(value)} is not below {formula.radius}, which is as good as infinite"
    inside = multiply_by_quantized_multiplier(np.array([value]), formula.multiplier)
    plan: Plan = [
        *rescaling(multiply_by_quantized_multiplier, formula.multiplier),
        ("function", {"name": name, "result": int(formula.function(inside)[0])}),
        ("divide_by_power_of_two", {"exponent": 31 - formula.bits}),
        ("add_zero_point", {"zero_point": formula.zero_point}),
        ("clamp", {"low": -128, "high": 127}),
    ]
    return plan, "the function takes 4 integer bits to none, in words of 32 bits"


def _of_16_bits(kernel: Any, name: str, value: int) -> tuple[Plan, str]:
    if kernel.fixed_shift is not None:
        shifted = int(WORD16.shift_left(np.array([value]), kernel.fixed_shift)[0])
        result = int(kernel.fixed_point(np.array([shifted]))[0])
        plan: Plan = [
            ("shift_left", {"bits": kernel.fixed_shift}),
            ("clamp", {"low": -(1 << 15), "high": (1 << 15) - 1}),
            ("function", {"name": name, "result": result}),
        ]
        return plan, "the function takes 3 integer bits to none, in words of 16 bits"
    position = [
        ("multiply", {"factor": kernel.multiplier}),
        ("shift_right_rounded", {"bits": kernel.shift}),
        ("wrap", {"bits": 32}),
    ]
    if kernel.shift:  # the sum wraps before it is shifted
        half = (1 << kernel.shift) >> 1
        position = [
            ("multiply", {"factor": kernel.multiplier}),
            ("add_bias", {"bias": half}),
            ("wrap", {"bits": 32}),
            ("shift_right", {"bits": kernel.shift}),
        ]
    at = run_steps(value, position)[-1].value
    entry = int(kernel.from_samples(np.array([at]))[0])
    note = "position in a table of 256 samples of the logistic function, 3 * 4096 for each unit, interpolated"
    return [*position, ("look_up", {"entry": entry})], note


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0
