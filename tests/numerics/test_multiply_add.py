"""Multiply-adds of float32 that are rounded once, as instructions do it that some flavours follow."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from litejit.kernels.reference.hybrid_flavours import multiply_add


def test_multiply_add_is_rounded_once() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=20_000).astype(np.float32) for _ in range(2))
    product = a.astype(np.float64) * b
    c = (rng.normal(size=20_000) * 10.0 ** rng.integers(-6, 7, 20_000)).astype(np.float32)
    # Sums next to ties between float32 numbers, where rounding to float64 first goes wrong.
    tie = np.float32(1.0) + np.arange(1, 4001, dtype=np.float32) * np.float32(2.0**-22)
    a[:4000], b[:4000] = np.float32(2.0**-24), np.float32(1 + 2.0**-23) * np.where(np.arange(4000) % 2, 1, -1)
    c[:4000] = tie
    c[4000:5000] = -product[4000:5000].astype(np.float32)
    for x, y, z, result in zip(a, b, c, multiply_add(a, b, c), strict=True):
        exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
        assert result == nearest(exact), (x, y, z)


def nearest(exact: Fraction) -> np.float32:
    """The float32 number nearest to a fraction, ties to even."""
    guess = np.float32(float(exact))
    candidates = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    return min(candidates, key=lambda x: (abs(Fraction(float(x)) - exact), int(x.view(np.int32)) & 1))


def test_multiply_add_of_specials() -> None:
    a = np.array([np.inf, -np.inf, np.nan, 0, 3e38, 1e-45, 0], np.float32)
    b = np.array([1, 1, 1, np.inf, 10, 0.5, -0.0], np.float32)
    c = np.array([1, 1, 1, 1, -1, 0, 0], np.float32)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(multiply_add(a, b, c), a * b + c)
