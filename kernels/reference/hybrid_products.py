"""Arithmetics of FULLY_CONNECTED for float inputs with weights of 4 bits, in blocks with scales, or sparse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.exact_product import IntegerMatrix
from litejit.kernels.reference.hybrid import vector_activation
from litejit.kernels.reference.hybrid_flavours import (
    HybridArithmetic,
    asymmetric,
    multiply_add,
    product_of_scales,
    quantize_rows_qd8,
)
from litejit.kernels.reference.products import HybridProducts
from litejit.kernels.sparse import dense_value
from litejit.schema import TensorType

__all__ = ["BlockwiseProducts", "DelegatedBlockwise", "FourBitProducts", "SparseProducts"]


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


class LaneMatrix(BlockMatrix):
    """The same in XNNPACK's kernel for AVX2: four sums, of two elements in every eight, that meet at the end.

    What zero points add up to is where the first of them starts.
    """

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """[rows, depth + 1] -> [rows, columns]."""
        zero_points = x[:, -1:]
        count, size, columns = self.blocks.shape
        values = (x[:, :-1] + zero_points).reshape(len(x), count, size // 8, 4, 2)
        weights = self.blocks.reshape(count, size // 8, 4, 2, columns)
        sums = [-zero_points * self.column_sums, *np.zeros((3, len(x), columns), np.float32)]
        for at, scale in enumerate(self.scales):
            for lane in range(4):
                block = values[:, at, :, lane].reshape(len(x), -1) @ weights[at, :, lane].reshape(-1, columns)
                sums[lane] = multiply_add(block, scale, sums[lane]).astype(np.float32)
        return (sums[0] + sums[1]) + (sums[2] + sums[3])


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


class DelegatedBlockwise(BlockwiseProducts):
    """The same as XNNPACK computes it: qd8 rows, scales rounded to bfloat16, the bias fused with the last product.

    Source: XNNPACK src/qd8-f32-qb4w-gemm (AVX2).
    """

    def matrix(self, weights: np.ndarray) -> LaneMatrix:
        """The weights in blocks."""
        return LaneMatrix(weights, self.filter_scales, self.block_size)

    @classmethod
    def of_weights(cls, node: Node, weights: TensorSpec) -> DelegatedBlockwise:
        """The arithmetic for blockwise quantized weights."""
        plain = BlockwiseProducts.of_weights(node, weights)
        arithmetic = HybridArithmetic(quantize_rows_qd8, plain.arithmetic.span, _fused_with_bias)
        activation = node.options.fused_activation_function
        scales = _bfloat16(plain.filter_scales)
        return cls(
            plain.low, plain.high, 0, arithmetic, scales, lambda x: vector_activation(activation, x), plain.block_size
        )

    @staticmethod
    def takes(weights: TensorSpec) -> bool:
        """Whether XNNPACK takes such weights: constant, in blocks of 32, with normal scales."""
        quantization = weights.quantized
        return (
            weights.value is not None
            and quantization.block_size % 32 == 0
            and bool((quantization.scale >= np.finfo(np.float16).tiny).all())
        )


def _fused_with_bias(sums: np.ndarray, scale: np.ndarray, _: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    return multiply_add(sums, scale, np.float32(0) if bias is None else bias)


def _bfloat16(x: np.ndarray) -> np.ndarray:
    """float32 x, rounded to the nearest number of 16 bits with its exponent range, ties to even."""
    bits = x.view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


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
