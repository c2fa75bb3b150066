"""Products of rows of floats with integer weights, as the recurrent kernels take them: each row is quantized first."""

from __future__ import annotations

import numpy as np

from litejit.kernels.reference.exact_product import IntegerMatrix
from litejit.kernels.reference.hybrid import counted_as_zeros, quantize_rows

__all__ = ["HybridMatrix"]


class HybridMatrix:
    """Integer weights for rows of floats. [gates, rows, depth] with a scale for each gate, or [rows, depth] with one.

    UINT8 weights are taken for int8, as the official kernels do. together: see `counted_as_zeros`. offset_free: zero
    points of the rows are ignored; row_scale: stands for the scales of the rows; see SparseHybridCell.
    """

    def __init__(self, weights: np.ndarray, scales: np.ndarray, asymmetric: bool, together: int = 1) -> None:
        self.asymmetric = asymmetric
        self.together = together
        self.offset_free = False
        self.row_scale: np.ndarray | None = None
        self.shape = weights.shape[:-1]
        self.scales = scales.astype(np.float32).reshape(-1, *[1] * (weights.ndim - 2))
        span = 255 if asymmetric else 127
        self.matrix = IntegerMatrix(
            weights.view(np.int8).reshape(-1, weights.shape[-1]).T.astype(np.int32), -span, span
        )

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """[rows, depth] -> [rows, *shape], the scaled products."""
        rows = quantize_rows(counted_as_zeros(x, self.together), self.asymmetric)
        row_scale = rows.scale if self.row_scale is None else self.row_scale
        values = rows.values.astype(self.matrix.dtype) if self.offset_free else rows.centred(self.matrix.dtype)
        sums = self.matrix(values).astype(np.float32).reshape(len(x), *self.shape)
        scales = self.scales * row_scale.reshape(-1, *[1] * self.scales.ndim)
        return sums * scales
