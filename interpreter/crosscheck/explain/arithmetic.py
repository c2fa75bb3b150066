"""ADD, SUB and MUL of plain and of quantized numbers, with the formula that the numerics flavour gives each element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from litejit.crosscheck.explain.explanation import Explanation, Tap, Term, run_steps
from litejit.crosscheck.explain.operations import Plan, rescaling
from litejit.crosscheck.explain.registry import Case, broadcast_index, explains
from litejit.kernels.fixedpoint import Multiplier, float_activation
from litejit.kernels.reference.arithmetic import Add, Mul, Sub
from litejit.kernels.reference.arithmetic_flavours import (
    BlockProduct,
    BlockSum,
    EmptiedDifference,
    InBlocks,
    XnnpackProduct,
    XnnpackSum,
)
from litejit.kernels.reference.quantized_arithmetic import PotSum, Product, Q15Product, Sum
from litejit.schema import ActivationFunctionType

_INT16 = {"low": -(1 << 15), "high": (1 << 15) - 1}


@explains(Add, Sub, Mul)
def explain_arithmetic(case: Case, index: tuple[int, ...]) -> Explanation:
    """Two operands that broadcast: quantized numbers by their formula, others as they are."""
    places = [broadcast_index(index, case.operand(at).shape) for at in (0, 1)]
    raw = [case.operand(at)[place].item() for at, place in enumerate(places)]
    quantized = case.kernel.quantized
    if quantized is None:
        return _explain_plain(case, index, places, raw)
    formula, notes = quantized, []
    if isinstance(quantized, InBlocks):
        at = int(np.ravel_multi_index(index, case.result.shape)) % quantized.run
        in_block = at < quantized.run - quantized.run % quantized.lanes
        formula = quantized.body if in_block else quantized.tail
        where = f"blocks of {quantized.lanes} in a run of {quantized.run} elements"
        notes = [f"element {at} of its run lies {'in' if in_block else 'behind'} the whole {where}"]
    formula = formula.formula
    offsets = getattr(formula, "offsets", (0, 0))
    taps = [Tap(place, value, value - offset) for place, value, offset in zip(places, raw, offsets, strict=True)]
    terms, plan = _FORMULAS[type(formula)](formula, taps)
    total = sum(term.steps[-1].value if term.steps else term.total for term in terms)
    return case.explanation(index, terms, run_steps(total, plan), notes=notes)


def _product(formula: Product, taps: list[Tap]) -> tuple[list[Term], Plan]:
    return _times(taps), [*rescaling(formula.rescale, formula.multiplier), *_finish(formula)]


def _block_product(formula: BlockProduct, taps: list[Tap]) -> tuple[list[Term], Plan]:
    narrow: Plan = [("clamp", _INT16) if formula.saturates else ("wrap", {"bits": 16})]
    return _times(taps), [*rescaling(formula.rescale, formula.multiplier), *narrow, *_wrapping(formula)]


def _xnnpack_product(formula: XnnpackProduct, taps: list[Tap]) -> tuple[list[Term], Plan]:
    scaled: Plan = [("scale_in_float32", {"factor": float(formula.scale), "offset": 0.0}), ("round_to_even", {})]
    return _times(taps), [*scaled, *_finish(formula)]


def _q15_product(formula: Q15Product, taps: list[Tap]) -> tuple[list[Term], Plan]:
    plan: Plan = [("high_half_of_16_bits", {}), ("divide_by_power_of_two", {"exponent": 8})]
    return _times(taps), [*plan, *_finish(formula)]


def _sum(formula: Sum, taps: list[Tap]) -> tuple[list[Term], Plan]:
    shifted: Plan = [("shift_left", {"bits": formula.left_shift})]
    plans = [[*shifted, *rescaling(formula.rescale, one)] for one in (formula.multiplier1, formula.multiplier2)]
    plan = [*rescaling(formula.rescale_sum, formula.multiplier), *_finish(formula)]
    return _plus(taps, plans, formula.sign), plan


def _block_sum(formula: BlockSum, taps: list[Tap]) -> tuple[list[Term], Plan]:
    def brought(multiplier: Multiplier) -> Plan:
        exponent = int(multiplier.exponent)
        high: Plan = [("high_half", {"mantissa": int(multiplier.mantissa)})]
        if formula.shifts_late:
            return [("shift_left", {"bits": formula.left_shift}), *high, ("shift_right", {"bits": -exponent})]
        shift = formula.left_shift + exponent
        first: Plan = [("shift_right", {"bits": -shift})]
        if shift >= 0:
            first = [("shift_left", {"bits": shift}), ("wrap", {"bits": 32})]
        return [*first, *high]

    plan: Plan = [
        ("high_half", {"mantissa": int(formula.multiplier.mantissa)}),
        ("divide_by_power_of_two", {"exponent": -int(formula.multiplier.exponent)}),
    ]
    plan += _finish(formula) if formula.left_shift == 15 else [("wrap", {"bits": 16}), *_wrapping(formula)]
    return _plus(taps, [brought(formula.multiplier1), brought(formula.multiplier2)]), plan


def _emptied_difference(formula: EmptiedDifference, taps: list[Tap]) -> tuple[list[Term], Plan]:
    terms, _ = _sum(formula, taps)
    signs: Plan = [("shift_right", {"bits": 31}), ("multiply", {"factor": 2}), ("add_bias", {"bias": 1})]
    return terms, [("high_half", {"mantissa": int(formula.multiplier.mantissa)}), *signs, *_finish(formula)]


def _pot_sum(formula: PotSum, taps: list[Tap]) -> tuple[list[Term], Plan]:
    plans: list[Plan] = [[("divide_by_power_of_two", {"exponent": at})] for at in (formula.shift1, formula.shift2)]
    return _plus(taps, plans, formula.sign), _finish(formula)


def _xnnpack_sum(formula: XnnpackSum, taps: list[Tap]) -> tuple[list[Term], Plan]:
    plans: list[Plan] = [[("multiply", {"factor": int(factor)})] for factor in formula.factors]
    return _plus(taps, plans), [("shift_right_rounded", {"bits": int(formula.shift)}), *_finish(formula)]


_FORMULAS: dict[type, Callable[[Any, list[Tap]], tuple[list[Term], Plan]]] = {
    Product: _product,
    BlockProduct: _block_product,
    XnnpackProduct: _xnnpack_product,
    Q15Product: _q15_product,
    Sum: _sum,
    BlockSum: _block_sum,
    EmptiedDifference: _emptied_difference,
    PotSum: _pot_sum,
    XnnpackSum: _xnnpack_sum,
}
"""Formula -> what becomes of the operands, and of the sum of that."""


def _times(taps: list[Tap]) -> list[Term]:
    first, second = taps
    return [Term([Tap(first.at, first.raw, first.value, second.value, second.at)])]


def _plus(taps: list[Tap], plans: list[Plan], sign: int = 1) -> list[Term]:
    negated: Plan = [("negate", {})] if sign < 0 else []
    return [
        Term([tap], run_steps(tap.value, [*plan, *(negated if at else [])]))
        for at, (tap, plan) in enumerate(zip(taps, plans, strict=True))
    ]


def _finish(formula: Any) -> Plan:
    return [("add_zero_point", {"zero_point": int(formula.zero_point)}), _clamp(formula)]


def _wrapping(formula: Any) -> Plan:
    zero_point = int(formula.zero_point)
    return [("add_zero_point", {"zero_point": zero_point}), ("wrap", {"bits": 16}), _clamp(formula)]


def _clamp(formula: Any) -> tuple[str, dict[str, Any]]:
    return "clamp", {"low": int(formula.low), "high": int(formula.high)}


def _explain_plain(case: Case, index: tuple[int, ...], places: list[tuple[int, ...]], raw: list[Any]) -> Explanation:
    if isinstance(case.kernel, Mul):
        terms = [Term([Tap(places[0], raw[0], raw[0], raw[1], places[1])])]
    else:
        sign = -1 if isinstance(case.kernel, Sub) else 1
        terms = [Term([Tap(places[0], raw[0], raw[0])]), Term([Tap(places[1], raw[1], sign * raw[1])])]
    dtype = case.result.dtype
    plan: Plan = []
    if dtype.kind in "iu":
        plan.append(("wrap", {"bits": 8 * dtype.itemsize, "signed": dtype.kind == "i"}))
    plan += activation_clamp(case.kernel.options.fused_activation_function, dtype)
    total = sum(term.total for term in terms)
    steps = run_steps(total, plan)
    exact = None if dtype.kind in "iu" else (steps[-1].value if steps else total)
    return case.explanation(index, terms, steps, exact=exact)


def activation_clamp(activation: ActivationFunctionType, dtype: np.dtype) -> Plan:
    """The clamp of a fused activation of plain numbers, which also keeps floats finite; nothing where there is none."""
    if dtype.kind == "c" or (dtype.kind in "iu" and activation == ActivationFunctionType.NONE):
        return []
    if dtype.kind in "iu":
        ends = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max], dtype)
    else:
        ends = np.array([-np.inf, np.inf], dtype)
    low, high = (bound.item() for bound in float_activation(activation, ends))
    return [("clamp", {"low": low, "high": high})]
