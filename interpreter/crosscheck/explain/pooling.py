"""Many elements to one: AVERAGE_POOL_2D, MAX_POOL_2D, MEAN."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from litejit.crosscheck.explain.arithmetic import activation_clamp
from litejit.crosscheck.explain.explanation import Explanation, Tap, Term, run_steps
from litejit.crosscheck.explain.operations import Plan, rescaling
from litejit.crosscheck.explain.registry import Case, explains
from litejit.kernels.fixedpoint import (
    integer_range,
    multiply_by_quantized_multiplier,
    multiply_by_quantized_multiplier_up,
)
from litejit.kernels.reference.pooling import AveragePool2D, MaxPool2D
from litejit.kernels.reference.reduction import Mean
from litejit.kernels.reference.reduction_flavours import FixedPoint, ImageMean, InFloat
from litejit.schema.errors import UnsupportedError


@explains(AveragePool2D, MaxPool2D)
def explain_pooling(case: Case, index: tuple[int, ...]) -> Explanation:
    """AVERAGE_POOL_2D: the taps inside of the image; MAX_POOL_2D: the largest of them. Alike in all flavours."""
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
    places: list[tuple[int, ...]] = [(batch, *place, channel) for place in product(*choices)]
    is_float = x.dtype.kind == "f"
    clamp: Plan = [("clamp", {"low": int(case.kernel.low), "high": int(case.kernel.high)})] if not is_float else []
    clamp = clamp or activation_clamp(case.kernel.options.fused_activation_function, x.dtype)
    if isinstance(case.kernel, MaxPool2D):
        return _explain_largest(case, index, places, clamp)
    taps = [Tap(place, x[place].item(), x[place].item()) for place in places]
    total = sum(tap.value for tap in taps)
    steps = run_steps(total, [("divide" if is_float else "divide_and_round", {"count": len(taps)}), *clamp])
    return case.explanation(index, [Term(taps)], steps, exact=float(steps[-1].value) if is_float else None)


def _explain_largest(case: Case, index: tuple[int, ...], places: list[tuple[int, ...]], clamp: Plan) -> Explanation:
    """NaN is never the largest; of nothing else the smallest number is."""
    x = case.operand(0)
    numbers = [place for place in places if x[place] == x[place]]
    note = f"the largest of {len(places)} pixels"
    if numbers:
        largest = max(numbers, key=lambda place: x[place].item())
        raw = x[largest].item()
        taps, plan = [Tap(largest, raw, raw)], clamp
    else:
        info = np.finfo(x.dtype) if x.dtype.kind == "f" else np.iinfo(x.dtype)
        raw, taps, note = 0, [], f"there is no number among {len(places)} pixels"
        plan = [("look_up", {"entry": info.min.item() if hasattr(info.min, "item") else info.min}), *clamp]
    steps = run_steps(raw, plan)
    exact = float(steps[-1].value) if x.dtype.kind == "f" else None
    return case.explanation(index, [Term(taps)], steps, notes=[note], exact=exact)


@explains(Mean)
def explain_mean(case: Case, index: tuple[int, ...]) -> Explanation:
    """The sum of plain numbers, divided; of quantized ones rescaled, with the division in the factor."""
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
    places = list(product(*full))
    if kernel.rescaled is not None:
        return _explain_rescaled(case, index, places)
    taps = [Tap(place, x[place].item(), x[place].item()) for place in places]
    total = sum(tap.value for tap in taps)
    if x.dtype.kind == "f":
        steps = run_steps(total, [("divide", {"count": kernel.count})])
        note = "float32 sums are rounded after every addition, in memory order"
        return case.explanation(index, [Term(taps)], steps, notes=[note], exact=float(steps[-1].value))
    plan: Plan = [("wrap", {"bits": 64}), ("divide_towards_zero", {"count": kernel.count})]
    return case.explanation(index, [Term(taps)], run_steps(total, plan))


def _explain_rescaled(case: Case, index: tuple[int, ...], places: list[tuple[int, ...]]) -> Explanation:
    formula: Any = case.kernel.rescaled
    low, high = integer_range(case.output.type)
    clamp = ("clamp", {"low": low, "high": high})
    offset, notes = 0, []
    if isinstance(formula, FixedPoint):
        offset = case.spec(0).zero_point
        zero_point = ("add_zero_point", {"zero_point": int(formula.zero_point)})
        plan: Plan = [("wrap", {"bits": 32}), *rescaling(formula.rescale, formula.multiplier), zero_point, clamp]
    elif isinstance(formula, ImageMean):
        in_block = bool(formula.in_block[index[-1]])
        rescale = multiply_by_quantized_multiplier_up if in_block else multiply_by_quantized_multiplier
        plan = [*rescaling(rescale, formula.multiplier), ("add_zero_point", {"zero_point": formula.bias}), clamp]
        notes = [
            f"the channel lies {'in' if in_block else 'behind'} the whole blocks of 16; zero points are rounded apart"
        ]
    elif isinstance(formula, InFloat):
        scaled = ("scale_in_float32", {"factor": float(formula.scale), "offset": float(formula.offset)})
        plan = [scaled, ("clamp", {"low": formula.low, "high": formula.high}), ("round_to_even", {}), clamp]
        notes = ["the offset has both zero points in it"]
    else:
        raise UnsupportedError(f"{case.where}: this arithmetic of '{case.kernel.flavour}' cannot be explained")
    x = case.operand(0)
    taps = [Tap(place, x[place].item(), x[place].item() - offset) for place in places]
    total = sum(tap.value for tap in taps)
    return case.explanation(index, [Term(taps)], run_steps(total, plan), notes=notes)
