"""Operators that make arrays out of a few values: TILE, FILL, RANGE, ONE_HOT."""

from __future__ import annotations

import numpy as np

from litejit.kernels.geometry import normalize_axis
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.moving import (
    INDEX_TYPES,
    SIZED_TYPES,
    index_values,
    require_same_quantization,
    require_symmetric_int16,
)
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, OneHotOptions, TensorType


@builtin(BuiltinOperator.TILE, versions=(1, 3))
class Tile(Kernel):
    """Repeats the input multipliers[i] times along dimension i.

    input: any sized type or strings; multipliers: one int32 or int64 for each dimension, none negative.
    Semantics: LiteRT tflite/kernels/tile.cc.
    """

    types = SIZED_TYPES | {TensorType.STRING}
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """multipliers: how often each dimension is repeated."""
        input = node.input("input")
        self.multipliers = index_values(node, "multipliers", size=input.rank)
        node.require(min(self.multipliers, default=0) >= 0, "multipliers {} has a negative one", self.multipliers)
        node.output([dim * times for dim, times in zip(input.dims, self.multipliers, strict=True)], types=input.type)

    def __call__(self, input: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
        """The output."""
        return np.tile(input, self.multipliers)


@builtin(BuiltinOperator.FILL, versions=(1, 5))
class Fill(Kernel):
    """An array of shape `dims`, every element `value`.

    dims: [rank] int32 or int64, none negative; value: scalar, any sized type or string, quantized as the output is,
    whose type is the value's whatever the file declares.
    Semantics: LiteRT tflite/kernels/fill.cc.
    """

    types = SIZED_TYPES | {TensorType.STRING}
    typed_by = "value"
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """shape: of the output."""
        value = node.input("value", rank=0)
        require_same_quantization(node, value, node.declared[0])
        require_symmetric_int16(node, value)
        self.shape = tuple(index_values(node, "dims", rank=1))
        node.require(min(self.shape, default=0) >= 0, "dims {} has a negative dimension", self.shape)
        node.output(self.shape, type=value.type)

    def __call__(self, dims: np.ndarray, value: np.ndarray) -> np.ndarray:
        """The output."""
        return np.full(self.shape, value, value.dtype)


@builtin(BuiltinOperator.RANGE, versions=(1, 2))
class Range(Kernel):
    """start, start + delta, start + 2 delta, …, up to limit, which is left out; each is the one before plus delta.

    start, limit, delta: scalars of one type -> [ceil(|limit - start| / |delta|)].
    Raises InvalidModelError when delta is 0 or leads away from limit. Semantics: LiteRT tflite/kernels/range.cc.
    """

    types = (TensorType.FLOAT32, TensorType.INT32, TensorType.INT64)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """size: number of elements."""
        type = node.input("start", rank=0).type
        for operand in ("limit", "delta"):
            node.input(operand, rank=0, types=type)
        start, limit, delta = (node.value(operand).item() for operand in ("start", "limit", "delta"))
        node.require(
            (start <= limit and delta > 0) or (start >= limit and delta < 0),
            "start {}, limit {} and delta {} make no range",
            start,
            limit,
            delta,
        )
        if type == TensorType.FLOAT32:
            with np.errstate(over="ignore", invalid="ignore"):
                count = np.ceil(np.abs((np.float32(limit) - np.float32(start)) / np.float32(delta)))
            node.require(np.isfinite(count), "start {}, limit {} and delta {} make no range", start, limit, delta)
            self.size = int(count)
        else:
            self.size = -(-abs(limit - start) // abs(delta))
        node.output((self.size,), type=type)

    def __call__(self, start: np.ndarray, limit: np.ndarray, delta: np.ndarray) -> np.ndarray:
        """The output."""
        steps = np.full(self.size, delta)
        steps[:1] = start
        return np.cumsum(steps, dtype=start.dtype)


@builtin(BuiltinOperator.ONE_HOT)
class OneHot(Kernel):
    """on_value where the new dimension `axis`, of size depth, equals the index, off_value elsewhere.

    indices: any shape, int32 or int64; depth, on_value, off_value: one element each.
    options.axis: in [0, rank], or -1 for rank.
    Raises InvalidModelError when depth is negative. Semantics: LiteRT tflite/kernels/one_hot.cc.
    """

    types = (
        TensorType.FLOAT32,
        TensorType.INT32,
        TensorType.INT64,
        TensorType.INT8,
        TensorType.UINT8,
        TensorType.BOOL,
    )
    typed_by = "on_value"
    flavours = ALL_FLAVOURS
    options: OneHotOptions

    def prepare(self, node: Node) -> None:
        """axis: the new dimension of the output. positions: 0 … depth - 1 along it."""
        indices = node.input("indices", types=INDEX_TYPES)
        on_value = node.input("on_value")
        off_value = node.input("off_value", types=on_value.type)
        node.require(on_value.size == 1 and off_value.size == 1, "on_value and off_value must have one element each")
        axis = self.options.axis
        node.require(axis >= -1, "axis is {}, expected -1 <= axis <= {}", axis, indices.rank)
        self.axis = normalize_axis(axis, indices.rank + 1)
        (depth,) = index_values(node, "depth", size=1)
        node.require(depth >= 0, "depth is {}, expected at least 0", depth)
        node.output((*indices.dims[: self.axis], depth, *indices.dims[self.axis :]), type=on_value.type)
        self.positions = np.arange(depth, dtype=np.int32).reshape(-1, *[1] * (indices.rank - self.axis))

    def __call__(
        self, indices: np.ndarray, depth: np.ndarray, on_value: np.ndarray, off_value: np.ndarray
    ) -> np.ndarray:
        """The output."""
        hot = np.expand_dims(indices.astype(np.int32), self.axis) == self.positions
        return np.where(hot, on_value.reshape(()), off_value.reshape(()))
