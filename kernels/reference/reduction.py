"""Reductions along axes: SUM, MEAN, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY, REDUCE_ALL.

Semantics: LiteRT tflite/kernels/reduce.cc (Prepare, which formula for which type), internal/reference/reduce.h.
How each numerics flavour rescales is in reduction_flavours.py.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from litejit.kernels.fixedpoint import integer_range
from litejit.kernels.geometry import normalize_axes
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node, TensorSpec
from litejit.kernels.reference.reduction_flavours import (
    Reduced,
    Rescaled,
    mean_rescaled,
    product_rescaled,
    sum_rescaled,
)
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, ReducerOptions, TensorType
from litejit.schema.errors import InvalidModelError

QUANTIZED = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)
PLAIN = (TensorType.FLOAT32, TensorType.FLOAT16, TensorType.INT32, TensorType.INT64)


class Reduction(Kernel):
    """Base: input of any rank, axis: int32 [k] or scalar (negative counts from the end) -> the other dimensions.

    With keep_dims the reduced dimensions stay as 1. No axis at all leaves the input as it is.
    Derived: axes (sorted, distinct), keep_dims, count (how many elements make one result).
    """

    options: ReducerOptions
    types = (*PLAIN, *QUANTIZED)

    def prepare(self, node: Node) -> None:
        """Resolves the axes."""
        x = node.input("input")
        node.input("axis", types=TensorType.INT32)
        axis = node.value("axis")
        self.axes = normalize_axes(axis, x.rank) if x.rank else ()
        self.keep_dims = bool(self.options.keep_dims)
        kept = [1 if at in self.axes else dim for at, dim in enumerate(x.dims)]
        shape = kept if self.keep_dims else [dim for at, dim in enumerate(x.dims) if at not in self.axes]
        y = node.output(shape, types=x.type)
        self.count = int(np.prod([x.dims[at] for at in self.axes], dtype=np.int64))
        if x.type == TensorType.INT16 and x.quantization is not None and y.quantization is not None:
            node.require(x.zero_point == 0 and y.zero_point == 0, "INT16 reductions need zero points 0")
        self.derive(node, x, y)

    def derive(self, node: Node, input: TensorSpec, output: TensorSpec) -> None:
        """Derives the constants of the arithmetic."""

    def reduce(self, function: Callable[..., np.ndarray], x: np.ndarray, **keywords: object) -> np.ndarray:
        """function over the reduced axes, as an array."""
        with np.errstate(all="ignore"):
            return np.asarray(function(x, axis=self.axes, keepdims=self.keep_dims, **keywords))

    def running_sum(self, x: np.ndarray) -> np.ndarray:
        """The sum over the reduced axes of float32 x, one element after the other, in the order of the file."""
        shape = [
            1 if at in self.axes else dim for at, dim in enumerate(x.shape) if self.keep_dims or at not in self.axes
        ]
        rows = np.moveaxis(x, self.axes, range(len(self.axes))).reshape(self.count, prod(shape))
        rows = rows.astype(np.float32, copy=False)
        with np.errstate(all="ignore"):
            if rows.shape[1] == 1 and self.count:  # NumPy adds neighbours pairwise
                return np.add.accumulate(rows[:, 0])[-1:].reshape(shape)
            return np.add.reduce(np.ascontiguousarray(rows), axis=0).reshape(shape)


class Quantized(Reduction):
    """Base of reductions that rescale: `rescaled` makes raw results of sums of raw values, None for plain numbers."""

    flavours = ALL_FLAVOURS
    rescaled: Rescaled | None = None

    def derive(self, node: Node, input: TensorSpec, output: TensorSpec) -> None:
        """Derives `rescaled`."""
        if not self.is_quantized(input):
            return
        axis = node.input("axis")
        reduced = Reduced(
            input,
            output,
            self.count,
            static=axis.value is not None and axis.size > 0,
            image=self.keep_dims and input.rank == 4 and self.axes == (1, 2),
        )
        self.zero_point, self.output_zero_point = input.zero_point, output.zero_point
        self.low, self.high = integer_range(output.type)
        self.rescaled = self.rescaling(reduced)

    def is_quantized(self, input: TensorSpec) -> bool:
        """Whether the numbers are scaled."""
        return input.type in QUANTIZED

    def rescaling(self, reduced: Reduced) -> Rescaled:
        """How sums are rescaled under the flavour of the node."""
        raise TypeError(f"{type(self).__name__} must define rescaling")

    def rescale(self, rescaled: Rescaled, x: np.ndarray) -> np.ndarray:
        """Sums of raw values, rescaled."""
        total = self.reduce(np.sum, x, dtype=np.int64)
        return np.clip(rescaled(total), self.low, self.high).astype(x.dtype)


@builtin(BuiltinOperator.SUM, versions=(1, 2))
class Sum(Quantized):
    """Sum along axes; integers wrap around, float32 is added one after the other.

    Quantized: round(sum(q - input zero_point) * input scale / output scale) + output zero_point; of no elements, the
    raw value 0. Bools: any is true.
    """

    types = (*PLAIN, *QUANTIZED, TensorType.BOOL)

    def rescaling(self, reduced: Reduced) -> Rescaled:
        """See `sum_rescaled`."""
        return sum_rescaled(self.flavour, reduced)

    def __call__(self, input: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """Sums."""
        if input.dtype.kind == "f":
            return self.running_sum(input).astype(input.dtype)
        if self.rescaled is not None and input.size:
            return self.rescale(self.rescaled, input)
        return self.reduce(np.sum, input, dtype=input.dtype)


@builtin(BuiltinOperator.MEAN, versions=(1, 3))
class Mean(Quantized):
    """Mean along axes. Integers are divided towards zero; no elements at all give 0 (floats: not a number).

    Quantized: as SUM, with the division folded into the multiplier.
    """

    def rescaling(self, reduced: Reduced) -> Rescaled:
        """See `mean_rescaled`."""
        return mean_rescaled(self.flavour, reduced)

    def __call__(self, input: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """Averages."""
        if self.count == 0 and input.dtype.kind != "f":
            return self.reduce(np.sum, input, dtype=input.dtype)
        if self.rescaled is not None:
            return self.rescale(self.rescaled, input)
        if input.dtype.kind == "f":
            with np.errstate(all="ignore"):
                return (self.running_sum(input) / np.float32(self.count)).astype(input.dtype)
        total = self.reduce(np.sum, input, dtype=np.int64)
        quotient = np.abs(total) // max(1, self.count)
        return (np.sign(total) * quotient).astype(input.dtype)


@builtin(BuiltinOperator.REDUCE_PROD, versions=(1, 2))
class ReduceProd(Quantized):
    """Product along axes; integers wrap around.

    Quantized (int8, int16): the running product is rescaled by input scale / output scale**(1/count) after each factor,
    in row-major order, with the rounding of 64-bit accumulators. Bools: all are true.
    """

    types = (TensorType.FLOAT32, TensorType.INT32, TensorType.INT64, *QUANTIZED, TensorType.BOOL)
    copies = False

    def is_quantized(self, input: TensorSpec) -> bool:
        """Tensors of quantized types without scales are plain numbers here."""
        return input.quantization is not None and input.type in QUANTIZED

    def rescaling(self, reduced: Reduced) -> Rescaled:
        """See `product_rescaled`."""
        self.copies = reduced.count == 1 and self.flavour in ("litert-opt", "xnnpack")
        if reduced.input.type == TensorType.UINT8:
            raise InvalidModelError("quantized UINT8 products are not defined, INT8 and INT16 are")
        return product_rescaled(reduced)

    def __call__(self, input: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """Multiplies; the optimised kernel copies what has nothing to multiply."""
        if self.copies:
            return np.squeeze(input, ()) if self.keep_dims else np.squeeze(input, self.axes)
        if self.rescaled is None:
            return self.reduce(np.prod, input, dtype=input.dtype)
        shape = self.reduce(np.sum, input).shape
        last = np.moveaxis(input, self.axes, range(input.ndim - len(self.axes), input.ndim))
        kept = last.shape[: input.ndim - len(self.axes)]
        factors = last.reshape(*kept, self.count).astype(np.int64) - self.zero_point
        if self.count == 0:
            return np.full(shape, self.output_zero_point, input.dtype)
        product = factors[..., 0]
        for at in range(1, self.count):
            product = self.rescaled(product * factors[..., at])
        result = self.rescaled(product) + self.output_zero_point
        return np.clip(result, self.low, self.high).astype(input.dtype).reshape(shape)


class Extremum(Reduction):
    """Base of REDUCE_MAX and REDUCE_MIN: quantized tensors are compared as they are, so both have one quantization.

    Floats: not a number never wins against a number. Where one result is made of the whole input, the first element is
    what the others are compared with, so that a not-a-number there stays, and infinity may be the result; elsewhere
    the comparison starts from `start`, which is finite.
    Derived: start (what the extremum of no elements is), whole (whether every dimension is reduced).
    """

    flavours = ALL_FLAVOURS
    types = (*PLAIN, *QUANTIZED, TensorType.BOOL)

    def derive(self, node: Node, input: TensorSpec, output: TensorSpec) -> None:
        """Checks that both quantizations are one."""
        if input.type in QUANTIZED and input.quantization is not None and output.quantization is not None:
            same = input.scale == output.scale and input.zero_point == output.zero_point
            node.require(same, "input and output must have the same scale and zero point")
        self.start = self.identity(input.dtype)
        self.whole = len(self.axes) == input.rank

    def identity(self, dtype: np.dtype) -> object:
        """What the extremum of no elements is."""
        raise TypeError(f"{type(self).__name__} must define identity")

    def extremum(self, function: np.ufunc, x: np.ndarray) -> np.ndarray:
        """The extremum by function, which leaves out what is not a number."""
        if x.dtype.kind != "f" or not self.whole or x.size == 0:
            return self.reduce(function.reduce, x, initial=self.start)
        first = x.reshape(-1)[0]
        return self.reduce(function.reduce, np.full_like(x, first) if np.isnan(first) else x)


@builtin(BuiltinOperator.REDUCE_MAX, versions=(1, 3))
class ReduceMax(Extremum):
    """Largest element along axes; of no elements, the smallest value of the type."""

    def identity(self, dtype: np.dtype) -> object:
        """The smallest value."""
        return _limits(dtype)[0]

    def __call__(self, input: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """Maximum."""
        return self.extremum(np.fmax, input)


@builtin(BuiltinOperator.REDUCE_MIN, versions=(1, 3))
class ReduceMin(Extremum):
    """Smallest element along axes; of no elements, the largest value of the type."""

    def identity(self, dtype: np.dtype) -> object:
        """The largest value."""
        return _limits(dtype)[1]

    def __call__(self, input: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """Minimum."""
        return self.extremum(np.fmin, input)


@builtin(BuiltinOperator.REDUCE_ANY)
class ReduceAny(Reduction):
    """Whether any element along the axes is true."""

    types = (TensorType.BOOL,)
    flavours = ALL_FLAVOURS

    def __call__(self, input: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """Logical or."""
        return self.reduce(np.any, input)


@builtin(BuiltinOperator.REDUCE_ALL)
class ReduceAll(Reduction):
    """Whether all elements along the axes are true."""

    types = (TensorType.BOOL,)
    flavours = ALL_FLAVOURS

    def __call__(self, input: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """Logical and."""
        return self.reduce(np.all, input)


def _limits(dtype: np.dtype) -> tuple[object, object]:
    if dtype.kind == "b":
        return False, True
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return dtype.type(info.min), dtype.type(info.max)
