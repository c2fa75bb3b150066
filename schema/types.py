"""Tensor data: the NumPy dtype of each TensorType, packed 4-bit and 2-bit integers, strings, values of constants."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .declare import Array
from .enums import TensorType
from .errors import InvalidModelError, UnsupportedError
from .model import Model, Tensor

__all__ = [
    "BITS_OF",
    "numpy_dtype",
    "pack_bits",
    "pack_strings",
    "packed_size",
    "tensor_type",
    "tensor_value",
    "unpack_bits",
    "unpack_strings",
]

_DTYPES: dict[TensorType, np.dtype[Any]] = {
    TensorType.FLOAT32: np.dtype(np.float32),
    TensorType.FLOAT16: np.dtype(np.float16),
    TensorType.FLOAT64: np.dtype(np.float64),
    TensorType.INT8: np.dtype(np.int8),
    TensorType.UINT8: np.dtype(np.uint8),
    TensorType.INT16: np.dtype(np.int16),
    TensorType.UINT16: np.dtype(np.uint16),
    TensorType.INT32: np.dtype(np.int32),
    TensorType.UINT32: np.dtype(np.uint32),
    TensorType.INT64: np.dtype(np.int64),
    TensorType.UINT64: np.dtype(np.uint64),
    TensorType.BOOL: np.dtype(np.bool_),
    TensorType.COMPLEX64: np.dtype(np.complex64),
    TensorType.COMPLEX128: np.dtype(np.complex128),
    TensorType.STRING: np.dtype(object),
    TensorType.RESOURCE: np.dtype(np.int32),
    TensorType.VARIANT: np.dtype(object),
    TensorType.INT4: np.dtype(np.int8),
    TensorType.UINT4: np.dtype(np.uint8),
    TensorType.INT2: np.dtype(np.int8),
}
_ML_DTYPES = {
    TensorType.BFLOAT16: "bfloat16",
    TensorType.FLOAT8_E4M3FN: "float8_e4m3fn",
    TensorType.FLOAT8_E5M2: "float8_e5m2",
}
_FROM_DTYPE = {
    dtype: type for type, dtype in reversed(_DTYPES.items()) if type not in (TensorType.RESOURCE, TensorType.VARIANT)
}
_FROM_DTYPE |= {np.dtype(np.int8): TensorType.INT8, np.dtype(np.uint8): TensorType.UINT8}

BITS_OF = {TensorType.INT4: 4, TensorType.UINT4: 4, TensorType.INT2: 2}
"""Types whose elements share a byte in the file; in memory they take one byte each."""


def numpy_dtype(type: TensorType) -> np.dtype[Any]:
    """The dtype of an array that holds tensors of this type; 4-bit and 2-bit types take 8 bits, strings are objects.

    Raises UnsupportedError for a type of a newer schema, and for bfloat16 and float8 without the package ml_dtypes.
    """
    dtype = _DTYPES.get(type)
    if dtype is not None:
        return dtype
    if type not in _ML_DTYPES:
        raise UnsupportedError(f"tensor type {int(type)} is not known")
    try:
        import ml_dtypes
    except ImportError:
        raise UnsupportedError(
            f"{TensorType(type).name} tensors need the package ml_dtypes: pip install 'litejit[bfloat16]'"
        ) from None
    return np.dtype(getattr(ml_dtypes, _ML_DTYPES[type]))


def tensor_type(dtype: Any) -> TensorType:
    """The type of a tensor that holds arrays of this dtype. Raises UnsupportedError when there is none."""
    if isinstance(dtype, TensorType):
        return dtype
    dtype = np.dtype(dtype)
    if dtype in _FROM_DTYPE:
        return _FROM_DTYPE[dtype]
    if dtype.kind in "SU":
        return TensorType.STRING
    for type, name in _ML_DTYPES.items():
        if dtype.name == name:
            return type
    raise UnsupportedError(f"dtype {dtype} has no tensor type")


def packed_size(type: TensorType, elements: int) -> int | None:
    """Bytes that so many elements take in the file; None for strings and types without data."""
    if type in (TensorType.STRING, TensorType.RESOURCE, TensorType.VARIANT):
        return None
    if type in BITS_OF:
        return (elements * BITS_OF[type] + 7) // 8
    itemsize = {TensorType.BFLOAT16: 2, TensorType.FLOAT8_E4M3FN: 1, TensorType.FLOAT8_E5M2: 1}.get(type)
    return elements * (numpy_dtype(type).itemsize if itemsize is None else itemsize)


def pack_bits(values: Array, type: TensorType) -> Array:
    """4-bit or 2-bit integers, one for each element -> bytes, the first element in the lowest bits."""
    bits = BITS_OF[type]
    each = 8 // bits
    flat = np.ravel(values).astype(np.uint8) & ((1 << bits) - 1)
    flat = np.concatenate([flat, np.zeros(-flat.size % each, np.uint8)]).reshape(-1, each)
    return np.bitwise_or.reduce(flat << (np.arange(each, dtype=np.uint8) * bits), axis=1).astype(np.uint8)


def unpack_bits(data: Array, type: TensorType, elements: int) -> Array:
    """Bytes -> 4-bit or 2-bit integers, one for each element: int8 sign-extended, or uint8."""
    bits = BITS_OF[type]
    shifts = np.arange(8 // bits, dtype=np.uint8) * bits
    fields = (np.ravel(data).view(np.uint8)[:, None] >> shifts) & ((1 << bits) - 1)
    flat = fields.reshape(-1)[:elements]
    if type == TensorType.UINT4:
        return flat
    sign = 1 << (bits - 1)
    return ((flat ^ sign).astype(np.int16) - sign).astype(np.int8)


def pack_strings(values: Array) -> bytes:
    """Strings in the packed form of the file: count, count + 1 offsets from the start (int32), then the bytes."""
    strings = [item if isinstance(item, bytes) else str(item).encode() for item in np.ravel(values).tolist()]
    header = 4 * (len(strings) + 2)
    offsets = np.cumsum([header, *map(len, strings)]).astype("<i4")
    return np.int32(len(strings)).tobytes() + offsets.tobytes() + b"".join(strings)


def unpack_strings(data: Array | bytes, shape: tuple[int, ...] | None = None) -> Array:
    """Packed strings -> object array of bytes, of this shape (default: 1-D).

    Raises InvalidModelError when the count does not fit the shape or an offset lies outside of the data.
    """
    raw = bytes(data)
    count = int.from_bytes(raw[:4], "little", signed=True) if len(raw) >= 4 else 0
    if count < 0 or 4 * (count + 2) > max(len(raw), 8 if count == 0 else 0):
        raise InvalidModelError(f"string data of {len(raw)} bytes cannot hold {count} strings")
    if shape is not None and prod(shape) != count:
        raise InvalidModelError(f"string data hold {count} strings, the shape {shape} has {prod(shape)}")
    offsets = np.frombuffer(raw, "<i4", count + 1, 4) if count else np.zeros(1, "<i4")
    if count and (offsets[0] != 4 * (count + 2) or (np.diff(offsets) < 0).any() or offsets[-1] > len(raw)):
        raise InvalidModelError(f"offsets of {count} strings are not ascending within the {len(raw)} bytes of string data")
    result = np.empty(count, object)
    for at in range(count):
        result[at] = raw[offsets[at] : offsets[at + 1]]
    return result if shape is None else result.reshape(shape)


def tensor_value(model: Model, tensor: Tensor) -> Array | None:
    """The value of a constant tensor as a read-only array, a view of the file where possible; None if it has no data.

    A sparse tensor gives its stored values, 1-D. Raises InvalidModelError when the data do not fit type and shape.
    """
    data = model.buffers[tensor.buffer].data if tensor.buffer < len(model.buffers) else None
    if data is None or (data.size == 0 and prod(tensor.shape) != 0) or tensor.is_variable:
        return None
    if tensor.type == TensorType.STRING:
        return unpack_strings(data, tuple(tensor.shape))
    if tensor.type in (TensorType.RESOURCE, TensorType.VARIANT):
        return None
    sparse = tensor.sparsity is not None
    if tensor.type in BITS_OF:
        elements = data.size * 8 // BITS_OF[tensor.type] if sparse else prod(tensor.shape)
        values = unpack_bits(data, tensor.type, elements)
    else:
        dtype = numpy_dtype(tensor.type)
        if data.size % dtype.itemsize:
            raise InvalidModelError(
                f"tensor '{tensor.name}': {data.size} bytes of data are not a whole number of {tensor.type.name}"
            )
        values = data.view(dtype) if data.ctypes.data % dtype.alignment == 0 else np.frombuffer(data.tobytes(), dtype)
    if sparse:
        return values
    if values.size != prod(tensor.shape):
        raise InvalidModelError(
            f"tensor '{tensor.name}': {data.size} bytes of data do not fit shape {tuple(tensor.shape)} {tensor.type.name}"
        )
    return values.reshape(tensor.shape)
