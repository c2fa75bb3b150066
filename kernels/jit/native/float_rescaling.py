"""The search for rescalings in floats, and their proof, channel by channel: see `kernels.jit.float_rescaling`."""

from __future__ import annotations

from numba import float32, float64

from litejit.kernels.jit.layouts.float_rescaling import SEARCH
from litejit.kernels.jit.native.inline import inline
from litejit.kernels.jit.native.simd import getters, load_i64, store

get, _ = getters(SEARCH)

TRIES = 512
"""Factors considered, the largest that there may be and those below."""

NEAR = 1 / 128
"""How far slopes may be from what they should be, where few steps tell."""

LARGEST = 1 << 21
"""Results before the clamp may be that large: kernels round by adding 1.5 * 2^23."""

ABOVE = 1 << 40
"""More than any start: what is added so that truncation rounds down."""


@inline
def _steps(steps, mantissa, shift, begin, end, least, most):
    """The smallest sums that are rescaled to results begin .. end or more; one for end + 1 that is out of reach.

    The bounds of sums stand in for those beyond. A step of results is so many sums and a remainder, which add up.
    """
    half = (1 << shift) >> 1
    numerator = ((((begin + 1) << shift) - half) << 31) - (1 << 30) + mantissa - 1
    sums, left = numerator // mantissa, numerator % mantissa
    whole, rest = (1 << (31 + shift)) // mantissa, (1 << (31 + shift)) % mantissa
    store(steps, least)
    for result in range(begin + 1, end + 1):
        store(steps + 8 * (result - begin), sums)
        sums += whole
        left += rest
        if left >= mantissa:
            sums += 1
            left -= mantissa
    store(steps + 8 * (end + 1 - begin), most + 1)


@inline
def _hull(values, first, last, sign, hull):
    """Of the points (i, sign * values[i]), first <= i <= last, those that lie on their hull from below; how many."""
    count = 0
    for at in range(first, last + 1):
        value = sign * load_i64(values + 8 * at)
        while count >= 2:
            one, other = load_i64(hull + 8 * count - 16), load_i64(hull + 8 * count - 8)
            here, there = sign * load_i64(values + 8 * one), sign * load_i64(values + 8 * other)
            if (there - here) * (at - other) < (value - there) * (other - one):
                break
            count -= 1
        store(hull + 8 * count, at)
        count += 1
    return count


@inline
def _agrees(steps, first, last, excess, factor, start, scale, limit, is_even):
    """Whether floats reach results first .. last at their steps (excess 0), or do not at the sums below them (1).

    limit: what is rounded to the first result or more begins there, and with it if `is_even`.
    """
    wrong = 0
    for at in range(first, last + 1):
        x = float64(float32(factor * (load_i64(steps + 8 * at) - excess) + start)) * scale
        is_reached = x > limit or (x == limit and is_even == 1)
        wrong += 1 if is_reached == (excess == 1) else 0
        limit += 1.0
        is_even ^= 1
    return wrong == 0


def search(args, first, last, rank):
    """A line of sums over results that passes every step on the right side gives all steps: its slope first."""
    low, high, middle = get(args, "low"), get(args, "high"), get(args, "middle")
    steps = get(args, "scratch")
    lower = steps + 8 * (high - low + 2)
    upper = lower + 8 * (high - low + 2)
    for channel in range(first, last):
        at = 8 * channel
        mantissa, shift = load_i64(get(args, "mantissas") + at), load_i64(get(args, "shifts") + at)
        least, most = load_i64(get(args, "least") + at), load_i64(get(args, "most") + at)
        begin, end = load_i64(get(args, "first_results") + at), load_i64(get(args, "last_results") + at)
        _steps(steps, mantissa, shift, begin, end, least, most)
        # Lowest and highest places that matter, counted from `begin`: all sums give the clamp's low end or more, and
        # none more than its high end.
        reached, short = 1 if begin == low else 0, end - begin + (0 if end == high else 1)
        end -= begin
        lowers, uppers = _hull(steps, reached, end, 1, lower), _hull(steps, 1, short, -1, upper)
        slope = float64(1 << 31) * float64(1 << shift) / float64(mantissa)
        flattest, steepest = slope * (1 - NEAR), slope * (1 + NEAR)
        for one in range(uppers):
            there = load_i64(upper + 8 * one)
            below = load_i64(steps + 8 * there) - 1
            for other in range(lowers):
                here = load_i64(lower + 8 * other)
                rise = float64(load_i64(steps + 8 * here) - below)
                if here > there:
                    steepest = min(steepest, rise / float64(here - there))
                elif here < there:
                    flattest = max(flattest, rise / float64(here - there))
        slope = (flattest + steepest) / 2
        offset = float64(begin - middle) - 0.5
        reach = max(abs(least), abs(most))
        factor = min(load_i64(get(args, "rooms") + at), (1 << 30) // max(reach, int(slope * float64(high + 1)) + 1))
        # Between the steps, floats hold every sum.
        factor = max(1, min(factor, int(float64(1 << 25) / (slope * float64(high + 1)))))
        found = 0
        for _ in range(min(TRIES, factor)):
            scale = float64(float32(1.0 / (float64(factor) * slope)))
            own = 1.0 / (float64(factor) * scale)
            if flattest < own < steepest:
                unit, from_below, from_above = 1.0 / scale, -float64(ABOVE), float64(ABOVE)
                for one in range(lowers):
                    here = load_i64(lower + 8 * one)
                    start = (offset + float64(here)) * unit - float64(factor * load_i64(steps + 8 * here))
                    from_below = max(from_below, start)
                for one in range(uppers):
                    there = load_i64(upper + 8 * one)
                    start = (offset + float64(there)) * unit - float64(factor * (load_i64(steps + 8 * there) - 1))
                    from_above = min(from_above, start)
                start = int((from_below + from_above) / 2 + 0.5 + float64(ABOVE)) - ABOVE
                farthest = max(abs(factor * least + start), abs(factor * most + start))
                is_even = 1 - ((begin + reached - middle) & 1)
                is_next_even = 1 - ((begin + 1 - middle) & 1)
                if (
                    from_below < from_above
                    and farthest < (1 << 31)
                    and float64(farthest) * scale < float64(LARGEST)
                    and _agrees(steps, reached, end, 0, factor, start, scale, offset + float64(reached), is_even)
                    and _agrees(steps, 1, short, 1, factor, start, scale, offset + 1.0, is_next_even)
                ):
                    found = 1
                    store(get(args, "factors") + at, factor)
                    store(get(args, "starts") + at, start)
                    store(get(args, "scales") + 4 * channel, float32(scale))
                    break
            factor -= 1
        store(get(args, "holds") + at, found)
