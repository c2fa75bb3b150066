"""Rescaling of integer sums in floats, where it has been proved to give the same integers.

Neither what the fixed-point formula makes of a sum a, nor rint(float32(x) * scale) of x = factor * a + start, ever
falls when a rises. So the two agree for all sums if they step from each result to the next at the same sum: the floats
must have reached the result at the first sum that the fixed-point formula takes there, and must not at the sum below.
Between the bounds of a clamp there are at most 255 steps, and every one is looked at in the arithmetic that kernels
compute in. Sums that inputs and weights cannot reach do not matter.

What makes them meet: results above 0 are reached 2^-(e + 1) results earlier than by rounding once, e being the shift to
the right; `start` does that, in portions of 1 / factor of a sum. Results up to 0 are reached later instead, so this is
for sums whose results are clamped there.

Where to look (`native.float_rescaling`): over the results, the sums at which floats step are a line, that passes above
the sums below every step and not above the step itself. The slopes of such lines are an interval, known from the convex
hulls of both. A scale is a float, so that of a few hundred factors there are some whose slope is well within it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litejit.kernels.fixedpoint import Multiplier, multiply_by_quantized_multiplier
from litejit.kernels.jit import at_once
from litejit.kernels.jit.layouts.float_rescaling import SEARCH

__all__ = ["FloatRescaling", "agreeing", "prove", "steps"]

EXPONENTS = -23, 8
"""Of multipliers: their steps are computed in 64 bits."""

FAR = 1 << 40
"""A sum that is never reached."""


@dataclass(frozen=True, eq=False)
class FloatRescaling:
    """rint(float32(factors * sums + starts) * scales) + middle, arrays of [channels].

    holds: for which channels that has been proved.
    """

    middle: int
    factors: np.ndarray
    starts: np.ndarray
    scales: np.ndarray
    holds: np.ndarray


def steps(multiplier: Multiplier, results: np.ndarray) -> np.ndarray:
    """[channels, results] the smallest sums that are rescaled to so much or more, of results above 0.

    With r = (a * M + 2^30) >> 31, (r + 2^(e-1)) >> e is t or more if r is t * 2^e - 2^(e-1) or more, and r is z or more
    if a * M + 2^30 is z * 2^31 or more. Without a shift to the right there is r alone.
    """
    right = multiplier.right_shift[:, None]
    least = (results << right) - ((np.int64(1) << right) >> 1)
    return -((-((least << 31) - (1 << 30))) // (multiplier.mantissa << multiplier.left_shift)[:, None])


def prove(multiplier: Multiplier, ends: np.ndarray, low: int, high: int, rooms: np.ndarray) -> FloatRescaling | None:
    """The rescaling of sums [2, channels], the smallest and the largest, clamped to low .. high; low is not below 0.

    rooms: [channels] the largest factors that weights have room for. None if it has not been proved for any channel.
    """
    count = ends.shape[1]
    multiplier = Multiplier(*(np.broadcast_to(x, count) for x in (multiplier.mantissa, multiplier.exponent)))
    middle = (low + high + 1) // 2
    fits = np.abs(ends).max(0) << multiplier.left_shift < 1 << 30
    results = np.clip(multiply_by_quantized_multiplier(np.where(fits, ends, 0), multiplier), low, high)
    # What is the same for all sums is computed here.
    still = fits & (results[0] == results[1])
    found = FloatRescaling(middle, np.zeros(count, np.int64), results[0] - middle, np.ones(count, np.float32), still)
    is_within = (multiplier.exponent >= EXPONENTS[0]) & (multiplier.exponent <= EXPONENTS[1])
    moving = np.flatnonzero(fits & ~still & is_within)
    if moving.size:
        _search(multiplier, ends, results, low, high, rooms, moving, found)
    return found if found.holds.any() else None


def _search(
    multiplier: Multiplier,
    ends: np.ndarray,
    results: np.ndarray,
    low: int,
    high: int,
    rooms: np.ndarray,
    channels: np.ndarray,
    into: FloatRescaling,
) -> None:
    """Of these channels, whose results differ."""
    mantissas = multiplier.mantissa[channels] << multiplier.left_shift[channels]
    rows = (mantissas, multiplier.right_shift[channels], *ends[:, channels], *results[:, channels], rooms[channels])
    names = ("mantissas", "shifts", "least", "most", "first_results", "last_results", "rooms")
    count = channels.size
    found: dict[str, np.ndarray] = {
        "factors": np.zeros(count, np.int64),
        "starts": np.zeros(count, np.int64),
        "scales": np.ones(count, np.float32),
        "holds": np.zeros(count, np.int64),
    }
    values: dict[str, int | np.ndarray] = {
        name: np.ascontiguousarray(row, np.int64) for name, row in zip(names, rows, strict=True)
    }
    values["scratch"] = np.zeros(3 * (high - low + 2), np.int64)
    at_once.run(
        "float_rescaling.search", SEARCH, {**values, **found, "low": low, "high": high, "middle": into.middle}, count
    )
    for name, row in found.items():
        getattr(into, name)[channels] = row


def agreeing(rescaling: FloatRescaling, multiplier: Multiplier, ends: np.ndarray, low: int, high: int) -> np.ndarray:
    """[channels] whether the floats step where the fixed-point formula does, for sums between two ends: the proof.

    multiplier: of each channel. Searches prove what they find in compiled code, which tests hold against this.
    """
    results = np.arange(low + 1, high + 1)
    sums, (least, most) = steps(multiplier, results), ends[:, :, None]
    # What is rounded to a result or more begins half a result below; ties are rounded to even results.
    limits, ties = results - rescaling.middle - 0.5, (results - rescaling.middle) % 2 == 0
    factors, starts, scales = (x[:, None] for x in (rescaling.factors, rescaling.starts, rescaling.scales))
    first = np.where(sums > most, FAR, np.maximum(sums, least))
    before = np.where(sums <= least, -FAR, np.minimum(sums - 1, most))
    reached, short = (_scaled(at * factors + starts, scales) for at in (first, before))
    are_reached = (reached > limits) | ((reached == limits) & ties)
    are_short = (short < limits) | ((short == limits) & ~ties)
    agreed: np.ndarray = (are_reached & are_short).all(1)
    return agreed


def _scaled(x: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """What kernels round to whole numbers, ties to even: the exact product float32(x) * scale."""
    return x.astype(np.float32).astype(np.float64) * scales
