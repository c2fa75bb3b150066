"""Changing the type of a tensor's elements: CAST converts the values, BITCAST reinterprets the bytes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from litejit.kernels.fixedpoint import integer_range
from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.kernels.reference.pointwise import in_blocks
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, TensorType

__all__ = ["Bitcast", "Cast"]

_FLOATS = (TensorType.FLOAT16, TensorType.BFLOAT16, TensorType.FLOAT32, TensorType.FLOAT64)
_CASTABLE = (
    TensorType.BOOL,
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.UINT16,
    TensorType.INT32,
    TensorType.UINT32,
    TensorType.INT64,
    *_FLOATS,
    TensorType.COMPLEX64,
)
_NARROW = (TensorType.INT4, TensorType.UINT4, TensorType.INT2)
_WITHOUT_BYTES = (*_NARROW, TensorType.STRING, TensorType.RESOURCE, TensorType.VARIANT)

Conversion = Callable[[np.ndarray], np.ndarray]


def _saturating(low: int, high: int, dtype: np.dtype) -> Conversion:
    """Floats towards zero; what lies outside low .. high becomes the bound, NaN becomes high."""

    def convert(x: np.ndarray) -> np.ndarray:
        x = x if x.dtype == np.float64 else x.astype(np.float32)
        above, below = ~(x < float(high + 1)), x < float(low)
        result = np.where(above | below, 0, x).astype(dtype)
        result[above] = high
        result[below] = low
        return result

    return convert


def _conversion(source: TensorType, target: TensorType, dtype: np.dtype) -> Conversion:
    if target == source:
        return np.copy
    if source == TensorType.COMPLEX64:
        after = _conversion(TensorType.FLOAT32, target, dtype)
        return lambda x: after(np.ascontiguousarray(x.real))
    if target == TensorType.BOOL:
        return lambda x: x != 0
    if target in (TensorType.FLOAT16, TensorType.BFLOAT16, TensorType.COMPLEX64):
        return lambda x: x.astype(np.float32).astype(dtype)
    if source in _FLOATS and target not in _FLOATS:
        return _saturating(*integer_range(target), dtype)
    return lambda x: x.astype(dtype)


@builtin(BuiltinOperator.CAST, versions=(1, 9))
class Cast(Kernel):
    """The same values in another type.

    Between bool, integers of 8 to 64 bits (not uint64), float16, bfloat16, float32, float64 and complex64; between
    float32 and int4, uint4, int2. Floats are truncated and saturate in integers, NaN becomes the largest; integers wrap
    around in narrower ones. Whatever becomes a 16-bit float is rounded to float32 first; complex numbers lose their
    imaginary part.
    Semantics: LiteRT tflite/kernels/cast.cc.
    """

    types = (*_CASTABLE, *_NARROW)
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Derives `convert`, the function of the array."""
        x = node.input("input")
        y = node.output(x.dims)
        castable = x.type in _CASTABLE and y.type in _CASTABLE
        if not castable and {x.type, y.type} not in [{TensorType.FLOAT32, narrow} for narrow in _NARROW]:
            node.unsupported("no conversion from {} to {}", x.type.name, y.type.name)
        self.convert = _conversion(x.type, y.type, y.dtype)
        self.dtype = y.dtype

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        with np.errstate(all="ignore"):
            return in_blocks(self.convert, input, self.dtype)


@builtin(BuiltinOperator.BITCAST)
class Bitcast(Kernel):
    """The same bytes as another type.

    Elements n times smaller add a last dimension of n; elements n times larger take one away.
    Raises InvalidModelError when that dimension is not n, and for types whose elements are not whole bytes.
    Semantics: LiteRT tflite/kernels/bitcast.cc.
    """

    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Infers the shape from the sizes of the elements."""
        x = node.input("input")
        for spec in (x, node.declared[0]):
            node.require(
                spec.type not in _WITHOUT_BYTES, "{} is {}, which has no bytes of its own", spec, spec.type.name
            )
        old, new = x.dtype.itemsize, node.declared[0].dtype.itemsize
        shape = x.dims
        if old > new:
            shape = (*shape, old // new)
        elif old < new:
            node.require(
                x.rank > 0 and shape[-1] == new // old,
                "input has shape {}, its last dimension must be {} to make one {}",
                shape,
                new // old,
                node.declared[0].type.name,
            )
            shape = shape[:-1]
        y = node.output(shape)
        self.shape, self.dtype = y.dims, y.dtype

    def __call__(self, input: np.ndarray) -> np.ndarray:
        """The output."""
        return np.ascontiguousarray(input).reshape(-1).view(self.dtype).reshape(self.shape)
