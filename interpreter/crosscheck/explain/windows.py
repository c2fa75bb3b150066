"""Many elements to one: AVERAGE_POOL_2D, MAX_POOL_2D, MEAN, SOFTMAX."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np

from litejit.crosscheck.explain.explanation import Explanation, Step, Tap, Term, run_steps
from litejit.crosscheck.explain.registry import EVERYTHING, Case, explains
from litejit.kernels.fixedpoint import float_activation, integer_range, multiply_by_quantized_multiplier
from litejit.kernels.reference.lut import look_up
from litejit.kernels.reference.pooling import AveragePool2D, MaxPool2D
from litejit.kernels.reference.reduction import Mean
from litejit.kernels.reference.softmax import Softmax

Plan = list[tuple[str, dict[str, Any]]]


@explains(AveragePool2D, MaxPool2D)
def explain_pooling(case: Case, index: tuple[int, ...]) -> Explanation:
    """AVERAGE_POOL_2D: the taps inside of the image; MAX_POOL_2D: the largest of them."""
    x = case.operand(0)
    batch, *at, channel = index
    choices = [
        [
            place
            for tap in range(window.filter_size)
            if 0 <= (place := position * window.stride - window.before + tap) < window.in_size
        ]
        for position, window in zip(at, case.kernel.windows, strict=True)
    ]
    places = [(batch, row, column, channel) for row, column in product(*choices)]
    is_float = x.dtype.kind == "f"
    if is_float:
        bounds = float_activation(case.kernel.options.fused_activation_function, EVERYTHING)
        low, high = (float(bound) for bound in bounds)
    else:
        low, high = int(case.kernel.low), int(case.kernel.high)
    clamp: Plan = [("clamp", {"low": low, "high": high})]
    if isinstance(case.kernel, MaxPool2D):
        largest = max(places, key=lambda place: x[place].item())
        raw = x[largest].item()
        note = f"the largest of {len(places)} pixels"
        return case.explanation(index, [Term([Tap(largest, raw, raw)])], run_steps(raw, clamp), notes=[note])
    taps = [Tap(place, x[place].item(), x[place].item()) for place in places]
    total = sum(tap.value for tap in taps)
    divide = "divide" if is_float else "divide_and_round"
    steps = run_steps(total, [(divide, {"count": len(taps)}), *clamp])
    return case.explanation(index, [Term(taps)], steps, exact=float(steps[-1].value) if is_float else None)


@explains(Mean)
def explain_mean(case: Case, index: tuple[int, ...]) -> Explanation:
    """MEAN: the sum less the zero points, times a multiplier that has the division in it."""
    kernel, x = case.kernel, case.operand(0)
    kept = list(index)
    full = []
    for axis, size in enumerate(x.shape):
        if axis in kernel.axes:
            full.append(range(size))
            if kernel.keep_dims:
                kept.pop(0)
        else:
            full.append(range((at := kept.pop(0)), at + 1))
    formula = kernel.rescaled
    offset = 0 if formula is None else case.spec(0).zero_point
    taps = [Tap(place, x[place].item(), x[place].item() - offset) for place in product(*full)]
    total = sum(tap.value for tap in taps)
    if formula is None:
        steps = run_steps(total, [("divide", {"count": kernel.count})])
        return case.explanation(index, [Term(taps)], steps, exact=float(steps[-1].value))
    mantissa, exponent = int(formula.multiplier.mantissa), int(formula.multiplier.exponent)
    low, high = integer_range(case.output.type)
    real = math.ldexp(mantissa, exponent - 31)
    plan: Plan = [
        ("rescale", {"rounding": "double", "mantissa": mantissa, "exponent": exponent, "real": real}),
        ("add_zero_point", {"zero_point": formula.zero_point}),
        ("clamp", {"low": low, "high": high}),
    ]
    return case.explanation(index, [Term(taps)], run_steps(total, plan))


@explains(Softmax)
def explain_softmax(case: Case, index: tuple[int, ...]) -> Explanation:
    """SOFTMAX: exponentials of distances from the largest of the row; 8 bits in fixed point, 16 through tables."""
    x, kernel = case.operand(0), case.kernel
    row = x[index[:-1]]
    places = [(*index[:-1], at) for at in range(row.size)]
    if x.dtype.kind == "f":
        exps = np.exp((row.astype(np.float64) - float(row.max())) * kernel.beta)
        taps = [Tap(place, raw.item(), exp.item()) for place, raw, exp in zip(places, row, exps, strict=True)]
        steps = run_steps(float(exps.sum()), [("float_share_of_sum", {"exp": float(exps[index[-1]])})])
        return case.explanation(index, [Term(taps)], steps, exact=float(steps[-1].value))
    if x.dtype.itemsize != 1:
        return _explain_softmax16(case, index, row, places)
    distances = int(row.max()) - row.astype(np.int64)
    terms = kernel.exp.terms[distances]
    taps = [Tap(place, raw.item(), int(term)) for place, raw, term in zip(places, row, terms, strict=True)]
    total = int(terms.sum())
    bits = 8 * case.result.dtype.itemsize
    low, high = (int(bound) for bound in (np.iinfo(case.result.dtype).min, np.iinfo(case.result.dtype).max))
    if total >= 1 << (28 if bits == 8 else 32):
        value = case.result[index].item()
        note = "the sum of exponentials is too large for fixed point, so the row is computed in floats"
        return case.explanation(index, [Term(taps)], [Step("look_up", {"entry": value}, value)], notes=[note])
    plan: Plan = [
        ("share_of_sum", {"exp": int(kernel.exp.exps[distances[index[-1]]]), "bits": bits}),
        ("add_zero_point", {"zero_point": low}),
        ("clamp", {"low": low, "high": high}),
    ]
    note = "a tap's value is its exponential, with 12 integer bits; the share is taken of the one with none"
    return case.explanation(index, [Term(taps)], run_steps(total, plan), notes=[note])


def _explain_softmax16(
    case: Case, index: tuple[int, ...], row: np.ndarray, places: list[tuple[int, ...]]
) -> Explanation:
    """int16: the exponentials and the reciprocal of their sum come from tables of 512 segments."""
    kernel = case.kernel
    distances = row.astype(np.int64) - int(row.max())
    scaled = multiply_by_quantized_multiplier(distances, kernel.multiplier)
    exps = look_up(kernel.exps, np.clip(scaled + 32767, -32768, 32767).astype(np.int16)).astype(np.int64)
    taps = [Tap(place, raw.item(), exp.item()) for place, raw, exp in zip(places, row, exps, strict=True)]
    total = int(exps.sum())
    length = total.bit_length()
    # The sum as 1 + fraction, 16 bits after the point, times a power of two.
    fraction = (((total << (32 - length)) + (1 << 14)) >> 15) - (1 << 16) - (1 << 15)
    inverse = int(look_up(kernel.inverses, np.clip([fraction], -32768, 32767).astype(np.int16))[0])
    parameters = {"exp": int(exps[index[-1]]), "inverse": inverse, "bits": length - 1}
    notes = [
        "a tap's value is its exponential, from a table",
        f"the sum is 2**{length - 1} * (1 + fraction); the inverse of 1 + fraction comes from a table",
    ]
    steps = run_steps(total, [("share_by_inverse", parameters), ("clamp", {"low": 0, "high": 32767})])
    return case.explanation(index, [Term(taps)], steps, notes=notes)
