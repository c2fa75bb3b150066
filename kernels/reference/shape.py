"""Operators about shapes alone: RESHAPE, SQUEEZE, EXPAND_DIMS, SHAPE, RANK, BROADCAST_TO, BROADCAST_ARGS, TRANSPOSE."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from litejit.kernels.geometry import normalize_axis
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, Shape
from litejit.kernels.reference.moving import (
    INDEX_TYPES,
    SIZED_TYPES,
    index_values,
    require_same_quantization,
    require_symmetric_int16,
)
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, ReshapeOptions, ShapeOptions, SqueezeOptions, TensorType
from litejit.schema.errors import InvalidInputError, InvalidModelError

MAX_RANK = 8
"""Highest rank that SQUEEZE and TRANSPOSE take."""


@builtin(BuiltinOperator.RESHAPE)
class Reshape(Kernel):
    """The same elements in another shape; one dimension may be -1, it takes what the others leave.

    input: any shape and type; shape (optional): [rank] int32 -> that shape, options.new_shape where it is left out
    (a shape operand that is not an int32 vector is ignored; new_shape [0] is how old converters write a scalar).

    Raises InvalidModelError when there are two -1, other negative dimensions, or the number of elements changes.
    Semantics: LiteRT tflite/kernels/reshape.cc, internal/reshape_utils.h.
    """

    flavours = ALL_FLAVOURS
    options: ReshapeOptions

    def prepare(self, node: Node) -> None:
        """shape: the resolved output shape."""
        input = node.input("input")
        self.shape = self._resolve(node, input.dims, self._requested(node))
        node.output(self.shape, types=input.type)

    def __call__(self, input: np.ndarray, shape: np.ndarray | None = None) -> np.ndarray:
        """The output."""
        return input.reshape(self.shape)

    def _requested(self, node: Node) -> Sequence[int]:
        shape = node.optional("shape")
        if shape is not None and shape.type == TensorType.INT32 and shape.rank == 1:
            return index_values(node, "shape")
        new_shape = [] if self.options.new_shape is None else [int(dim) for dim in self.options.new_shape]
        return [] if new_shape == [0] else new_shape

    @staticmethod
    def _resolve(node: Node, dims: Shape, requested: Sequence[int]) -> Shape:
        known = [dim for dim in requested if dim != -1]
        node.require(len(requested) - len(known) <= 1, "shape {} has more than one -1", requested)
        node.require(all(dim >= 0 for dim in known), "shape {} has a negative dimension", requested)
        if prod(dims) == 0 and prod(known) != 0:
            inferred = 0
        else:
            # Zero dimensions are left out on both sides: [0, 3] as [0, -1] is [0, 3].
            inferred = prod(dim for dim in dims if dim) // prod(dim for dim in known if dim)
        shape = tuple(inferred if dim == -1 else dim for dim in requested)
        node.require(
            prod(shape) == prod(dims),
            "shape {} has {} elements, the input {} has {}",
            shape,
            prod(shape),
            dims,
            prod(dims),
        )
        return shape


@builtin(BuiltinOperator.SQUEEZE, versions=(1, 2))
class Squeeze(Kernel):
    """Removes dimensions of 1: those of options.squeeze_dims (negative ones count from the end), all if it is empty.

    Raises InvalidModelError when a named dimension is not 1, does not exist, or the rank is above 8.
    Semantics: LiteRT tflite/kernels/squeeze.cc.
    """

    flavours = ALL_FLAVOURS
    options: SqueezeOptions

    def prepare(self, node: Node) -> None:
        """shape: the output shape."""
        input = node.input("input", rank=range(MAX_RANK + 1))
        named = self.options.squeeze_dims
        if named is None or len(named) == 0:
            removed = {axis for axis, dim in enumerate(input.dims) if dim == 1}
        else:
            removed = {normalize_axis(int(axis), input.rank, "squeeze_dims") for axis in named}
        for axis in removed:
            node.require(input.dims[axis] == 1, "dimension {} of {} is not 1, the shape is {}", axis, input, input.dims)
        self.shape = tuple(dim for axis, dim in enumerate(input.dims) if axis not in removed)
        node.output(self.shape, types=input.type)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        return input.reshape(self.shape)


@builtin(BuiltinOperator.EXPAND_DIMS)
class ExpandDims(Kernel):
    """Inserts a dimension of 1 before `axis`; a negative axis counts from the end of the output.

    input: any shape and type, quantized as the output is; axis: one int32 or int64 element, in [-rank - 1, rank].
    Semantics: LiteRT tflite/kernels/expand_dims.cc.
    """

    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """axis: where the new dimension is in the output."""
        input = node.input("input")
        require_same_quantization(node, input, node.declared[0])
        require_symmetric_int16(node, input)
        (axis,) = index_values(node, "axis", size=1)
        self.axis = normalize_axis(axis, input.rank + 1)
        node.output((*input.dims[: self.axis], 1, *input.dims[self.axis :]), type=input.type)

    def __call__(self, input: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """The output."""
        return np.expand_dims(input, self.axis)


@builtin(BuiltinOperator.SHAPE)
class ShapeOf(Kernel):
    """The shape of its input as a vector of options.out_type (INT32 or INT64), known as soon as the shape is.

    Semantics: LiteRT tflite/kernels/shape.cc.
    """

    flavours = ALL_FLAVOURS
    options: ShapeOptions

    def prepare(self, node: Node) -> None:
        """value: the output."""
        input, out_type = node.input("input"), self.options.out_type
        node.require(out_type in INDEX_TYPES, "out_type is {!r}, expected INT32 or INT64", out_type)
        self.value = np.array(input.dims, np.int32 if out_type == TensorType.INT32 else np.int64)
        node.output((input.rank,), type=out_type, value=self.value)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        return self.value


@builtin(BuiltinOperator.RANK)
class Rank(Kernel):
    """The rank of its input, an INT32 scalar, known as soon as the shape is.

    Semantics: LiteRT tflite/kernels/rank.cc.
    """

    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """value: the output."""
        self.value = np.array(node.input("input").rank, np.int32)
        node.output((), type=TensorType.INT32, value=self.value)

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        return self.value


@builtin(BuiltinOperator.BROADCAST_TO, versions=(2, 4))
class BroadcastTo(Kernel):
    """Repeats dimensions of 1 until the shape is that of the `shape` operand, whose rank may be higher.

    input: any type of whole bytes; shape: [rank] int32 or int64.
    Raises InvalidModelError when the shapes do not broadcast. Semantics: LiteRT tflite/kernels/broadcast_to.cc.
    """

    types = SIZED_TYPES | {TensorType.COMPLEX128}
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """shape: the output shape."""
        input = node.input("input")
        self.shape = tuple(index_values(node, "shape", rank=1))
        extra = len(self.shape) - input.rank
        fits = extra >= 0 and all(
            dim in (1, wanted) for dim, wanted in zip(input.dims, self.shape[extra:], strict=True)
        )
        node.require(fits, "{} of shape {} does not broadcast to {}", input, input.dims, self.shape)
        node.output(self.shape, types=input.type)

    def __call__(self, input: np.ndarray, shape: np.ndarray) -> np.ndarray:
        """The output."""
        return np.broadcast_to(input, self.shape).copy()


@builtin(BuiltinOperator.BROADCAST_ARGS)
class BroadcastArgs(Kernel):
    """The shape that two shapes broadcast to.

    shape1, shape2: vectors, both int32 or both int64 -> [max(size1, size2)], same type.
    Raises InvalidInputError when they do not broadcast. Semantics: LiteRT tflite/kernels/broadcast_args.cc.
    """

    types = INDEX_TYPES
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """size: of the output."""
        shape1 = node.input("shape1", rank=1)
        shape2 = node.input("shape2", rank=1, types=shape1.type)
        self.size = max(shape1.size, shape2.size)
        node.output((self.size,), types=shape1.type)

    def __call__(self, shape1: np.ndarray, shape2: np.ndarray) -> np.ndarray:
        """The output."""
        dims1, dims2 = (np.pad(dims, (self.size - dims.size, 0), constant_values=1) for dims in (shape1, shape2))
        if not ((dims1 == dims2) | (dims1 == 1) | (dims2 == 1)).all():
            raise InvalidInputError(f"shapes {shape1.tolist()} and {shape2.tolist()} do not broadcast")
        return np.where(dims1 == 1, dims2, dims1)


@builtin(BuiltinOperator.TRANSPOSE, versions=(1, 9))
class Transpose(Kernel):
    """output dimension i is input dimension perm[i].

    input: rank at most 8, any type of 4, 8, 16, 32 or 64 bits; perm: [rank] int32, negative ones count from the end.
    Raises InvalidModelError when perm is not a permutation.
    Semantics: LiteRT tflite/kernels/transpose.cc.
    """

    types = SIZED_TYPES | {TensorType.INT4, TensorType.UINT4}
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """perm: the permutation, counted from the start."""
        input = node.input("input", rank=range(MAX_RANK + 1))
        perm = index_values(node, "perm", types=TensorType.INT32, shape=(input.rank,))
        self.perm = tuple(normalize_axis(axis, input.rank, "perm") for axis in perm)
        if len(set(self.perm)) != input.rank:
            raise InvalidModelError(f"perm is {perm}, expected a permutation of the {input.rank} axes of {input}")
        node.output([input.dims[axis] for axis in self.perm], types=input.type)

    def __call__(self, input: np.ndarray, perm: np.ndarray) -> np.ndarray:
        """The output."""
        return np.asarray(input.transpose(self.perm), order="C")
