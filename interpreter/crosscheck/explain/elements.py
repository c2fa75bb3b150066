"""Operators that treat elements by themselves: ADD, SUB, MUL, LOGISTIC, TANH, QUANTIZE, DEQUANTIZE, CONCATENATION."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from litejit.crosscheck.explain.explanation import Explanation, Step, Tap, Term, run_steps
from litejit.crosscheck.explain.registry import EVERYTHING, Case, explains
from litejit.kernels.fixedpoint import Multiplier, float_activation, integer_range
from litejit.kernels.reference.arithmetic import Add, Mul, Sub
from litejit.kernels.reference.curves import Logistic, Tanh
from litejit.kernels.reference.joining import Concatenation
from litejit.kernels.reference.quantization import Dequantize, Quantize
from litejit.kernels.reference.quantized_arithmetic import Product, Sum
from litejit.schema.errors import UnsupportedError

Plan = list[tuple[str, dict[str, Any]]]


@explains(Add, Sub, Mul)
def explain_arithmetic(case: Case, index: tuple[int, ...]) -> Explanation:
    """ADD, SUB and MUL of two operands that broadcast."""
    kernel = case.kernel
    places = [_broadcast(index, case.operand(at).shape) for at in (0, 1)]
    raw = [case.operand(at)[place].item() for at, place in enumerate(places)]
    formula = getattr(kernel.quantized, "formula", None)
    if kernel.quantized is None:
        return _explain_plain(case, index, places, raw)
    if isinstance(formula, Product) and type(formula) is Product:
        value, weight = raw[0] - formula.offsets[0], raw[1] - formula.offsets[1]
        tap = Tap(places[0], raw[0], value, weight, places[1])
        return case.explanation(index, [Term([tap])], run_steps(tap.product, _product_plan(formula)))
    if type(formula) is not Sum:
        raise UnsupportedError(f"{case.where}: {type(formula).__name__} arithmetic cannot be explained")
    terms = []
    for at, multiplier in enumerate((formula.multiplier1, formula.multiplier2)):
        value = raw[at] - formula.offsets[at]
        plan: Plan = [("shift_left", {"bits": formula.left_shift}), ("rescale", _double(multiplier))]
        plan += [("negate", {})] if at == 1 and formula.sign < 0 else []
        terms.append(Term([Tap(places[at], raw[at], value)], run_steps(value, plan)))
    total = sum(term.steps[-1].value for term in terms)
    below_one = {"mantissa": int(formula.multiplier.mantissa), "exponent": int(formula.multiplier.exponent)}
    one: Plan = (
        [("rescale_below_one", below_one)] if below_one["exponent"] <= 0 else [("rescale", _double(formula.multiplier))]
    )
    return case.explanation(index, terms, run_steps(total, [*one, *_finish(formula)]))


def _product_plan(formula: Product) -> Plan:
    return [("rescale", _double(formula.multiplier)), *_finish(formula)]


def _finish(formula: Any) -> Plan:
    return [
        ("add_zero_point", {"zero_point": int(formula.zero_point)}),
        ("clamp", {"low": int(formula.low), "high": int(formula.high)}),
    ]


def _double(multiplier: Multiplier) -> dict[str, Any]:
    mantissa, exponent = int(multiplier.mantissa), int(multiplier.exponent)
    return {
        "rounding": "double",
        "mantissa": mantissa,
        "exponent": exponent,
        "real": math.ldexp(mantissa, exponent - 31),
    }


def _explain_plain(case: Case, index: tuple[int, ...], places: list[tuple[int, ...]], raw: list[Any]) -> Explanation:
    if isinstance(case.kernel, Mul):
        terms = [Term([Tap(places[0], raw[0], raw[0], raw[1], places[1])])]
        total = raw[0] * raw[1]
    else:
        sign = -1 if isinstance(case.kernel, Sub) else 1
        terms = [Term([Tap(places[0], raw[0], raw[0])]), Term([Tap(places[1], raw[1], sign * raw[1])])]
        total = raw[0] + sign * raw[1]
    if not isinstance(total, float):
        return case.explanation(index, terms, [])
    low, high = float_activation(case.kernel.options.fused_activation_function, EVERYTHING)
    steps = run_steps(total, [("clamp", {"low": float(low), "high": float(high)})])
    return case.explanation(index, terms, steps, exact=float(steps[-1].value))


def _broadcast(index: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    own = index[len(index) - len(shape) :]
    return tuple(0 if size == 1 else at for at, size in zip(own, shape, strict=True))


@explains(Logistic, Tanh)
def explain_curve(case: Case, index: tuple[int, ...]) -> Explanation:
    """LOGISTIC and TANH: floats, the table of 8 bits (function, then quantization), interpolation of int16."""
    x = case.operand(0)
    raw = x[index].item()
    name = "tanh" if isinstance(case.kernel, Tanh) else "logistic"
    if x.dtype.kind == "f":
        real = math.tanh(raw) if name == "tanh" else _logistic(raw)
        steps = [Step("function", {"name": name, "result": real}, real)]
        return case.explanation(index, [Term([Tap(index, raw, raw)])], steps, exact=real)
    spec, output = case.spec(0), case.output
    if x.dtype.itemsize == 1:
        value = raw - spec.zero_point
        real = float(np.float32(value) * spec.scale)
        curve = math.tanh(real) if name == "tanh" else _logistic(real)
        inverse = np.float32(1) / output.scale
        low, high = integer_range(output.type)
        scaled: Plan = [
            ("multiply", {"factor": float(spec.scale)}),
            ("function", {"name": name, "result": float(np.float32(curve))}),
            ("quantize", {"scale": float(1 / inverse), "zero_point": output.zero_point}),
            ("clamp", {"low": low, "high": high}),
        ]
        note = "all 256 results are computed in float32 while preparing, and looked up"
        return case.explanation(index, [Term([Tap(index, raw, value)])], run_steps(value, scaled), notes=[note])
    kernel = case.kernel
    half = (1 << kernel.shift) >> 1
    position = (raw * kernel.multiplier + half) >> kernel.shift
    entry = int(kernel.from_samples(np.array([position]))[0])
    steps = [
        Step("rescale", _shifted(kernel.multiplier, kernel.shift), position),
        Step("look_up", {"entry": entry}, entry),
    ]
    note = "position in a table of 256 samples of the logistic function, 3 * 4096 for each unit, interpolated"
    return case.explanation(index, [Term([Tap(index, raw, raw)])], steps, notes=[note])


def _shifted(multiplier: int, shift: int) -> dict[str, Any]:
    """A product and a shift that rounds up, as a rescaling by a real factor."""
    mantissa, exponent = multiplier << 16, 31 - shift - 16
    return {"rounding": "single", "mantissa": mantissa, "exponent": exponent, "real": math.ldexp(multiplier, -shift)}


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


@explains(Quantize)
def explain_quantize(case: Case, index: tuple[int, ...]) -> Explanation:
    """QUANTIZE: floats to integers, integers to integers."""
    x, y = case.spec(0), case.output
    raw = case.operand(0)[index].item()
    low, high = integer_range(y.type)
    clamp = ("clamp", {"low": low, "high": high})
    if case.operand(0).dtype.kind == "f":
        quantization = y.quantized
        at = index[quantization.axis] if quantization.per_channel else 0
        scale, zero_point = float(quantization.scale[at]), int(quantization.zero_point[at])
        plan: Plan = [("quantize", {"scale": scale, "zero_point": zero_point}), clamp]
        return case.explanation(index, [Term([Tap(index, raw, raw)])], run_steps(raw, plan))
    value = raw - x.zero_point
    multiplier = Multiplier.from_real(np.float64(x.scale) / np.float64(y.scale))
    plan = [("rescale", _double(multiplier)), ("add_zero_point", {"zero_point": y.zero_point}), clamp]
    return case.explanation(index, [Term([Tap(index, raw, value)])], run_steps(value, plan))


@explains(Dequantize)
def explain_dequantize(case: Case, index: tuple[int, ...]) -> Explanation:
    """DEQUANTIZE."""
    x = case.spec(0)
    raw = case.operand(0)[index].item()
    if case.operand(0).dtype.kind == "f":
        return case.explanation(index, [Term([Tap(index, raw, raw)])], [], exact=raw)
    at = index[x.quantized.axis] if x.quantized.per_channel else 0
    value = raw - int(x.quantized.zero_point[at])
    steps = run_steps(value, [("multiply", {"factor": float(x.quantized.scale[at])})])
    return case.explanation(index, [Term([Tap(index, raw, value)])], steps, exact=float(steps[-1].value))


@explains(Concatenation)
def explain_concatenation(case: Case, index: tuple[int, ...]) -> Explanation:
    """CONCATENATION: which input an element comes from; uint8 inputs may be requantized through a table."""
    axis, position = case.kernel.axis, 0
    at = list(index)
    while at[axis] >= case.operand(position).shape[axis]:
        at[axis] -= case.operand(position).shape[axis]
        position += 1
    raw = case.operand(position)[tuple(at)].item()
    table = case.kernel.tables[position]
    steps = [] if table is None else [Step("look_up", {"entry": int(table[raw])}, int(table[raw]))]
    note = f"element {list(at)} of operand {position}"
    return case.explanation(index, [Term([Tap(tuple(at), raw, raw)])], steps, notes=[note])
