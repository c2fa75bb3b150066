"""Rescaling of integer sums in floats, where it has been proved to give the same integers.

Neither what the fixed-point formula makes of a sum a, nor rint(float32(x) * scale) of x = factor * a + start, ever
falls when a rises. So the two agree for all sums if they step from each result to the next at the same sum: the floats
must have reached the result at the first sum that the fixed-point formula takes there, and must not at the sum below.
Between the bounds of a clamp there are at most 255 steps, and every one is looked at in the arithmetic that kernels
compute in. Sums that inputs and weights cannot reach do not matter.

What makes them meet: results above 0 are reached 2^-(e + 1) results earlier than by rounding once, e being the shift to
the right; `start` does that, in portions of 1 / factor of a sum. A scale is a float, and of a few dozen factors the
scale of one is very close to what it should be. Results up to 0 are reached later instead, so this is for sums whose
results are clamped there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litejit.kernels.fixedpoint import Multiplier, multiply_by_quantized_multiplier

__all__ = ["LARGEST", "FloatRescaling", "agreeing", "prove", "steps"]

CHOICES, TRIES = 128, (1, 3, 8, 12)
"""Factors considered, the largest one that there may be and those below; how many of them are tried for a slope, the
closest first: more at once for the few channels that none has been found for.
"""

SLOPES = (0, 1, -1, 2, -2, 3, -3, 4, -4, 6, -6, 8, -8)
"""How far the last step may move to make all steps meet, in 256ths of a sum."""

LARGEST = 1 << 21
"""Results before the clamp may be that large: kernels round by adding 1.5 * 2^23."""

EXPONENTS = -23, 8
"""Of multipliers: their steps are computed in 64 bits."""

CLOSE = 2.0**-10
"""A distance between starts that is far more than what rounding in 64 bits changes of it."""

FAR = 1 << 40
"""A sum that is never reached."""

AT_ONCE = 256
"""Channels whose steps stay in the second-level cache."""


@dataclass(frozen=True, eq=False)
class FloatRescaling:
    """rint(float32(factors * sums + starts) * scales) + middle, arrays of [channels]."""

    middle: int
    factors: np.ndarray
    starts: np.ndarray
    scales: np.ndarray


def steps(multiplier: Multiplier, results: np.ndarray) -> np.ndarray:
    """[channels, results] the smallest sums that are rescaled to so much or more, of results above 0.

    With r = (a * M + 2^30) >> 31, (r + 2^(e-1)) >> e is t or more if r is t * 2^e - 2^(e-1) or more, and r is z or more
    if a * M + 2^30 is z * 2^31 or more. Without a shift to the right there is r alone.
    """
    right = multiplier.right_shift[:, None]
    least = (results << right) - ((np.int64(1) << right) >> 1)
    return -((-((least << 31) - (1 << 30))) // (multiplier.mantissa << multiplier.left_shift)[:, None])


@dataclass(frozen=True, eq=False)
class _Steps:
    """Of some channels between two bounds of results.

    reached, short: [channels, results] float64, the sums at a step and below it, whole numbers. limits: [results] what
    is rounded to the result or more begins there, and if `ties` with it.
    """

    reached: np.ndarray
    short: np.ndarray
    limits: np.ndarray
    ties: np.ndarray

    @classmethod
    def of(cls, multiplier: Multiplier, ends: np.ndarray, low: int, high: int, middle: int) -> _Steps:
        """ends: [2, channels] the smallest and the largest sum."""
        results = np.arange(low + 1, high + 1)
        sums, (least, most) = steps(multiplier, results), ends[:, :, None]
        reached = np.where(sums > most, FAR, np.maximum(sums, least)).astype(np.float64)
        short = np.where(sums <= least, -FAR, np.minimum(sums - 1, most)).astype(np.float64)
        return cls(reached, short, results - middle - 0.5, (results - middle) % 2 == 0)

    def only(self, channels: np.ndarray) -> _Steps:
        """Of these."""
        return _Steps(self.reached[channels], self.short[channels], self.limits, self.ties)

    def fit(self, factors: np.ndarray, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[channels] the whole number in the middle of all starts that may be possible, and whether it agrees.

        Limits are products of the scale with some x. Whole numbers up to 2^24 are floats, and rounding larger ones to
        floats does not make them smaller than those; so only a start that is as close to a bound as what is computed of
        it has to be looked at step by step.
        """
        wanted = self.limits / scales.astype(np.float64)[:, None]
        least = (wanted - self.reached * factors[:, None]).max(1)
        most = (wanted - self.short * factors[:, None]).min(1)
        starts = np.rint((least + most) / 2)
        room = np.minimum(starts - least, most - starts)
        good, starts = room > 0, starts.astype(np.int64)
        close = np.flatnonzero((np.abs(room) < CLOSE) | (np.abs(wanted[:, [0, -1]]).max(1) >= 1 << 24))
        good[close] = self.only(close).agree(factors[close], starts[close], scales[close])
        return starts, good

    def agree(self, factors: np.ndarray, starts: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """[channels] whether the floats step where the fixed-point formula does: the proof."""
        reached, short = (
            _scaled(sums * factors[:, None] + starts[:, None], scales[:, None]) for sums in (self.reached, self.short)
        )
        are_reached = (reached > self.limits) | ((reached == self.limits) & self.ties)
        are_short = (short < self.limits) | ((short == self.limits) & ~self.ties)
        return (are_reached & are_short).all(1)


def _scaled(x: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """What kernels round to whole numbers, ties to even: the exact product float32(x) * scale."""
    return x.astype(np.float32).astype(np.float64) * scales


def prove(multiplier: Multiplier, ends: np.ndarray, low: int, high: int, largest_factor: int) -> FloatRescaling | None:
    """The rescaling of sums [2, channels], the smallest and the largest, clamped to low .. high.

    None if there is a channel that it has not been proved for. largest_factor: that weights have room for.
    """
    count = ends.shape[1]
    multiplier = Multiplier(*(np.broadcast_to(x, count) for x in (multiplier.mantissa, multiplier.exponent)))
    if low < 0 or (np.abs(ends) << multiplier.left_shift).max(initial=0) >= 1 << 30:
        return None
    middle = (low + high + 1) // 2
    results = np.clip(multiply_by_quantized_multiplier(ends, multiplier), low, high)
    # What is the same for all sums is computed here.
    found = FloatRescaling(middle, np.zeros(count, np.int64), results[0] - middle, np.ones(count, np.float32))
    moving = np.flatnonzero(results[0] != results[1])
    mantissa, exponent = multiplier.mantissa[moving], multiplier.exponent[moving]
    if exponent.min(initial=0) < EXPONENTS[0] or exponent.max(initial=0) > EXPONENTS[1]:
        return None
    for at in range(0, moving.size, AT_ONCE):
        some = slice(at, at + AT_ONCE)
        own, channels = Multiplier(mantissa[some], exponent[some]), moving[some]
        if not _search(own, ends[:, channels], low, high, largest_factor, found, channels):
            return None
    return found


def _search(
    multiplier: Multiplier,
    ends: np.ndarray,
    low: int,
    high: int,
    largest_factor: int,
    found: FloatRescaling,
    into: np.ndarray,
) -> bool:
    """Whether there are rescalings for all channels of a multiplier; they become those of the channels `into`."""
    table = _Steps.of(multiplier, ends, low, high, found.middle)
    units = multiplier.mantissa * 2.0 ** (multiplier.exponent - 31)
    # Between the steps, floats hold every sum; and all of them fit 32 bits.
    span = (high + 1) / units
    largest = np.minimum((1 << 25) / span, (1 << 30) / np.maximum(np.abs(ends).max(0), span)).astype(np.int64)
    factors = np.maximum(np.clip(largest, 1, largest_factor)[:, None] - np.arange(CHOICES), 1)
    left = np.arange(into.size)
    for slope in SLOPES:
        wanted = (units * (1 + slope * units / (128 * (high + 1))))[left, None] / factors[left]
        scales = wanted.astype(np.float32)
        errors = np.abs(scales / wanted - 1)
        rows = np.arange(left.size)
        for tries in TRIES:
            best = errors[rows].argpartition(tries - 1, axis=1)[:, :tries]
            errors[rows[:, None], best] = np.inf
            tried = np.repeat(left[rows], tries)
            factor, scale = factors[tried, best.ravel()], scales[rows[:, None], best].ravel()
            own = table if tries == 1 and rows.size == into.size else table.only(tried)
            starts, good = own.fit(factor, scale)
            reach = np.abs(ends[:, tried] * factor + starts).max(0)
            good = (good & (reach < 1 << 31) & (reach * scale < LARGEST)).reshape(-1, tries)
            are_found, at = good.any(1), np.arange(rows.size) * tries + good.argmax(1)
            channels, at = into[left[rows[are_found]]], at[are_found]
            found.factors[channels], found.starts[channels], found.scales[channels] = factor[at], starts[at], scale[at]
            rows = rows[~are_found]
            if not rows.size:
                return True
        left = left[rows]
    return False


def agreeing(rescaling: FloatRescaling, multiplier: Multiplier, ends: np.ndarray, low: int, high: int) -> np.ndarray:
    """[channels] whether a rescaling has been proved for sums between two ends, with a multiplier for each channel."""
    table = _Steps.of(multiplier, ends, low, high, rescaling.middle)
    return table.agree(rescaling.factors, rescaling.starts, rescaling.scales)
