"""Arithmetics of FULLY_CONNECTED for float inputs with weights of 4 bits, in blocks with scales, or sparse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.exact_product import IntegerMatrix
from litejit.kernels.reference.hybrid import vector_activation
from litejit.kernels.reference.hybrid_flavours import asymmetric, product_of_scales
from litejit.kernels.reference.products import HybridProducts
from litejit.kernels.sparse import dense_value
from litejit.schema import TensorType

__all__ = ["BlockwiseProducts", "FourBitProducts", "SparseProducts"]


class FourBitProducts(HybridProducts):
    """Hybrid arithmetic of litert-opt's kernel for INT4 weights, which also needs the sum of each row of inputs."""

    def matrix(self, weights: np.ndarray) -> IntegerMatrix:
        """The weights with a column of ones."""
        return super().matrix(np.pad(weights, ((0, 0), (0, 1)), constant_values=1))


class ZeroPointsApart(HybridProducts):
    """Base of arithmetics that take off what the zero points of inputs add up to by itself."""

    def inputs(self, x: np.ndarray, dtype: type[np.floating]) -> tuple[np.ndarray, np.ndarray]:
        """Each row quantized, less its zero point, which comes at the end of the row."""
        rows = self.arithmetic.quantize(x)
        return np.column_stack([rows.centred(dtype), rows.zero_point]).astype(dtype), rows.scale


class BlockMatrix:
    """Integer weights with a scale for each block: the sum of each block is exact, the next steps are rounded.

    Sums of scale * (sum of a block), less zero_point * (the same sum of weights), all in float32 and in order.
    """

    dtype = np.float32
    rank = 2

    def __init__(self, weights: np.ndarray, scales: np.ndarray, block_size: int) -> None:
        """weights: [depth, columns]; scales: [columns, blocks]."""
        depth, columns = weights.shape
        self.blocks = weights.astype(np.float32).reshape(depth // block_size, block_size, columns)
        self.scales = scales.T
        self.column_sums = np.zeros(columns, np.float32)
        for block, scale in zip(self.blocks, self.scales, strict=True):
            self.column_sums += scale * block.sum(axis=0)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """[rows, depth + 1] -> [rows, columns]; the last element of a row is its zero point."""
        zero_points = x[:, -1:]
        values = (x[:, :-1] + zero_points).reshape(len(x), *self.blocks.shape[:2])
        total = np.zeros((len(x), self.column_sums.size), np.float32)
        for at, (block, scale) in enumerate(zip(self.blocks, self.scales, strict=True)):
            total += (values[:, at] @ block) * scale
        return total - zero_points * self.column_sums


@dataclass(frozen=True, eq=False)
class BlockwiseProducts(ZeroPointsApart):
    """Hybrid arithmetic for weights with a scale for each block of a row, [units, blocks] float32.

    Semantics: LiteRT tflite/kernels/fully_connected.cc (EvalBlockwise4Bit), which leaves the activation out.
    """

    block_size: int

    def matrix(self, weights: np.ndarray) -> BlockMatrix:
        """The weights in blocks."""
        return BlockMatrix(weights, self.filter_scales, self.block_size)

    @classmethod
    def of_weights(cls, node: Node, weights: TensorSpec) -> BlockwiseProducts:
        """The arithmetic for blockwise quantized weights."""
        units, features = weights.dims
        block_size, scales = weights.quantized.block_size, weights.quantized.scale
        node.require(
            weights.type == TensorType.INT4 and features % block_size == 0 and scales.size * block_size == weights.size,
            "{} ({}, shape {}) has {} scales for blocks of {}, expected INT4 and a scale for each block of a row",
            weights,
            weights.type.name,
            weights.dims,
            scales.size,
            block_size,
        )
        # The scales of the weights are in the sums already.
        arithmetic = asymmetric(lambda sums, scale, _, bias: sums * scale + (0 if bias is None else bias))
        return cls(-255, 255, 0, arithmetic, scales.reshape(units, -1), lambda x: x, block_size)


@dataclass(frozen=True, eq=False)
class SparseProducts(ZeroPointsApart):
    """Hybrid arithmetic of sparse weights, asymmetric inputs: what zero points add up to is taken off the bias.

    bias - (scale * zero_point) * row_sums + sums * scale, rounded after each step. row_sums: [units], of the weights.
    Semantics: LiteRT tflite/kernels/fully_connected.cc (EvalSparseHybridImpl).
    """

    row_sums: np.ndarray

    @classmethod
    def of_weights(cls, node: Node, weights: TensorSpec, scales: np.ndarray) -> SparseProducts:
        """The arithmetic for sparse weights."""
        activation = node.options.fused_activation_function
        row_sums = dense_value(weights).sum(axis=1, dtype=np.float32)
        arithmetic = asymmetric(product_of_scales)
        return cls(-255, 255, 0, arithmetic, scales, lambda x: vector_activation(activation, x), row_sums)

    def matrix(self, weights: np.ndarray) -> IntegerMatrix:
        """The weights, to be multiplied by quantized inputs with their zero points; the last column picks those."""
        packed = np.pad(weights, ((0, 1), (0, 1)))
        packed[-1, :-1] = weights.sum(axis=0)
        packed[-1, -1] = 1
        return super().matrix(packed)

    def finish(self, sums: np.ndarray, bias: np.ndarray | None, scale: np.ndarray) -> np.ndarray:
        """Puts in zero points, scales and bias, applies the activation."""
        sums, zero_point, scale = sums[:, :-1].astype(np.float32), sums[:, -1:].astype(np.float32), scale[:, None]
        with np.errstate(all="ignore"):
            if self.filter_scales.size == 1:
                scale = scale * self.filter_scales
                offset = scale * zero_point * self.row_sums
            else:
                offset = scale * zero_point * self.filter_scales * self.row_sums
                scale = scale * self.filter_scales
            result = (np.float32(0) if bias is None else bias) - offset
            return self.activate(result + sums * scale)
