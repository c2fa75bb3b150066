"""The data of tensors: which NumPy dtype holds which TensorType, and the packed forms that constants have in a file.

Types of less than a byte (INT4, UINT4, INT2) are held unpacked, one element in one byte. Strings are object arrays of
`bytes`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .declare import Array
from .errors import InvalidModelError, UnsupportedError
from .model import Model, Tensor
from .tensor_types import TensorType

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "BITS_OF",
    "HANDLE_TYPES",
    "numpy_dtype",
    "pack",
    "pack_bits",
    "pack_strings",
    "packed_size",
    "string_offsets",
    "tensor_data",
    "tensor_type",
    "tensor_value",
    "unpack",
    "unpack_bits",
    "unpack_strings",
]

BITS_OF = {TensorType.INT4: 4, TensorType.UINT4: 4, TensorType.INT2: 2}
"""Bits of the types whose elements share a byte in the file; in memory they take one byte each."""

_DTYPES: dict[TensorType, np.dtype[Any]] = {
    TensorType.FLOAT32: np.dtype(np.float32),
    TensorType.FLOAT16: np.dtype(np.float16),
    TensorType.INT32: np.dtype(np.int32),
    TensorType.UINT8: np.dtype(np.uint8),
    TensorType.INT64: np.dtype(np.int64),
    TensorType.STRING: np.dtype(object),
    TensorType.BOOL: np.dtype(np.bool_),
    TensorType.INT16: np.dtype(np.int16),
    TensorType.COMPLEX64: np.dtype(np.complex64),
    TensorType.INT8: np.dtype(np.int8),
    TensorType.FLOAT64: np.dtype(np.float64),
    TensorType.COMPLEX128: np.dtype(np.complex128),
    TensorType.UINT64: np.dtype(np.uint64),
    TensorType.RESOURCE: np.dtype(np.int32),
    TensorType.VARIANT: np.dtype(object),
    TensorType.UINT32: np.dtype(np.uint32),
    TensorType.UINT16: np.dtype(np.uint16),
    TensorType.INT4: np.dtype(np.int8),
    TensorType.INT2: np.dtype(np.int8),
    TensorType.UINT4: np.dtype(np.uint8),
}
_ML_DTYPES = {
    TensorType.BFLOAT16: "bfloat16",
    TensorType.FLOAT8_E4M3FN: "float8_e4m3fn",
    TensorType.FLOAT8_E5M2: "float8_e5m2",
}
HANDLE_TYPES = (TensorType.RESOURCE, TensorType.VARIANT)
_WITHOUT_SIZE = (TensorType.STRING, *HANDLE_TYPES)


def numpy_dtype(type: TensorType) -> np.dtype[Any]:
    """The dtype of arrays that hold tensors of `type`."""
    if type in _DTYPES:
        return _DTYPES[type]
    if type not in _ML_DTYPES:
        raise UnsupportedError(f"tensors of type {type!r} are not supported")
    try:
        import ml_dtypes
    except ImportError:
        raise UnsupportedError(
            f"tensors of type {type.name} need the package ml_dtypes; install litejit[bfloat16]"
        ) from None
    dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, _ML_DTYPES[type]))
    return dtype


def tensor_type(dtype: npt.DTypeLike | TensorType) -> TensorType:
    """The TensorType whose tensors are held in arrays of `dtype`; object, bytes and str are STRING."""
    if isinstance(dtype, TensorType):
        return dtype
    dtype = np.dtype(dtype)
    if dtype.kind in "OSU":
        return TensorType.STRING
    # Several types share a dtype; the one that is stored as it is comes first in the table.
    for type, held in _DTYPES.items():
        if held == dtype:
            return type
    for type, name in _ML_DTYPES.items():
        if dtype.name == name:
            return type
    raise UnsupportedError(f"no tensor type holds the dtype {dtype}")


def packed_size(type: TensorType, count: int) -> int | None:
    """Bytes that `count` elements take in the file; None for types whose elements have no fixed size."""
    if type in BITS_OF:
        return (count * BITS_OF[type] + 7) // 8
    if type in _ML_DTYPES:
        return count * (2 if type is TensorType.BFLOAT16 else 1)
    return None if type in _WITHOUT_SIZE else count * numpy_dtype(type).itemsize


def tensor_data(model: Model, tensor: Tensor) -> Array | None:
    """The bytes of the constant that the file holds for `tensor`, None if it holds none."""
    if tensor.buffer == 0 or tensor.buffer >= len(model.buffers):
        return None
    return model.buffers[tensor.buffer].data


def tensor_value(model: Model, tensor: Tensor) -> Array | None:
    """The constant that the file holds for `tensor`, in the shape of the tensor; None if it holds none.

    Read-only. A view of the file, unless the type is packed in the file (INT4, UINT4, INT2, STRING). The value of a
    sparse tensor is the vector of the elements that are stored.
    """
    data = tensor_data(model, tensor)
    if data is None or tensor.type in HANDLE_TYPES:
        return None
    shape = tensor.shape
    if tensor.sparsity is not None:
        shape = (data.size * 8 // (packed_size(tensor.type, 8) or 8),)
    try:
        return unpack(data, tensor.type, shape)
    except InvalidModelError as error:
        raise InvalidModelError(f"tensor {tensor.name!r}: {error}") from None


def unpack(data: Array, type: TensorType, shape: tuple[int, ...]) -> Array:
    """The array of `shape` that the bytes `data` hold. Raises InvalidModelError unless the sizes agree."""
    if any(dim < 0 for dim in shape):
        raise InvalidModelError(f"the shape {list(shape)} of a constant has a negative dimension")
    count = math.prod(shape)
    if type is TensorType.STRING:
        value = unpack_strings(data)
        if value.size != count:
            raise InvalidModelError(f"{value.size} strings, the shape {list(shape)} takes {count}")
    else:
        expected = packed_size(type, count)
        if data.size != expected:
            raise InvalidModelError(f"{data.size} bytes of data, shape {list(shape)} of {type.name} takes {expected}")
        if type in BITS_OF:
            value = unpack_bits(data, type, count)
        else:
            value = data.view(numpy_dtype(type))
            # Some writers align buffers to 4 bytes only; Numba and SIMD want the alignment of the element.
            value = value if value.flags.aligned else value.copy()
    value = value.reshape(shape)
    value.flags.writeable = False
    return value


def pack(array: npt.ArrayLike, type: TensorType) -> bytes:
    """The bytes of a constant in the file: the inverse of `unpack`."""
    if type is TensorType.STRING:
        return pack_strings(np.asarray(array, dtype=object).ravel().tolist())
    if type in BITS_OF:
        return pack_bits(array, type).tobytes()
    return np.asarray(array).astype(numpy_dtype(type), copy=False).tobytes()


def unpack_bits(data: Array, type: TensorType, count: int) -> Array:
    """`count` elements of INT4, UINT4 or INT2, one in each byte of the result: the lowest bits of a byte come first."""
    bits = BITS_OF[type]
    low = np.arange(0, 8, bits, dtype=np.uint8)
    # The element goes to the top of a byte first, so that the shift back extends the sign.
    top = np.left_shift(np.asarray(data).view(np.uint8)[:, np.newaxis], 8 - bits - low, dtype=np.uint8).ravel()[:count]
    elements: Array = np.right_shift(top.view(numpy_dtype(type)), 8 - bits)
    return elements


def pack_bits(array: npt.ArrayLike, type: TensorType) -> Array:
    """Elements of INT4, UINT4 or INT2 without gaps between them: the first in the lowest bits of the first byte."""
    bits = BITS_OF[type]
    elements = np.asarray(array).ravel().astype(np.uint8) & (1 << bits) - 1
    elements = np.append(elements, np.zeros(-elements.size % (8 // bits), np.uint8)).reshape(-1, 8 // bits)
    packed: Array = np.bitwise_or.reduce(elements << np.arange(0, 8, bits, dtype=np.uint8), axis=1)
    return packed


def pack_strings(strings: Sequence[bytes | str]) -> bytes:
    """The packed form of string tensors: int32 count, count + 1 int32 offsets from the start, then the bytes."""
    encoded = [s.encode() if isinstance(s, str) else bytes(s) for s in strings]
    start = 4 * (len(encoded) + 2)
    ends = start + np.cumsum([0, *map(len, encoded)])
    return np.array([len(encoded), *ends], "<i4").tobytes() + b"".join(encoded)


def unpack_strings(data: Array | bytes) -> Array:
    """The strings of a packed string tensor, as a vector of `bytes`. Raises InvalidModelError if it is malformed."""
    offsets = string_offsets(data).tolist()
    raw = bytes(data)
    strings = np.empty(len(offsets) - 1, dtype=object)
    strings[:] = [raw[begin:end] for begin, end in pairwise(offsets)]
    return strings


def string_offsets(data: Array | bytes) -> Array:
    """Where each string of a packed string tensor starts, and where the last one ends. Checks all of them."""
    size = len(data)
    if size < 4:
        raise InvalidModelError(f"a string tensor of {size} bytes; it takes at least 4")
    count = int(np.frombuffer(data, "<i4", 1)[0])
    start = 4 * (count + 2)
    if count < 0 or start > size:
        raise InvalidModelError(f"a string tensor of {size} bytes cannot hold {count} strings")
    offsets: Array = np.frombuffer(data, "<i4", count + 1, 4)
    if offsets[0] != start:
        raise InvalidModelError(f"the first of {count} strings starts at byte {offsets[0]}, expected {start}")
    if np.any(offsets[1:] < offsets[:-1]):
        at = int(np.flatnonzero(offsets[1:] < offsets[:-1])[0])
        raise InvalidModelError(f"string {at} of {count} ends before it starts, at byte {offsets[at + 1]}")
    if offsets[-1] != size:
        raise InvalidModelError(f"the last of {count} strings ends at byte {offsets[-1]}, expected {size}")
    return offsets
