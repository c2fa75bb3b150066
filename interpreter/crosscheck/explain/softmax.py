"""SOFTMAX: exponentials of distances from the largest of the row, in fixed point, in float32, or through tables."""

from __future__ import annotations

import numpy as np

from litejit.crosscheck.explain.explanation import Explanation, Tap, Term, run_steps
from litejit.crosscheck.explain.operations import Plan
from litejit.crosscheck.explain.registry import Case, explains
from litejit.kernels.reference.elementwise import rescale_of
from litejit.kernels.reference.lut import look_up
from litejit.kernels.reference.softmax import Softmax

Places = list[tuple[int, ...]]


@explains(Softmax)
def explain_softmax(case: Case, index: tuple[int, ...]) -> Explanation:
    """By the type of the input, and the route that the numerics flavour takes."""
    row = case.operand(0)[index[:-1]]
    places = [(*index[:-1], at) for at in range(row.size)]
    if row.dtype.kind == "f":
        return _explain_floats(case, index, row, places)
    if row.dtype.itemsize != 1:
        return _explain_16_bits(case, index, row, places)
    distances = int(row.max()) - row.astype(np.int64)
    fixed = getattr(case.kernel, "exp", None)
    bits = 8 * case.result.dtype.itemsize
    if fixed is None or int(fixed.terms[distances].sum()) >= case.kernel.limit:
        return _explain_in_float32(case, index, row, places, fixed is None)
    terms = fixed.terms[distances]
    taps = [Tap(place, raw.item(), int(term)) for place, raw, term in zip(places, row, terms, strict=True)]
    low, high = _range(case)
    plan: Plan = [
        ("share_of_sum", {"exp": int(fixed.exps[distances[index[-1]]]), "bits": bits}),
        ("add_zero_point", {"zero_point": low}),
        ("clamp", {"low": low, "high": high}),
    ]
    note = "a tap's value is its exponential, with 12 integer bits; the share is taken of the one with none"
    return case.explanation(index, [Term(taps)], run_steps(int(terms.sum()), plan), notes=[note])


def _range(case: Case) -> tuple[int, int]:
    info = np.iinfo(case.result.dtype)
    return int(info.min), int(info.max)


def _explain_floats(case: Case, index: tuple[int, ...], row: np.ndarray, places: Places) -> Explanation:
    exps = np.exp((row.astype(np.float64) - float(row.max())) * case.kernel.beta)
    taps = [Tap(place, raw.item(), exp.item()) for place, raw, exp in zip(places, row, exps, strict=True)]
    # Added up as the taps are, one after the other.
    steps = run_steps(Term(taps).total, [("float_share_of_sum", {"exp": float(exps[index[-1]])})])
    return case.explanation(index, [Term(taps)], steps, exact=float(steps[-1].value))


def _explain_in_float32(
    case: Case, index: tuple[int, ...], row: np.ndarray, places: Places, wanted: bool
) -> Explanation:
    """8 bits: from a table of 256 exponentials, whose sums are rounded after every addition."""
    exps = case.kernel.table.exps[int(row.max()) - row.astype(np.int64)]
    taps = [Tap(place, raw.item(), exp.item()) for place, raw, exp in zip(places, row, exps, strict=True)]
    term = Term(taps, rounded=True)
    low, high = _range(case)
    up = case.kernel.rounds_up
    share = {"exp": exps[index[-1]].item(), "scale": float(case.output.scale), "rounding": "up" if up else "away"}
    plan: Plan = [
        ("share_in_float32", share),
        ("add_zero_point", {"zero_point": 0 if up else case.output.zero_point}),
        ("clamp", {"low": low, "high": high}),
    ]
    notes = ["a tap's value is its exponential, from a table of float32"]
    if not wanted:
        notes.append("the sum of exponentials is too large for fixed point, so the row is computed in floats")
    return case.explanation(index, [term], run_steps(term.total, plan), notes=notes)


def _explain_16_bits(case: Case, index: tuple[int, ...], row: np.ndarray, places: Places) -> Explanation:
    """int16: the exponentials and the reciprocal of their sum come from tables of 512 segments."""
    kernel = case.kernel
    distances = row.astype(np.int64) - int(row.max())
    scaled = rescale_of(kernel.flavour)(distances, kernel.multiplier)
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
