"""Values that operators of one or two numbers are tested on."""

from __future__ import annotations

from typing import Any

import numpy as np

BROADCASTS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((2, 1, 3), (1, 4, 1)),
    ((), (2, 2)),
    ((), ()),
    ((1,), (5,)),
    ((5, 1), (1, 1)),
    ((0, 3), (3,)),
    ((1, 3), (0, 1)),
    ((2, 1, 3, 1, 2, 2), (1, 3, 1, 2, 1, 2)),
    ((1, 2, 1, 2, 1, 2, 1, 2), (2, 2)),
]
"""Pairs of shapes that broadcast: same, either side, scalars, dims of 1, empty, up to rank 8."""


def edges(dtype: Any) -> np.ndarray:
    """The values where arithmetic of a type goes wrong first."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        low = [info.min, info.min + 1] + ([-7, -3, -2, -1] if info.min else [])
        return np.array([*low, 0, 1, 2, 3, 5, 100, info.max // 2, info.max - 1, info.max], dtype)
    if dtype.kind == "b":
        return np.array([False, True])
    numbers = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.0, 2.5, -2.5, 3.0, 7.25, -100.0, 1e3, 6.1e4, -6.1e4]
    special = [np.inf, -np.inf, np.nan]
    if dtype == np.float32:
        special += [1e-40, -1e-45, 3e38, -3.4028235e38, 1.1754944e-38, 16777217.0]
    return np.array(numbers + special, np.float64).astype(dtype)


def pairs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every ordered pair of values, as two vectors."""
    return np.repeat(values, values.size), np.tile(values, values.size)


def every(dtype: Any) -> np.ndarray:
    """All values of an 8-bit or 16-bit integer type, in rising order."""
    info = np.iinfo(dtype)
    return np.arange(info.min, info.max + 1).astype(dtype)


def filled(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> np.ndarray:
    """An array of random edge values."""
    rng = np.random.default_rng(seed)
    return rng.choice(edges(dtype), shape)
