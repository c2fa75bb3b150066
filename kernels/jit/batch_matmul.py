"""BATCH_MATMUL on the fast tier: floats, INT8, INT16 with weights of 8 bits, and dynamic range."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from litejit.kernels.jit.bands import Geometry
from litejit.kernels.jit.call import Call, Tensor
from litejit.kernels.jit.few_rows import beats_packing, few_rows
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.jit.matrices import Rows, packed_right, spread, stage_of_matrix
from litejit.kernels.jit.products import Out, Right, matrix_rows, product
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.batch_matmul import BatchMatMul
from litejit.kernels.reference.products import HybridProducts
from litejit.schema import ActivationFunctionType, TensorType

__all__: list[str] = []


@lowers(BatchMatMul)
def batch_matmul(lowering: Lowering) -> Sequence[Call] | None:
    """Right matrices of run time are read where they lie if rows are few, else packed when they arrive."""
    kernel, lhs, rhs, output = lowering.kernel, lowering.input(0), lowering.input(1), lowering.outputs[0]
    options, products = kernel.options, kernel.products
    if output.size == 0 or lhs.size == 0:
        return None
    height, columns = output.dims[-2:]
    depth = lhs.dims[-2] if options.adj_x else lhs.dims[-1]
    matrix, hybrid = _single(lowering), isinstance(products, HybridProducts)
    stage = stage_of_matrix(products, ActivationFunctionType.NONE, matrix, None, depth, columns)
    if stage is None or (matrix is None and rhs.type not in (TensorType.FLOAT32, TensorType.INT8)):
        return None
    rows = Rows(Tensor(lhs.index), prod(lhs.dims[:-2]) * height, depth, lhs.type)
    if options.adj_x and height > 1:
        rows.transpose(lhs.dims, lhs.dtype.itemsize)
    if hybrid:
        rows.quantize(products.arithmetic.span == 127)
    elif matrix is None and lhs.type == TensorType.INT8:
        rows.centre(products.zero_point)
    geometry, images = _geometry(rows, lhs, rhs, output)
    if hybrid and not np.array_equal(images, np.arange(len(images))):
        return None
    row_bytes = columns * output.dtype.itemsize
    out = Out(Tensor(output.index), geometry.out_size[0] * row_bytes, row_bytes, 0)
    if matrix is None:
        zero_point = 0 if rhs.type == TensorType.FLOAT32 else products.filter_zero_point
        matrices = np.zeros(1, np.int64) if len(images) == 1 else spread(rhs.dims[:-2], output.dims[:-2])
        if beats_packing(geometry.out_size[0], depth, columns, options.adj_y, stage.kind == "float"):
            left = rows.left(geometry, images)
            few = few_rows(left, rhs, matrices, options.adj_y, zero_point, out, stage, lowering.threads)
            if few is not None:
                return [*rows.calls, few]
        right = packed_right(rows, rhs, columns, options.adj_y, zero_point, stage.factor, matrices)
    else:
        right = Right(columns, depth, matrix)
    return [*rows.calls, product(rows.left(geometry, images), right, out, stage, lowering.threads)]


def _single(lowering: Lowering) -> np.ndarray | None:
    """[1, depth, columns] the right matrix if it is a single constant one."""
    kernel, rhs = lowering.kernel, lowering.input(1)
    if rhs.value is None or prod(rhs.dims[:-2]) != 1:
        return None
    matrix: np.ndarray = kernel.products.weights(rhs.value).reshape(rhs.dims[-2:])
    return (matrix.T if kernel.options.adj_y else matrix)[None]


def _geometry(rows: Rows, lhs: TensorSpec, rhs: TensorSpec, output: TensorSpec) -> tuple[Geometry, np.ndarray]:
    """Images are the matrices, with a single right matrix all rows are one image; which left matrix each image is."""
    if prod(rhs.dims[:-2]) == 1:
        return matrix_rows(rows.rows, rows.pitch, rows.element_bytes), np.zeros(1, np.int64)
    count, height = prod(output.dims[:-2]), output.dims[-2]
    one = (1, 1)
    channels = rows.pitch // rows.element_bytes
    geometry = Geometry(count, (height, 1), (height, 1), (0, 0), 1, one, one, one, channels, rows.element_bytes, False)
    return geometry, spread(lhs.dims[:-2], output.dims[:-2])
