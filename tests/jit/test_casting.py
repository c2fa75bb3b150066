"""Compiled CAST, QUANTIZE of integers and DEQUANTIZE of float16 against the reference tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.testing import Input, out, single_op
from tests.jit.equal import check_compiled

TYPES = [np.bool_, np.int8, np.uint8, np.int16, np.int32, np.int64, np.float32]
EDGES = np.array(
    [0, 1, -1, 127, 128, 129, -128, -129, 255, 256, 32767, 32768, -32769, 2**31 - 1, 2**31, -(2**31) - 1, 2**40 + 1],
    np.int64,
)
SPECIAL = np.array(
    [0.5, -0.5, 0.99, 254.9, -128.9, 3e9, -3e9, 1e19, -1e19, np.inf, -np.inf, np.nan, -0.0, 1e-45], np.float32
)  # fmt: skip


def numbers(dtype: Any, count: int) -> np.ndarray:
    rng = np.random.default_rng(count)
    if dtype == np.float32:
        return np.resize(np.concatenate([SPECIAL, EDGES.astype(np.float32), rng.normal(0, 300, 20)]), count)
    if dtype == np.bool_:
        return rng.integers(0, 2, count)
    info = np.iinfo(dtype)
    return np.resize(np.concatenate([EDGES.astype(dtype), rng.integers(info.min, info.max, 30, dtype)]), count)


@pytest.mark.parametrize("source", TYPES)
@pytest.mark.parametrize("target", TYPES)
def test_cast(source: Any, target: Any) -> None:
    for at, count in enumerate((1, 7, 8, 33, 20001)):
        x = numbers(source, count).astype(source)
        check_compiled(single_op("CAST", [Input(x)], [out(target)]), "", threads=1 + at % 2)


def test_cast_of_unsigned_integers() -> None:
    x = numbers(np.int32, 40).astype(np.int32)
    check_compiled(single_op("CAST", [Input(x)], [out(np.uint32)]), "moving.copy")
    check_compiled(single_op("CAST", [Input(x.view(np.uint32))], [out(np.int32)]), "moving.copy")


@pytest.mark.parametrize("op", ["CAST", "DEQUANTIZE"])
def test_halves(op: str) -> None:
    x = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    x[np.isnan(x)] = np.nan
    for part in (x, x[:1], x[1000:1013]):
        check_compiled(single_op(op, [Input(part)], [out(np.float32)]), "casting.f16_to_f32", threads=2)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (np.int8, np.uint8),
        (np.uint8, np.int8),
        (np.int8, np.int16),
        (np.uint8, np.int16),
        (np.int16, np.int8),
        (np.int16, np.int16),
        (np.int16, np.int32),
        (np.int32, np.int8),
        (np.int32, np.int16),
    ],
)
def test_requantization(source: Any, target: Any) -> None:
    info = np.iinfo(source)
    rng = np.random.default_rng(0)
    for count in (1, 9, 4095, 5000):
        for scale in (0.01, 0.5, 0.7, 3.0):
            x = np.resize(np.concatenate([[info.min, info.max, 0, 1, -1 if info.min else 5], np.zeros(0)]), count)
            x[5:] = rng.integers(info.min, info.max, x[5:].size)
            outputs = [out(target, scale=np.float32(0.7), zero_point=0 if target == np.int16 else 9)]
            operand = Input(x, source, scale=np.float32(scale), zero_point=5 if source in (np.int8, np.uint8) else 0)
            kernels = (
                ("tables.", "casting.", "quantized.linear", "slopes.bytes")
                if source != np.int32 or scale < 0.7
                else None
            )
            check_compiled(single_op("QUANTIZE", [operand], outputs), kernels, threads=1 + count % 2)
