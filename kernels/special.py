"""Special functions of arrays that NumPy does not have."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.polynomial import chebyshev

__all__ = ["erfc"]

_LARGEST = 26.0
"""erfc of anything larger is below the smallest normal float64."""
_DEGREE = 24


def erfc(x: np.ndarray) -> np.ndarray:
    """The complementary error function of a float64 array, relative error below 1e-12 (absolute below 1e-300).

    With t = 2 / (2 + |x|), log(erfc(|x|) / t) + x**2 is smooth in t: a Chebyshev polynomial holds it.
    """
    magnitude = np.minimum(np.abs(x), _LARGEST + 1)
    t = 2 / (2 + magnitude)
    value = t * np.exp(chebyshev.chebval(_to_unit(t), _coefficients()) - magnitude * magnitude)
    return np.where(x < 0, 2 - value, np.where(magnitude > _LARGEST, 0, value))


def _to_unit(t: np.ndarray) -> np.ndarray:
    smallest = 2 / (2 + _LARGEST)
    return (2 * t - (1 + smallest)) / (1 - smallest)


@cache
def _coefficients() -> np.ndarray:
    def smooth(unit: np.ndarray) -> np.ndarray:
        smallest = 2 / (2 + _LARGEST)
        t = (unit * (1 - smallest) + 1 + smallest) / 2
        x = 2 / t - 2
        return np.array([math.log(math.erfc(at) / part) + at * at for at, part in zip(x, t, strict=True)])

    return chebyshev.chebinterpolate(smooth, _DEGREE)
