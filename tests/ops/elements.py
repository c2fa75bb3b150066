"""Arrays of every element type, for operators that only move elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from litejit import ModelBuilder
from litejit.schema import TensorType
from litejit.testing import Problem

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
STRING = np.dtype(object)
SIZED = [
    *map(np.dtype, (np.float32, np.float16, np.float64, np.complex64, np.bool_)),
    *map(np.dtype, (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)),
    BFLOAT16,
]
"""Types of 1, 2, 4 and 8 bytes."""


def elements(shape: Sequence[int], dtype: Any, seed: int = 0) -> np.ndarray:
    """An array whose elements all differ, as far as the type allows."""
    rng = np.random.default_rng(seed)
    dtype, size = np.dtype(dtype), int(np.prod(shape))
    if dtype == STRING:
        result = np.empty(size, object)
        result[:] = [b"%d" % at * (at % 3) + b"x" for at in range(size)]
        return result.reshape(shape)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        return (np.arange(size) % 120 + seed % 7).astype(dtype).reshape(shape)
    if dtype.kind == "c":
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    return rng.normal(size=shape).astype(np.float32).astype(dtype)


def through_int4(name: str, operands: Sequence[tuple[np.ndarray, bool]], **keywords: Any) -> Problem:
    """A model of one operator on INT4: (array, is INT4) operands; the output is dequantized, the others are inputs."""
    b = ModelBuilder()
    quantization = {"dtype": TensorType.INT4, "scale": 0.5, "zero_point": 0}
    handles, inputs = [], []
    for array, is_int4 in operands:
        if is_int4:
            handles.append(b.constant(array, type=TensorType.INT4, scale=0.5, zero_point=0))
        else:
            handles.append(b.input(None, array.shape, array.dtype))
            inputs.append(array)
    narrow = b.op(name, handles, [quantization], **keywords)
    b.output(b.op("DEQUANTIZE", [narrow], [{"dtype": np.float32}], version=6))
    return Problem(b.to_bytes(), inputs, name)


def int4(*shape: int, seed: int = 0) -> np.ndarray:
    """Random 4-bit integers."""
    return np.random.default_rng(seed).integers(-8, 8, shape).astype(np.int8)
