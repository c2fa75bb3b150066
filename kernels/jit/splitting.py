"""Weights of bytes for products of uint8 with int8 that are added up in 16 bits (see `native/split_products.py`).

A step takes 8 elements of a row, and each of its sums in 16 bits has 4 of them. Elements are 0 .. 255, so a sum stays
within 16 bits whatever they are if its positive weights add up to LIMIT at most, and its negative ones to -LIMIT at
least. Weights are made so: where some add up to more, the largest are cut down, and so are those that are not int8;
what has been cut off is multiplied in extra steps of 4 elements, of which each panel has a list. All of them together
are the weights again, so that results are the same.
"""

from __future__ import annotations

import numpy as np

from litejit.kernels.jit.call import padded
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.layouts.splitting import HEAD_BYTES, QUAD, QUADS
from litejit.kernels.jit.packing import PERMUTED, panels_of

__all__ = ["LIMIT", "fitting", "pack_split", "share_of_extra_steps", "some_filters"]

LIMIT = ((1 << 15) - 1) // 255
"""What the weights of a sum in 16 bits may add up to, of either sign."""

SAMPLE = 1 << 17
"""Weights that an estimate looks at."""


def pack_split(matrix: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """[segments, depth, columns] integers -> panels [panels, bytes] uint8.

    segments: where the segments of a row begin, in bytes. A panel is its head (see HEAD_BYTES), the steps [steps, 2,
    16, 4] int8, the extra steps [16, 4] int8, and int32 offsets in a row of what these multiply. All panels have room
    for as many extra steps as the one that has most.
    """
    weights = _steps(matrix)
    main = fitting(weights)
    panels, quads, steps = panels_of(matrix.shape[2]), len(weights) * QUADS, _panels_of_quads(main)
    numbers, places, extras = _extra_steps((weights - main).reshape(quads, 1, 2, 2, -1))
    offsets = np.add.outer(segments, QUAD * np.arange(quads // len(segments))).ravel()[places]
    counts = np.bincount(numbers, minlength=panels)
    room = int(counts.max())
    begin = HEAD_BYTES + steps[0].nbytes
    table = begin + room * COLUMNS * QUAD
    packed = np.zeros((panels, table + -(-4 * room // 64) * 64), np.uint8)
    packed[:, :8].view(np.int32)[...] = np.stack([counts, np.full(panels, table)], axis=1)
    packed[:, HEAD_BYTES:begin] = steps.reshape(panels, -1).view(np.uint8)
    slots = np.arange(len(numbers)) - np.repeat(np.cumsum(counts) - counts, counts)
    packed[:, begin:table].reshape(panels, room, COLUMNS * QUAD)[numbers, slots] = extras.reshape(
        -1, COLUMNS * QUAD
    ).view(np.uint8)
    packed[:, table : table + 4 * room].view(np.int32)[numbers, slots] = offsets
    return padded(packed)


def fitting(weights: np.ndarray) -> np.ndarray:
    """[steps, quads, 2, 2, columns] int16 -> the same, no weight larger than it was: int8, and all sums fit."""
    result = np.clip(weights, -128, 127)
    for sign in (1, -1):
        excess = _excess(result, sign)
        step, lane, column = np.nonzero(excess > 0)
        sums = result[step, :, lane, :, column]
        flat = np.maximum(sign * sums, 0).reshape(-1, 2 * weights.shape[1])
        result[step, :, lane, :, column] = sums - sign * _cut(flat, excess[step, lane, column]).reshape(sums.shape)
    return result


def _excess(weights: np.ndarray, sign: int) -> np.ndarray:
    """[steps, 2, columns]: how far the weights of a sign exceed the limit."""
    excess: np.ndarray = np.maximum(sign * weights, 0).sum((1, 3), dtype=np.int16) - np.int16(LIMIT)
    return excess


def _cut(values: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """What to take off of each row of values, the largest first, so that they add up to so much less."""
    order = np.argsort(-values, axis=1)
    largest = np.take_along_axis(values, order, axis=1)
    before = np.cumsum(largest, axis=1, dtype=np.int16) - largest
    cut = np.zeros_like(values)
    np.put_along_axis(cut, order, np.clip(excess[:, None] - before, 0, largest), axis=1)
    return cut


def _extra_steps(rest: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of panels, in order; which quads; their weights [extra steps, 16, 4] int8. They add up to the rest."""
    numbers, places, extras = [], [], []
    left = np.flatnonzero(rest.any((1, 2, 3, 4)))
    rest = rest[left]
    while len(left):
        part = fitting(rest)
        by_panel = _panels_of_quads(part)
        panel, quad = np.nonzero(by_panel.any((2, 3)))
        numbers.append(panel)
        places.append(left[quad])
        extras.append(by_panel[panel, quad])
        rest = rest - part
        again = rest.any((1, 2, 3, 4))
        left, rest = left[again], rest[again]
    if not numbers:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, COLUMNS, QUAD), np.int8)
    order = np.argsort(np.concatenate(numbers), kind="stable")
    return np.concatenate(numbers)[order], np.concatenate(places)[order], np.concatenate(extras)[order]


def some_filters(filters: np.ndarray) -> np.ndarray:
    """Whole panels of [columns, …], so many that they have about SAMPLE weights."""
    every = -(-filters.size // SAMPLE)
    return filters if every == 1 else filters[np.arange(len(filters)) // COLUMNS % every == 0]


def share_of_extra_steps(weights: np.ndarray) -> float:
    """About how many extra steps there are for each step; weights: [columns, height, width, channels], all or some.

    Where the sums of a step do not fit, one of its quads is multiplied again, and both where most do not.
    """
    columns, height, width, channels = weights.shape
    steps = _steps(weights.reshape(columns, height, width * channels).transpose(1, 2, 0))
    crowded = (_excess(steps, 1) > 0) | (_excess(steps, -1) > 0)
    share = float(crowded.reshape(len(steps), 2, -1, COLUMNS).any((1, 3)).mean())
    return share * (1 + share / 2)


def _steps(matrix: np.ndarray) -> np.ndarray:
    """[segments, depth, columns] -> [steps, quads, 2, 2, columns] int16: whole steps, whole panels."""
    segments, depth, columns = matrix.shape
    step = QUADS * QUAD
    whole = np.zeros((segments, -(-depth // step) * step, panels_of(columns) * COLUMNS), np.int16)
    whole[:, :depth, :columns] = matrix
    return whole.reshape(-1, QUADS, 2, 2, whole.shape[2])


def _panels_of_quads(weights: np.ndarray) -> np.ndarray:
    """[…, 2, 2, columns], int8 -> [panels, quads, 16, 4] int8, columns permuted."""
    quads = weights.astype(np.int8).reshape(-1, QUAD, weights.shape[-1] // COLUMNS, COLUMNS)
    return np.ascontiguousarray(quads[..., PERMUTED].transpose(2, 0, 3, 1))
