"""Calls of `native.few_rows`: products of few rows with matrices that are read as they lie, instead of being packed."""

from __future__ import annotations

from math import prod

import numpy as np

from litejit.kernels.jit.call import Call, Tensor, padded
from litejit.kernels.jit.layouts.few_rows import FEW_ROWS
from litejit.kernels.jit.packing import panels_of
from litejit.kernels.jit.products import Left, Out
from litejit.kernels.jit.stages import PackedStage
from litejit.kernels.node import TensorSpec

__all__ = ["beats_packing", "beats_panels", "few_rows"]

_KINDS = ("float", "fixed8", "double8", "scaled")
_AT_ONCE = 4
"""Panels that are computed at once where columns lie side by side and there are as many."""

_FEW_COLUMNS = 8
"""Columns up to which each is computed by itself: otherwise always 16 are."""


def beats_packing(rows: int, depth: int, columns: int, transposed: bool, is_float: bool) -> bool:
    """Whether few rows are quicker than packing the matrix in every inference: measured.

    Columns are read again for every row; of short ones little is gained. A panel of a few columns is mostly padding.
    """
    if not transposed:
        return rows <= (4 if is_float else 2)
    most = 32 if columns <= _FEW_COLUMNS and depth >= 256 else 12
    return rows <= max(1, min(most, depth // 8))


def beats_panels(rows: int, depth: int, columns: int, is_float: bool) -> bool:
    """Whether few rows are quicker than panels that have been packed before: measured.

    A tile of a single row over fewer than four panels waits for its sums of floats, and a panel of a few columns holds
    nothing else.
    """
    if rows > 3 or depth < 32:
        return False
    return columns <= 48 if is_float else columns <= _FEW_COLUMNS and depth >= 256


def few_rows(
    left: Left, right: TensorSpec | np.ndarray, images: np.ndarray, transposed: bool, zero_point: int, out: Out,
    stage: PackedStage, threads: int,
) -> Call | None:  # fmt: skip
    """The call that computes out = stage(left x right); None where there is no kernel for the output stage.

    right: matrices, the operand or a constant. images: which of them each image takes. zero_point: what is taken off
    their elements.
    """
    if stage.kind not in _KINDS:
        return None
    dims = right.dims if isinstance(right, TensorSpec) else right.shape
    rows, matrix = left.geometry.out_size[0], prod(dims[-2:])
    depth, columns = dims[-2:][:: -1 if transposed else 1]
    panels = panels_of(columns)
    at_once = _AT_ONCE if panels >= _AT_ONCE and not transposed else 1
    wanted = 1 if threads == 1 else -(-4 * threads // len(images))
    group_panels = max(at_once, -(-panels // wanted))
    groups = -(-panels // group_panels)
    item_bytes = right.dtype.itemsize
    values = {
        "left": left.source,
        "left_images": padded(left.image_offsets.astype(np.int64)),
        "left_pitch": left.geometry.channels * left.geometry.element_bytes,
        "rows": rows,
        "depth": depth,
        "right": Tensor(right.index) if isinstance(right, TensorSpec) else padded(right),
        "right_images": padded(images.astype(np.int64) * matrix * item_bytes),
        "right_pitch": (depth if transposed else columns) * item_bytes,
        "columns": columns,
        "panels": panels,
        "right_zero_point": zero_point,
        "factor": stage.factor,
        "group_panels": group_panels,
        "groups": groups,
        "scales": padded(np.zeros(len(images) * rows, np.float32)) if left.scales is None else left.scales,
        "out": out.target,
        "out_image_bytes": out.image_bytes,
        "out_row_bytes": out.row_bytes,
        "stage": stage.data,
        "zero_point": stage.zero_point,
        "low": stage.low,
        "high": stage.high,
    }
    how = f"along_{at_once}" if not transposed else "singly" if columns <= _FEW_COLUMNS else "across"
    return Call(
        f"few_rows.{stage.kind}_{how}",
        FEW_ROWS,
        values,
        items=len(images) * groups,
        scratch_bytes=left.shared_bytes,
        work=len(images) * rows * matrix,
    )
