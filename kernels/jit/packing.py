"""Weights and output stages in the layouts that the tiles read: panels of 16 columns.

Float panels hold [depth][16] float32. Integer panels hold [depth / 2][16][2] int16: two consecutive elements of the
depth side by side, less the zero point, times 2 (the rescaling wants twice the sum). Where a processor
has dot products of bytes, panels hold [depth / 4][16][4] int8, the weights as they are. Within a panel the columns of
integer weights are permuted so that packing two vectors of 32-bit sums into 16 bits brings them back in order.
"""

from __future__ import annotations

import numpy as np

from litejit.kernels.fixedpoint import Multiplier, wrap32
from litejit.kernels.jit.call import padded
from litejit.kernels.jit.layouts.panels import COLUMNS, PROVED_AT, STAGE_BYTES

__all__ = [
    "PERMUTED",
    "largest_sums",
    "pack_channels",
    "pack_float_panels",
    "pack_float_stage",
    "pack_int8_quads",
    "pack_int16_panels",
    "pack_stage",
    "panels_of",
    "sums_fit",
]

PERMUTED = np.array([0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15])


def panels_of(columns: int) -> int:
    """How many panels hold this many columns."""
    return -(-columns // COLUMNS)


def pack_float_panels(weights: np.ndarray) -> np.ndarray:
    """[depth, columns] float32 -> [panels, depth, 16], zeros after the last column."""
    depth, columns = weights.shape
    panels = np.zeros((panels_of(columns) * COLUMNS, depth), np.float32)
    panels[:columns] = weights.T
    return padded(panels.reshape(-1, COLUMNS, depth).transpose(0, 2, 1))


def pack_int16_panels(weights: np.ndarray, factor: int | np.ndarray = 2) -> np.ndarray:
    """[segments, depth, columns] integers -> [panels, segments, ceil(depth / 2), 16, 2] int16.

    factor: what they are multiplied by, one for all columns or one for each.
    """
    segments, depth, columns = weights.shape
    pairs = -(-depth // 2)
    whole = np.zeros((segments, 2 * pairs, panels_of(columns) * COLUMNS), np.int16)
    whole[:, :depth, :columns] = factor * weights.astype(np.int16)
    split = whole.reshape(segments, pairs, 2, -1, COLUMNS)[..., PERMUTED]
    return padded(split.transpose(3, 0, 1, 4, 2))


def pack_int8_quads(weights: np.ndarray) -> np.ndarray:
    """[segments, depth, columns] int8 -> [panels, segments, ceil(depth / 4), 16, 4] int8, columns permuted too."""
    segments, depth, columns = weights.shape
    steps = -(-depth // 4)
    whole = np.zeros((segments, 4 * steps, panels_of(columns) * COLUMNS), np.int8)
    whole[:, :depth, :columns] = weights
    split = whole.reshape(segments, steps, 4, -1, COLUMNS)[..., PERMUTED]
    return padded(split.transpose(3, 0, 1, 4, 2))


def pack_channels(rows: np.ndarray, permuted: bool = False) -> np.ndarray:
    """[rows, channels] -> [panels, rows, 16], zeros after the last channel; permuted: as columns of integer panels."""
    whole = np.zeros((len(rows), panels_of(rows.shape[1]) * COLUMNS), rows.dtype)
    whole[:, : rows.shape[1]] = rows
    panels = whole.reshape(len(rows), -1, COLUMNS).swapaxes(0, 1)
    return panels[..., PERMUTED] if permuted else panels


def pack_stage(bias: np.ndarray, multiplier: Multiplier, columns: int) -> tuple[np.ndarray, bool]:
    """The output stage of each panel, and whether some factor is 1/2 or more, which the plain stage has no code for.

    bias: [columns] integers, the input's zero point already in them. Per panel: twice the bias (2 x 8 int32), then for
    each half of its columns the multipliers of even and of odd columns (4 int64 each), their rounding terms (4 int64
    each), right shifts, left shifts, and all ones where the second rounding takes place (8 int32 each).
    """
    count = panels_of(columns) * COLUMNS

    def by_panel(values: np.ndarray | int, fill: int) -> np.ndarray:
        whole = np.full(count, fill, np.int64)
        whole[:columns] = values
        return whole.reshape(-1, COLUMNS)[:, PERMUTED].reshape(-1, 2, 8)

    mantissa, exponent = by_panel(multiplier.mantissa, 0), by_panel(multiplier.exponent, -1)
    right, left = np.maximum(-exponent, 0), np.maximum(exponent, 0)
    rounding = (1 << 31) + np.where(right > 0, (1 << np.maximum(right - 1, 0)) << 32, 0)
    stage = np.zeros((len(mantissa), STAGE_BYTES), np.uint8)
    stage[:, :64] = _bytes(by_panel(2 * bias, 0).astype(np.int32))
    for half in range(2):
        slots = [x[:, half, parity::2] for x in (mantissa, rounding) for parity in range(2)]
        slots += [x[:, half].astype(np.int32) for x in (right, left, -(right > 0).astype(np.int64))]
        stage[:, 64 + 224 * half :][:, :224] = np.concatenate([_bytes(slot) for slot in slots], axis=1)
    return padded(stage), bool((right < 1).any())


def pack_float_stage(starts: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The output stage of panels that rescale in floats: what sums start with (2 x 8 int32), scales (2 x 8)."""
    columns = [pack_channels(row[None], permuted=True)[:, 0] for row in (wrap32(starts).astype(np.int32), scales)]
    stage = np.zeros((len(columns[0]), STAGE_BYTES), np.uint8)
    stage[:, :128] = np.concatenate([_bytes(column) for column in columns], axis=1)
    stage[:, PROVED_AT] = 1
    return padded(stage)


def _bytes(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.uint8)


def largest_sums(weights: np.ndarray, low: int, high: int) -> np.ndarray:
    """[columns] int64: how far sums, and partial ones, of inputs low .. high times weights [..., depth, columns] go."""
    w = weights.reshape(-1, weights.shape[-1])
    total, absolute = w.sum(0, dtype=np.int64), np.abs(w.astype(np.int16)).sum(0, dtype=np.int64)
    positive, negative = (absolute + total) // 2, (absolute - total) // 2
    below, above = max(-low, 0), max(high, 0)
    return np.maximum(positive * above + negative * below, positive * below + negative * above)


def sums_fit(weights: np.ndarray, bias: np.ndarray, low: int, high: int, left: int = 0) -> bool:
    """Whether twice every sum, shifted left, fits 32 bits: weights [..., depth, columns] times inputs low .. high.

    bias: [columns], what is added to the sums.
    """
    return bool((largest_sums(weights, low, high) + np.abs(bias) < 1 << (30 - left)).all())
