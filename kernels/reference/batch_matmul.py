"""BATCH_MATMUL: products of matrices, with broadcasting over the dimensions before the last two."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from litejit.kernels.fixedpoint import integer_range, wrap32
from litejit.kernels.geometry import broadcast_shapes
from litejit.kernels.kernel import ALL_FLAVOURS
from litejit.kernels.node import Node, Quantization, TensorSpec
from litejit.kernels.reference.delegation import is_float_delegable, is_integer_delegable
from litejit.kernels.reference.exact_product import FloatMatrix, IntegerMatrix
from litejit.kernels.reference.hybrid_flavours import rows_as_asked
from litejit.kernels.reference.output_stage import OutputStage, channel_scales
from litejit.kernels.reference.product_flavours import batch_matmul_rounding, output_stage
from litejit.kernels.reference.products import (
    FloatProducts,
    HybridProducts,
    Products,
    QuantizedProducts,
    Weighted,
    check_zero_points,
    may_exceed_int32,
)
from litejit.kernels.registry import builtin
from litejit.schema import ActivationFunctionType, BatchMatMulOptions, BuiltinOperator, TensorType

__all__ = ["BatchMatMul"]

_FLOAT, _INT8, _INT16, _INT32 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT16, TensorType.INT32

RHS_TYPES = {_FLOAT: (_FLOAT, _INT8), _INT8: (_INT8,), _INT16: (_INT16, _INT8)}
"""Types of rhs by type of lhs."""

OUTPUT_TYPES = {_FLOAT: (_FLOAT,), _INT8: (_INT8, _INT32), _INT16: (_INT16,)}
"""Types of the output by type of lhs."""


@builtin(BuiltinOperator.BATCH_MATMUL, versions=(1, 4))
class BatchMatMul(Weighted):
    """lhs @ rhs, each transposed first if adj_x or adj_y is set.

    lhs: [..., rows, depth]; rhs: [..., depth, columns] -> [..., rows, columns], leading dimensions broadcast

    FLOAT32; INT8 and INT16 with one scale for each operand: sums of (lhs - zero_point) * (rhs - zero_point) rescaled
    by lhs scale * rhs scale / output scale. INT8 with an INT32 output: the plain sums of lhs * rhs. FLOAT32 with INT8
    rhs quantizes each row of lhs, symmetrically unless asymmetric_quantize_inputs is set; rhs may then have a scale for
    each column. A quantized rhs with several scales counts as having scale 0, so that every result is the output's zero
    point: the official kernel reads the one scale of a tensor, which such a tensor does not have.

    Raises InvalidModelError for ranks outside 2 .. 5, depths that differ, leading dimensions that do not broadcast,
    zero points of INT16 other than 0.
    Semantics: LiteRT tflite/kernels/batch_matmul.cc, internal/reference/batch_matmul.h.
    """

    types = (_FLOAT, _INT8, _INT16)
    flavours = ALL_FLAVOURS
    options: BatchMatMulOptions

    products: Products

    def prepare(self, node: Node) -> None:
        """Validates the operands, keeps a constant rhs."""
        lhs = node.input("lhs", rank=range(2, 6))
        rhs = node.input("rhs", rank=range(2, 6), types=RHS_TYPES[lhs.type])
        rows, depth = _swap_if(self.options.adj_x, *lhs.dims[-2:])
        rhs_depth, columns = _swap_if(self.options.adj_y, *rhs.dims[-2:])
        node.require(depth == rhs_depth, "lhs has a depth of {}, rhs of {}", depth, rhs_depth)
        shape = (*broadcast_shapes(lhs.dims[:-2], rhs.dims[:-2]), rows, columns)
        self.output = node.output(shape, types=OUTPUT_TYPES[lhs.type])
        self.products = _products(node, lhs, rhs, self.output, depth, columns)
        self.constant = rhs.value

    def pack(self, rhs: np.ndarray) -> FloatMatrix | IntegerMatrix:
        """rhs as matrices [..., depth, columns]; a single one without leading dimensions."""
        weights = self.products.weights(rhs)
        weights = weights.swapaxes(-1, -2) if self.options.adj_y else weights
        return self.products.matrix(weights.reshape(weights.shape[-2:]) if prod(rhs.shape[:-2]) == 1 else weights)

    def __call__(self, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """The products."""
        lhs = lhs.swapaxes(-1, -2) if self.options.adj_x else lhs
        matrix = self.packed(rhs)
        *rows, depth = lhs.shape
        values, scale = self.products.inputs(lhs.reshape(prod(rows), depth), matrix.dtype)
        if matrix.rank == 2:
            return self.products.finish(matrix(values), None, scale).reshape(self.output.dims)
        sums = matrix(values.reshape(lhs.shape))
        scale = None if scale is None else scale.reshape(*(1,) * (sums.ndim - lhs.ndim), *rows)
        return self.products.finish(sums, None, scale)


def _swap_if(condition: bool, first: int, second: int) -> tuple[int, int]:
    return (second, first) if condition else (first, second)


def _products(node: Node, lhs: TensorSpec, rhs: TensorSpec, output: TensorSpec, depth: int, columns: int) -> Products:
    """The arithmetic for these operands."""
    if rhs.type == _FLOAT:
        return FloatProducts(None)
    delegating = node.numerics == "xnnpack"
    axis = rhs.rank - (2 if node.options.adj_y else 1)
    if lhs.type == _FLOAT:
        scales = channel_scales(node, rhs, columns)
        arithmetic = rows_as_asked(node.options, delegating and is_float_delegable(rhs, None, axis))
        return HybridProducts.of(arithmetic, scales, lambda x: x)
    low, high = integer_range(lhs.type)
    if output.type == _INT32:
        int32_low, int32_high = integer_range(_INT32)
        return QuantizedProducts(low, high, 0, 0, OutputStage(wrap32, 0, int32_low, int32_high, output.dtype))
    if rhs.quantized.per_channel:
        rhs = replace(rhs, quantization=Quantization(np.zeros(1, np.float32), np.zeros(1, np.int64)))
    zero_point = int(rhs.quantized.zero_point[0])
    if lhs.type == _INT16:
        check_zero_points(node, lhs, output)
        node.require(zero_point == 0, "{} has zero point {}, expected 0", rhs, zero_point)
    delegated = delegating and zero_point == 0
    delegated = delegated and is_integer_delegable(lhs, rhs, None, output, axis, constant=False)
    rounding = batch_matmul_rounding(node.numerics, lhs.type, delegated)
    wraps = lhs.type == _INT8 and may_exceed_int32(lhs, depth, None)
    stage = output_stage(rounding, lhs, rhs.quantized.scale, output, ActivationFunctionType.NONE, wraps)
    return QuantizedProducts(low - lhs.zero_point, high - lhs.zero_point, zero_point, lhs.zero_point, stage)
