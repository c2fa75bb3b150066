"""StableHLO operators on shapes that the official runtime does not have.

Semantics: the StableHLO specification. RESHAPE, BROADCAST_IN_DIM and IOTA take the shape that the file declares.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.stablehlo import INTEGERS
from litejit.kernels.reference.stablehlo_elements import NUMBERS, refuse_quantized
from litejit.kernels.registry import builtin
from litejit.schema import (
    BuiltinOperator,
    StablehloBroadcastInDimOptions,
    StablehloConcatenateOptions,
    StablehloDynamicSliceOptions,
    StablehloIotaOptions,
    StablehloSliceOptions,
    StablehloTransposeOptions,
)

__all__ = ["StablehloReshape", "dimensions"]


def _declared(node: Node) -> tuple[int, ...]:
    """The shape that the file declares for the output."""
    shape = node.declared[0].shape if node.declared else None
    node.require(shape is not None, "the output's shape is not declared")
    assert shape is not None
    return tuple(shape)


def dimensions(node: Node, name: str, values: Any, rank: int, count: int | None = None) -> tuple[int, ...]:
    """Dimensions of an option: different ones in range(rank), as many as count."""
    axes = tuple(int(value) for value in values)
    node.require(
        len(set(axes)) == len(axes) and all(0 <= axis < rank for axis in axes) and count in (None, len(axes)),
        "{} is {}, expected {} different dimensions below {}",
        name,
        axes,
        "some" if count is None else count,
        rank,
    )
    return axes


@builtin(BuiltinOperator.STABLEHLO_RESHAPE)
class StablehloReshape(Kernel):
    """The elements of the operand in order, in the shape declared for the output."""

    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """shape: the declared one."""
        operand, self.shape = node.input("operand"), _declared(node)
        node.require(
            prod(self.shape) == operand.size, "{} of shape {} has no shape {}", operand, operand.dims, self.shape
        )
        node.output(self.shape, type=operand.type)

    def __call__(self, operand: np.ndarray) -> np.ndarray:
        """Reshapes."""
        return operand.reshape(self.shape)


@builtin(BuiltinOperator.STABLEHLO_TRANSPOSE)
class StablehloTranspose(Kernel):
    """Dimension i of the output is dimension permutation[i] of the operand."""

    flavours = ALL_FLAVOURS
    options: StablehloTransposeOptions

    def prepare(self, node: Node) -> None:
        """permutation: the option."""
        operand = node.input("operand")
        self.permutation = dimensions(node, "permutation", self.options.permutation, operand.rank, operand.rank)
        node.output([operand.dims[axis] for axis in self.permutation], type=operand.type)

    def __call__(self, operand: np.ndarray) -> np.ndarray:
        """Transposes."""
        return np.asarray(operand.transpose(self.permutation), order="C")


@builtin(BuiltinOperator.STABLEHLO_CONCATENATE)
class StablehloConcatenate(Kernel):
    """Operands that differ in `dimension` only, one after the other along it."""

    flavours = ALL_FLAVOURS
    options: StablehloConcatenateOptions

    def prepare(self, node: Node) -> None:
        """dimension: the option."""
        first = node.input(0)
        (self.dimension,) = dimensions(node, "dimension", [self.options.dimension], first.rank)
        length = 0
        for at in range(len(node.inputs)):
            operand = node.input(at, types=first.type, rank=first.rank)
            dims = list(operand.dims)
            length += dims[self.dimension]
            dims[self.dimension] = first.dims[self.dimension]
            node.require(
                tuple(dims) == first.dims, "{} and {} do not fit: {}, {}", first, operand, first.dims, operand.dims
            )
        dims = list(first.dims)
        dims[self.dimension] = length
        node.output(dims, type=first.type)

    def __call__(self, first: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        """Concatenates."""
        return np.concatenate([first, *operands], axis=self.dimension)


@builtin(BuiltinOperator.STABLEHLO_BROADCAST_IN_DIM)
class StablehloBroadcastInDim(Kernel):
    """Dimension i of the operand, equal or 1, becomes dimension broadcast_dimensions[i] of the declared shape."""

    flavours = ALL_FLAVOURS
    options: StablehloBroadcastInDimOptions

    def prepare(self, node: Node) -> None:
        """shape: the declared one. inner: the operand's shape with ones where it has no dimension."""
        operand, self.shape = node.input("operand"), _declared(node)
        axes = dimensions(
            node, "broadcast_dimensions", self.options.broadcast_dimensions, len(self.shape), operand.rank
        )
        self.order = sorted(range(operand.rank), key=lambda at: axes[at])
        inner = [1] * len(self.shape)
        for at, axis in enumerate(axes):
            inner[axis] = operand.dims[at]
        node.require(
            all(dim in (1, wide) for dim, wide in zip(inner, self.shape, strict=True)),
            "{} of shape {} is not broadcast to {} along {}",
            operand,
            operand.dims,
            self.shape,
            axes,
        )
        self.inner = tuple(inner)
        node.output(self.shape, type=operand.type)

    def __call__(self, operand: np.ndarray) -> np.ndarray:
        """Broadcasts."""
        return np.broadcast_to(operand.transpose(self.order).reshape(self.inner), self.shape).copy()


