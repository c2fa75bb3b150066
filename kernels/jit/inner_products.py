"""Weights for products of sums, which give two products of bytes each (see `native/inner_products.py`).

(2a + 2v)(b + w) = 2(aw + bv) + 2ab + 2vw: of two elements a, b of a row and their weights w, v, one multiplication
makes the two products that a sum needs, and what it makes besides is of the row or of the column alone. What elements
make among themselves is added up while a row is copied, and taken off its sums; what weights make among themselves is
taken off the bias. Factors fit 16 bits: elements are -128 .. 255 and weights, less their zero point, -255 .. 255, so
that 2a + 2v is within 1020. Sums are modulo 2**32, and right in the end, since the sum that is wanted fits 32 bits.
(Winograd, "A new algorithm for inner product", 1968.)
"""

from __future__ import annotations

import numpy as np

from litejit.kernels.jit.call import padded
from litejit.kernels.jit.layouts.inner_products import STEP, WHOLE
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.packing import PERMUTED, panels_of

__all__ = ["inner_sums", "is_whole", "pack_inner"]


def is_whole(matrix: np.ndarray) -> bool:
    """Whether rows of a product with a matrix [segments, depth, columns] are whole vectors side by side."""
    return matrix.shape[0] == 1 and matrix.shape[1] % WHOLE == 0


def pack_inner(matrix: np.ndarray) -> np.ndarray:
    """[1, depth, columns] integers -> [panels, depth / 4, 2, 2, 8, 2] int16.

    For 8 columns, then for the other 8: what is added to the first two elements of four, which is twice the weights of
    the last two; what is added to the last two, the weights of the first two.
    """
    _, depth, columns = matrix.shape
    whole = np.zeros((depth, panels_of(columns) * COLUMNS), np.int16)
    whole[:, :columns] = matrix[0]
    quads = whole.reshape(depth // STEP, 2, 2, -1, COLUMNS)[:, ::-1][..., PERMUTED]
    quads = quads * np.array([2, 1], np.int16).reshape(-1, 1, 1, 1)
    # [steps, parts, elements, panels, halves, 8] -> [panels, steps, halves, parts, 8, elements]
    halves = quads.reshape(*quads.shape[:4], 2, 8)
    return padded(halves.transpose(3, 0, 4, 1, 5, 2))


def inner_sums(matrix: np.ndarray) -> np.ndarray:
    """[columns] int64: what the weights of each column make among themselves, twice."""
    first, last = matrix.astype(np.int64).reshape(-1, 2, 2, matrix.shape[2]).swapaxes(0, 1)
    return 2 * (first * last).sum((0, 1))
