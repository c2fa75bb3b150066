"""QUANTIZE, DEQUANTIZE and CONCATENATION, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.crosscheck.explain.explanation import Explanation, Tap, Term, run_steps
from litejit.crosscheck.explain.operations import Plan, rescaling
from litejit.crosscheck.explain.registry import Case, explains
from litejit.kernels.fixedpoint import integer_range
from litejit.kernels.reference.joining import Concatenation
from litejit.kernels.reference.pointwise import Pointwise
from litejit.kernels.reference.quantization import Dequantize, Quantize
from litejit.kernels.reference.quantization_flavours import (
    Converted,
    Real,
    Rescaled,
    RoundedAway,
    RoundedToEven,
    Saturated,
    ScaledFirst,
    WithTail,
)


@explains(Quantize)
def explain_quantize(case: Case, index: tuple[int, ...]) -> Explanation:
    """Floats to integers, integers to integers."""
    raw, output = case.operand(0)[index].item(), case.output
    formula, notes = _formula(case, index)
    if isinstance(formula, Rescaled):
        value = raw - formula.offset
        plan: Plan = [("wrap", {"bits": 32}), *rescaling(formula.rescale, formula.multiplier), *_finish(formula)]
    elif isinstance(formula, Converted):
        value = raw - formula.offset
        plan = [("multiply", {"factor": formula.factor}), ("shift_right_rounded", {"bits": 8}), *_finish(formula)]
    elif case.operand(0).dtype.kind == "f":
        value = raw
        plan = [_quantized(formula, output, index), _clamp(output)]
    else:
        value, notes = raw, ["the input has no scale, which counts as 0"]
        plan = [("multiply", {"factor": 0}), ("add_zero_point", {"zero_point": output.zero_point}), _clamp(output)]
    return case.explanation(index, [Term([Tap(index, raw, value)])], run_steps(value, plan), notes=notes)


def _quantized(formula: Any, output: Any, index: tuple[int, ...]) -> tuple[str, dict[str, Any]]:
    """The step from a float to steps from the zero point."""
    if isinstance(formula, RoundedToEven):
        inverse, rounding = float(formula.inverse), "even"
        return "quantize_by_inverse", {"inverse": inverse, "zero_point": formula.zero_point, "rounding": rounding}
    if isinstance(formula, Saturated):
        inverse = float(formula.inverse)
        return "quantize_saturating", {"inverse": inverse, "zero_point": formula.zero_point, "most": formula.high}
    if isinstance(formula, RoundedAway):
        precision = formula.scale.dtype.name
        return "quantize", {
            "scale": float(formula.scale),
            "zero_point": formula.zero_point,
            "precision": precision,
        }
    quantization = output.quantized
    at = index[quantization.axis]
    return "quantize", {"scale": float(quantization.scale[at]), "zero_point": int(quantization.zero_point[at])}


@explains(Dequantize)
def explain_dequantize(case: Case, index: tuple[int, ...]) -> Explanation:
    """DEQUANTIZE."""
    x = case.spec(0)
    raw = case.operand(0)[index].item()
    if case.operand(0).dtype.kind == "f":
        return case.explanation(index, [Term([Tap(index, raw, raw)])], [], exact=raw)
    formula, notes = _formula(case, index)
    if isinstance(formula, ScaledFirst):
        value = raw
        plan: Plan = [("multiply", {"factor": float(formula.scale)}), ("add_bias", {"bias": float(formula.offset)})]
    else:
        at = index[x.quantized.axis] if x.quantized.per_channel and not isinstance(formula, Real) else 0
        value = raw - int(x.quantized.zero_point[at])
        plan = [("multiply", {"factor": float(x.quantized.scale[at])})]
    steps = run_steps(value, plan)
    return case.explanation(index, [Term([Tap(index, raw, value)])], steps, exact=float(steps[-1].value), notes=notes)


def _formula(case: Case, index: tuple[int, ...]) -> tuple[Any, list[str]]:
    """The formula of an element, and what is to be said of where it lies."""
    run: Any = case.kernel.run
    notes = []
    if isinstance(run, WithTail):
        at, size = int(np.ravel_multi_index(index, case.result.shape)), case.result.size
        formula = run.formula_of(at, size)
        where = "in" if formula is run.body else "behind"
        notes = [f"element {at} of {size} lies {where} the whole blocks of {run.lanes}"]
        run = formula
    return (run.formula if isinstance(run, Pointwise) else run), notes


def _finish(formula: Rescaled | Converted) -> Plan:
    clamp = {"low": formula.low, "high": formula.high}
    return [("add_zero_point", {"zero_point": formula.zero_point}), ("clamp", clamp)]


def _clamp(output: Any) -> tuple[str, dict[str, Any]]:
    low, high = integer_range(output.type)
    return "clamp", {"low": low, "high": high}


@explains(Concatenation)
def explain_concatenation(case: Case, index: tuple[int, ...]) -> Explanation:
    """Which input an element comes from; uint8 inputs may be requantized through a table."""
    axis, position = case.kernel.axis, 0
    at = list(index)
    while case.operand(position).ndim and at[axis] >= case.operand(position).shape[axis]:
        at[axis] -= case.operand(position).shape[axis]
        position += 1
    if not case.operand(position).ndim:  # scalars make a vector
        position, at = index[0], []
    raw = case.operand(position)[tuple(at)].item()
    table = case.kernel.tables[position]
    note = f"element {at} of operand {position}"
    tap = Tap(tuple(at), raw, raw)
    if table is None:
        is_real = case.result.dtype.kind not in "iub"
        return case.explanation(index, [Term([tap])], [], notes=[note], exact=raw if is_real else None)
    return case.explanation(index, [Term([tap])], run_steps(raw, _requantized(case, position)), notes=[note])


def _requantized(case: Case, position: int) -> Plan:
    """uint8 to the scale of the output, in float32."""
    spec, output = case.spec(position), case.output
    factor = spec.scale * (np.float32(1) / output.scale)
    offset = np.float32(-spec.zero_point) * factor
    return [
        ("scale_in_float32", {"factor": float(factor), "offset": float(offset)}),
        ("round_away", {}),
        ("add_zero_point", {"zero_point": output.zero_point}),
        ("clamp", {"low": 0, "high": 255}),
    ]