@builtin(BuiltinOperator.STABLEHLO_IOTA)
class StablehloIota(Kernel):
    """No operands -> in the declared shape, each element its own index along iota_dimension."""

    flavours = ALL_FLAVOURS
    options: StablehloIotaOptions

    def prepare(self, node: Node) -> None:
        """shape, dtype: as declared. dimension: the option."""
        refuse_quantized(node)
        self.shape = _declared(node)
        (self.dimension,) = dimensions(node, "iota_dimension", [self.options.iota_dimension], len(self.shape))
        self.dtype = node.output(self.shape, types=NUMBERS).dtype

    def __call__(self) -> np.ndarray:
        """Counts."""
        steps = [1] * len(self.shape)
        steps[self.dimension] = self.shape[self.dimension]
        count = np.arange(self.shape[self.dimension]).astype(self.dtype)
        return np.broadcast_to(count.reshape(steps), self.shape).copy()


@builtin(BuiltinOperator.STABLEHLO_SLICE)
class StablehloSlice(Kernel):
    """From start_indices to before limit_indices, every strides-th element along each dimension."""

    flavours = ALL_FLAVOURS
    options: StablehloSliceOptions

    def prepare(self, node: Node) -> None:
        """slices: of each dimension."""
        operand, options = node.input("operand"), self.options
        bounds = [
            [int(v) for v in values] for values in (options.start_indices, options.limit_indices, options.strides)
        ]
        node.require(
            all(len(values) == operand.rank for values in bounds),
            "start_indices, limit_indices, strides are {}, expected {} numbers each",
            bounds,
            operand.rank,
        )
        node.require(
            all(0 <= a <= b <= dim and c > 0 for a, b, c, dim in zip(*bounds, operand.dims, strict=True)),
            "start_indices, limit_indices, strides are {}, expected 0 <= start <= limit within {}, 1 <= stride",
            bounds,
            operand.dims,
        )
        self.slices = tuple(slice(a, b, c) for a, b, c in zip(*bounds, strict=True))
        node.output([len(range(s.start, s.stop, s.step)) for s in self.slices], type=operand.type)

    def __call__(self, operand: np.ndarray) -> np.ndarray:
        """Slices."""
        return np.asarray(operand[self.slices], order="C")


def _window(starts: tuple[np.ndarray, ...], dims: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[slice, ...]:
    """The slices of a window of these sizes, moved inside where its start would put a part of it outside."""
    begins = [min(max(int(s), 0), dim - size) for s, dim, size in zip(starts, dims, sizes, strict=True)]
    return tuple(slice(begin, begin + size) for begin, size in zip(begins, sizes, strict=True))


def _check_starts(node: Node, first: int, rank: int) -> None:
    node.require(
        len(node.inputs) == first + rank, "there are {} start indices, expected {}", len(node.inputs) - first, rank
    )
    for at in range(first, first + rank):
        one = node.input(at, types=INTEGERS if at == first else node.input(first).type, shape=())
        node.require(one.quantization is None, "{} is quantized, expected plain numbers", one)


@builtin(BuiltinOperator.STABLEHLO_DYNAMIC_SLICE)
class StablehloDynamicSlice(Kernel):
    """operand, then a start index for each dimension -> a window of slice_sizes, moved inside the operand."""

    flavours = ALL_FLAVOURS
    options: StablehloDynamicSliceOptions

    def prepare(self, node: Node) -> None:
        """sizes: the option."""
        operand = node.input("operand")
        self.sizes = tuple(int(size) for size in self.options.slice_sizes)
        node.require(
            len(self.sizes) == operand.rank and all(0 <= s <= d for s, d in zip(self.sizes, operand.dims, strict=True)),
            "slice_sizes is {}, the operand has shape {}",
            self.sizes,
            operand.dims,
        )
        _check_starts(node, 1, operand.rank)
        node.output(self.sizes, type=operand.type)

    def __call__(self, operand: np.ndarray, *start_indices: np.ndarray) -> np.ndarray:
        """Slices."""
        return np.asarray(operand[_window(start_indices, operand.shape, self.sizes)], order="C")


@builtin(BuiltinOperator.STABLEHLO_DYNAMIC_UPDATE_SLICE)
class StablehloDynamicUpdateSlice(Kernel):
    """operand with a window replaced by update, at a start index for each dimension, moved inside the operand."""

    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Checks the shapes."""
        operand = node.input("operand")
        update = node.input("update", types=operand.type, rank=operand.rank)
        node.require(
            all(small <= dim for small, dim in zip(update.dims, operand.dims, strict=True)),
            "{} of shape {} does not fit into {}",
            update,
            update.dims,
            operand.dims,
        )
        _check_starts(node, 2, operand.rank)
        node.output(operand.dims, type=operand.type)

    def __call__(self, operand: np.ndarray, update: np.ndarray, *start_indices: np.ndarray) -> np.ndarray:
        """Replaces."""
        result = operand.copy()
        result[_window(start_indices, operand.shape, update.shape)] = update
        return result
