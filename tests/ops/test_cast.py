"""CAST and BITCAST against the official kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.schema import TensorType
from litejit.testing import Input, check, out, refused, single_op
from tests.ops.values import edges, filled

TYPES = [
    TensorType.BOOL,
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.UINT16,
    TensorType.INT32,
    TensorType.UINT32,
    TensorType.INT64,
    TensorType.FLOAT16,
    TensorType.BFLOAT16,
    TensorType.FLOAT32,
    TensorType.FLOAT64,
    TensorType.COMPLEX64,
]
NARROW = [TensorType.INT4, TensorType.UINT4, TensorType.INT2]


def values(type: TensorType) -> np.ndarray:
    """Numbers around every integer type's bounds, and those that are no numbers."""
    bounds = [sign * 2.0**bits + step for bits in (7, 8, 15, 16, 31, 32, 63) for sign in (1, -1) for step in (-1, 0, 1)]
    reals = np.array([*bounds, 0.5, -0.5, 0.99, -0.99, 5.7, -5.7, 1e-40, 65519.0, 65520.0, 1e5, 1e30, 16777217.0])
    with np.errstate(all="ignore"):
        if type is TensorType.BFLOAT16:
            return np.concatenate([edges(np.float32), reals]).astype(pytest.importorskip("ml_dtypes").bfloat16)
        if type is TensorType.COMPLEX64:
            floats = np.concatenate([edges(np.float32), reals.astype(np.float32)])
            return (floats + 1j * np.nan_to_num(floats[::-1])).astype(np.complex64)
        dtype = np.dtype(type.name.lower())
        return np.concatenate([edges(dtype), reals.astype(dtype)]) if dtype.kind == "f" else edges(dtype)


@pytest.mark.parametrize("source", TYPES)
@pytest.mark.parametrize("target", TYPES)
def test_every_pair(source: TensorType, target: TensorType) -> None:
    check(single_op("CAST", [Input(values(source))], [out(target)]))


@pytest.mark.parametrize("type", NARROW)
def test_narrow_integers(type: TensorType) -> None:
    x = np.concatenate([values(TensorType.FLOAT32), np.arange(-20, 20) / 2]).astype(np.float32)
    check(single_op("CAST", [Input(x)], [out(type)]))


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1, 2, 1, 2, 1, 2), (70000,)])
def test_cast_shapes(shape: tuple[int, ...]) -> None:
    check(single_op("CAST", [Input(filled(shape, np.float32))], [out(np.int32)]))


BITCASTS = [
    (np.float32, np.int32, (2, 3), (2, 3)),
    (np.int16, np.float16, (5,), (5,)),
    (np.float32, np.uint8, (2, 3), (2, 3, 4)),
    (np.float32, np.uint8, (), (4,)),
    (np.float64, np.int16, (1, 0), (1, 0, 4)),
    (np.complex64, np.float32, (3,), (3, 2)),
    (np.uint8, np.float32, (2, 3, 4), (2, 3)),
    (np.int16, np.int64, (4,), ()),
    (np.uint32, np.complex64, (0, 2), (0,)),
]


@pytest.mark.parametrize(("source", "target", "shape", "expected"), BITCASTS)
def test_bitcast(source: Any, target: Any, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    bits = np.random.default_rng(0).integers(0, 64, int(np.prod(shape)) * np.dtype(source).itemsize, np.uint8)
    x = bits.view(source).reshape(shape)
    assert check(single_op("BITCAST", [Input(x)], [out(target)]))[0].shape == expected


REFUSED: list[Any] = [
    pytest.param("CAST", Input([1], np.uint64), TensorType.FLOAT32, "is UINT64, expected BOOL", id="uint64"),
    pytest.param("CAST", Input([1], np.int32), TensorType.UINT64, "no conversion from INT32 to UINT64", id="to-uint64"),
    pytest.param("CAST", Input([1], np.int8), TensorType.INT4, "no conversion from INT8 to INT4", id="int8-int4"),
    pytest.param("CAST", Input([b"a"]), TensorType.INT32, "is STRING, expected", id="string"),
    pytest.param(
        "BITCAST",
        Input([1, 2, 3], np.int16),
        TensorType.INT32,
        "its last dimension must be 2 to make one INT32",
        id="ratio",
    ),
    pytest.param("BITCAST", Input(1, np.int16), TensorType.INT32, "has shape ()", id="rank-0"),
    pytest.param(
        "BITCAST", Input([b"a"]), TensorType.INT32, "is STRING, which has no bytes of its own", id="bitcast-string"
    ),
    pytest.param("BITCAST", Input([1], np.int8), TensorType.INT4, "is INT4, which has no bytes", id="bitcast-int4"),
]


@pytest.mark.parametrize(("op", "operand", "target", "fragment"), REFUSED)
def test_refused(op: str, operand: Input, target: TensorType, fragment: str) -> None:
    refused(single_op(op, [operand], [out(target)]), fragment)
