"""FULLY_CONNECTED with a scale for each block of a row of weights, on the fast tier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litejit.kernels.jit.call import SLACK, Call, Scratch, Tensor, padded
from litejit.kernels.jit.layouts.blocks import BLOCKS
from litejit.kernels.jit.layouts.panels import COLUMNS
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.products import rounded
from litejit.kernels.jit.stages import pack_pairs
from litejit.kernels.reference.fully_connected import FullyConnected
from litejit.kernels.reference.hybrid_products import BlockMatrix, BlockwiseProducts

__all__: list[str] = []

_GROUP = 16
"""Panels that a row is quantized for."""


@lowers(FullyConnected)
def blockwise(lowering: Lowering) -> Sequence[Call] | None:
    """One call; blocks are of a whole number of pairs."""
    kernel, input, output = lowering.kernel, lowering.input(0), lowering.outputs[0]
    products, bias = kernel.products, lowering.given(2)
    if not isinstance(products, BlockwiseProducts) or kernel.constant is None or products.block_size % 2:
        return None
    if output.size == 0 or input.size == 0 or (bias is not None and bias.value is None):
        return None
    features, units, size = kernel.in_features, output.dims[-1], products.block_size
    matrix: BlockMatrix = products.matrix(products.weights(kernel.constant).T)
    extra = -units % (4 * COLUMNS)

    def wide(table: np.ndarray) -> np.ndarray:
        """As many columns as the panels have."""
        return np.pad(table, [(0, 0)] * (table.ndim - 1) + [(0, extra)])

    weights = pack_pairs(wide(matrix.blocks.astype(np.int32)), 1, narrow=True)
    start = np.zeros(units, np.float32) if bias is None or bias.value is None else bias.value.ravel()
    rows, groups = input.size // features, -(-len(weights) // _GROUP)
    own = rounded(2 * 256 + 2 * features + 2 * SLACK)
    values = {
        "source": Tensor(input.index),
        "depth": features,
        "block_size": size,
        "blocks": features // size,
        "columns": units,
        "panels": len(weights),
        "group_panels": _GROUP,
        "groups": groups,
        "weights": weights,
        "panel_bytes": weights.nbytes // len(weights),
        "scales": padded(wide(matrix.scales.astype(np.float32))),
        "sums": padded(wide(matrix.blocks.sum(axis=1).astype(np.int32))),
        "column_sums": padded(wide(matrix.column_sums)),
        "bias": padded(wide(start)),
        "zeros": padded(np.zeros(16, np.int32)),
        "nothing": padded(np.zeros(4 * COLUMNS, np.int32)),
        "out": Tensor(output.index),
        "scratch": Scratch(),
        "scratch_bytes": own,
    }
    work = rows * features * units
    return [Call("blocks.multiply", BLOCKS, values, rows * groups, scratch_bytes=own, work=work)]
