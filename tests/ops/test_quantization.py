"""QUANTIZE, DEQUANTIZE, FAKE_QUANT, NumericVerify, DENSIFY against the official kernels, each numerics flavour."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import ModelBuilder
from litejit.interpreter import OpResolverType
from litejit.schema import (
    DimensionMetadata,
    DimensionType,
    Int32Vector,
    SparsityParameters,
    TensorType,
    encode_flexbuffer,
)
from litejit.testing import Const, Input, Problem, assert_same, check, out, refused, run, single_op
from tests.ops.values import every

FLAVOURS = [("ref", "litert-ref"), ("opt", "litert-opt"), ("auto", "xnnpack")]
SCALES = [0.5, 0.0039, 0.1, 1.0, 3.7]


def reals(scale: float) -> np.ndarray:
    """Numbers on, between and beyond the steps of a scale; 2 more than whole blocks of vector lanes."""
    rng = np.random.default_rng(0)
    steps = np.concatenate([np.arange(-300, 300) / 2, rng.normal(0, 100, 1000), rng.normal(0, 1e6, 100)])
    special = [np.nan, np.inf, -np.inf, 3e38, -3e38, 2.0**31, -(2.0**31), 1e12, -1e12, 0.0, -0.0, 1e-40]
    values = np.concatenate([steps * scale, special]).astype(np.float32)
    return rng.permutation(np.resize(values, values.size // 16 * 16 + 2))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("resolver", "numerics"), FLAVOURS)
def test_quantize(dtype: Any, scale: float, resolver: str, numerics: str) -> None:
    x, info = reals(scale), np.iinfo(dtype)
    for zero_point in (0, int(info.min), int(info.max), 7):
        declared = out(dtype, scale=scale, zero_point=zero_point, shape=x.shape)
        check(single_op("QUANTIZE", [Input(x)], [declared]), resolver=resolver, numerics=numerics)


@pytest.mark.parametrize("type", [TensorType.INT4, TensorType.UINT4])
def test_quantize_to_4_bits(type: TensorType) -> None:
    x = reals(0.1)
    check(single_op("QUANTIZE", [Input(x)], [out(type, scale=0.1, zero_point=3)]))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_quantize_per_channel(dtype: Any, axis: int) -> None:
    shape = (3, 4, 5)
    rng = np.random.default_rng(axis)
    x = rng.normal(0, 3, shape).astype(np.float32)
    scale = rng.uniform(0.01, 0.1, shape[axis]).astype(np.float32)
    zero_point = np.arange(shape[axis]) * (0 if dtype == np.int16 else 9)
    channels = {"scale": scale, "zero_point": zero_point, "quantized_dimension": axis}
    check(single_op("QUANTIZE", [Input(x)], [out(dtype, **channels)]))
    if dtype != np.int16:
        check(single_op("DEQUANTIZE", [Input(rng.integers(0, 127, shape), dtype, **channels)], [out()]))


REQUANTIZE = [
    *[(source, result) for source in (np.int8, np.uint8) for result in (np.int8, np.uint8, np.int16)],
    *[(np.int16, result) for result in (np.int8, np.int16, np.int32)],
    *[(np.int32, result) for result in (np.int8, np.int16)],
]
RATIOS = [1.0, 0.5, 0.371, 2.0, 7.3, 100.0, 200.0, 0.0021, 1e-4]
"""Input scale / output scale; XNNPACK converts 1/256 .. 128."""


@pytest.mark.parametrize(("source", "result"), REQUANTIZE)
@pytest.mark.parametrize(("resolver", "numerics"), FLAVOURS)
def test_requantize(source: Any, result: Any, resolver: str, numerics: str) -> None:
    symmetric = source == result == np.int16
    zero_points = [(0, 0)] if symmetric else [(0, 0), (int(np.iinfo(source).max) % 1000 - 90, 11), (5, 100)]
    if np.dtype(source).itemsize < 4:
        q = np.resize(every(source), (1 << 8 * np.dtype(source).itemsize) + 9)
    else:
        q = np.random.default_rng(0).integers(-(2**31), 2**31, 3001).astype(source)
    for ratio in RATIOS:
        for zero_point, result_zero_point in zero_points:
            operand = Input(q, scale=0.05, zero_point=zero_point)
            declared = out(result, scale=0.05 / ratio, zero_point=result_zero_point, shape=q.shape)
            check(single_op("QUANTIZE", [operand], [declared]), resolver=resolver, numerics=numerics)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("resolver", "numerics"), FLAVOURS)
def test_dequantize(dtype: Any, scale: float, resolver: str, numerics: str) -> None:
    q = np.resize(every(dtype), (1 << 8 * np.dtype(dtype).itemsize) + 5)
    for zero_point in (0,) if dtype == np.int16 else (0, 100):
        operand = Input(q, scale=scale, zero_point=zero_point)
        check(single_op("DEQUANTIZE", [operand], [out(shape=q.shape)]), resolver=resolver, numerics=numerics)


@pytest.mark.parametrize("type", [TensorType.INT4, TensorType.UINT4, TensorType.INT2])
@pytest.mark.parametrize(("resolver", "numerics"), FLAVOURS)
def test_dequantize_packed_constants(type: TensorType, resolver: str, numerics: str) -> None:
    """The XNNPACK delegate leaves types of less than a byte to the builtin kernels."""
    low, high = {TensorType.INT4: (-8, 7), TensorType.UINT4: (0, 15), TensorType.INT2: (-2, 1)}[type]
    q = np.resize(np.arange(low, high + 1), (3, 7)).astype(np.uint8 if low == 0 else np.int8)
    one = Input(np.float32(0))
    for scales in (
        {"scale": 0.3137, "zero_point": 1},
        {"scale": [0.1, 0.2, 0.3], "zero_point": [0, 1, -1 if low else 1]},
    ):
        b = ModelBuilder()
        x = b.input("x", (), np.float32)
        real = b.op("DEQUANTIZE", [b.constant(q, type=type, **scales)], [{"dtype": np.float32, "shape": q.shape}])
        b.output(b.op("MUL", [real, x]))
        check(Problem(b.to_bytes(), [one.value + np.float32(1)]), resolver=resolver, numerics=numerics)


def test_dequantize_half() -> None:
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    check(single_op("DEQUANTIZE", [Input(values)], [out()]))


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1, 2, 1, 2, 1, 2)])
def test_shapes(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape, np.float32) + np.float32(0.7)
    check(single_op("QUANTIZE", [Input(x)], [out(np.int8, scale=0.1, zero_point=1)]))
    check(single_op("DEQUANTIZE", [Input(x.astype(np.int8), scale=0.1, zero_point=1)], [out()]))


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (1.0, 1.0), (1.0, -1.0), (0.0, np.inf), (np.nan, 1.0)])
def test_fake_quant_without_a_range(low: float, high: float) -> None:
    x = np.array([-3, 0, 0.5, 1, 9, np.nan, np.inf], np.float32)
    problem = single_op("FAKE_QUANT", [Input(x)], min=low, max=high, num_bits=8)
    check(problem)
    check(problem, experimental_op_resolver_type=OpResolverType.AUTO)


@pytest.mark.parametrize("num_bits", [0, 2, 4, 8, 16, 17, 25, 31])
@pytest.mark.parametrize(("low", "high"), [(-6.0, 6.0), (0.0, 6.0), (-3.0, 0.0), (-0.1, 5.3), (-1e-3, 100.0)])
def test_fake_quant(num_bits: int, low: float, high: float) -> None:
    x = np.concatenate([reals(high / 100 + 0.01), [low, high]]).astype(np.float32)
    check(single_op("FAKE_QUANT", [Input(x)], min=low, max=high, num_bits=num_bits))


def numeric_verify(q: np.ndarray, ref: np.ndarray, **options: Any) -> Problem:
    return single_op(
        "NumericVerify",
        [Input(q, scale=0.1, zero_point=3), Input(ref, np.float32)],
        [out()],
        custom=True,
        custom_options=encode_flexbuffer(options),
    )


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_numeric_verify(dtype: Any) -> None:
    q = every(dtype)
    ref = (q.astype(np.float32) - 3) * 0.1 + 0.04
    check(numeric_verify(q, ref, tolerance=5.0, log_if_failed=True))
    check(numeric_verify(q, ref, tolerance=0.2, log_if_failed=False))
    check(numeric_verify(q, np.stack([ref, ref + 9]), tolerance=5.0, log_if_failed=True))
    problem = numeric_verify(q, ref, tolerance=0.2, log_if_failed=True)
    refused(problem, "is quantized to", official_too=True)


def sparse_model(value: np.ndarray, dense: np.ndarray, sparsity: SparsityParameters) -> Problem:
    """x + densify(constant)."""
    b = ModelBuilder()
    x = b.input("x", dense.shape, dense.dtype)
    weights = b.constant(value, sparsity=sparsity, shape=dense.shape)
    b.output(b.op("ADD", [x, b.op("DENSIFY", [weights])]))
    return Problem(b.to_bytes(), [np.zeros_like(dense)])


def csr(segments: list[int], indices: list[int]) -> DimensionMetadata:
    return DimensionMetadata(
        format=DimensionType.SPARSE_CSR,
        array_segments=Int32Vector(values=np.array(segments, np.int32)),
        array_indices=Int32Vector(values=np.array(indices, np.int32)),
    )


def dense_level(size: int) -> DimensionMetadata:
    return DimensionMetadata(format=DimensionType.DENSE, dense_size=size)


def test_densify_rows() -> None:
    dense = np.array([[1, 0, 0, 2], [0, 0, 0, 0], [0, 3, 4, 0]], np.float32)
    sparsity = SparsityParameters(
        traversal_order=np.array([0, 1], np.int32),
        block_map=np.zeros(0, np.int32),
        dim_metadata=[dense_level(3), csr([0, 2, 2, 4], [0, 3, 1, 2])],
    )
    problem = sparse_model(np.array([1, 2, 3, 4], np.float32), dense, sparsity)
    assert_same(check(problem)[0], dense)


def test_densify_blocks() -> None:
    """Blocks of 2 x 2, stored column by column."""
    dense = np.array([[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 5, 6], [0, 0, 7, 8]], np.float32)
    sparsity = SparsityParameters(
        traversal_order=np.array([0, 1, 2, 3], np.int32),
        block_map=np.array([0, 1], np.int32),
        dim_metadata=[dense_level(2), csr([0, 1, 2], [0, 1]), dense_level(2), dense_level(2)],
    )
    problem = sparse_model(np.array([1, 0, 0, 2, 5, 6, 7, 8], np.float32), dense, sparsity)
    assert_same(check(problem)[0], dense)


_F = Input([1.0], np.float32)
_Q8 = Input([1], np.int8, scale=0.1, zero_point=0)
_Q16 = Input([1], np.int16, scale=0.1, zero_point=0)
REFUSED: list[Any] = [
    pytest.param("QUANTIZE", [_F], [out(np.int8)], {}, "has no quantization parameters", id="CVE-2021-37682-quantize"),
    pytest.param(
        "DEQUANTIZE",
        [Input([1], np.int8)],
        [out()],
        {},
        "has no quantization parameters",
        id="CVE-2021-37682-dequantize",
    ),
    pytest.param("QUANTIZE", [Input([1], np.int64)], None, {}, "is INT64, expected FLOAT32 or INT8", id="input-type"),
    pytest.param(
        "QUANTIZE", [_F], [out(np.int32, scale=0.1, zero_point=0)], {}, "is INT32, expected UINT8", id="float-int32"
    ),
    pytest.param(
        "QUANTIZE", [_Q16], [out(np.uint8, scale=0.1, zero_point=0)], {}, "is UINT8, expected INT8", id="int16-uint8"
    ),
    pytest.param(
        "QUANTIZE",
        [_Q16],
        [out(np.int16, scale=0.1, zero_point=5)],
        {},
        "has zero point 5, QUANTIZE needs 0",
        id="int16-zero-point",
    ),
    pytest.param(
        "QUANTIZE",
        [Input([1.0, 2.0], np.float32)],
        [out(TensorType.INT4, scale=[0.1, 0.2], zero_point=[0, 0], shape=(2,))],
        {},
        "is not quantized per channel",
        id="int4-per-channel",
    ),
    pytest.param(
        "QUANTIZE",
        [Input([1, 2], np.int8, scale=[0.1, 0.2], zero_point=[0, 0])],
        [out(np.int8, scale=0.1, zero_point=0)],
        {},
        "expected one scale",
        id="requantize-per-channel",
    ),
    pytest.param("DEQUANTIZE", [Input([1], np.int32)], [out()], {}, "is INT32, expected", id="dequantize-type"),
    pytest.param(
        "DEQUANTIZE",
        [Input([1], np.int16, scale=0.1, zero_point=5)],
        [out()],
        {},
        "has zero point 5, DEQUANTIZE needs 0",
        id="dequantize-zero-point",
    ),
    pytest.param(
        "FAKE_QUANT",
        [_F],
        None,
        {"min": -1.0, "max": 1.0, "num_bits": 8, "narrow_range": True},
        "narrow_range is not supported",
        id="narrow-range",
    ),
    pytest.param("FAKE_QUANT", [_F], None, {"min": -1.0, "max": 1.0, "num_bits": 32}, "num_bits is 32", id="num-bits"),
    pytest.param("DENSIFY", [_F], None, {}, "is not a sparse constant", id="tensorflow-62161-not-constant"),
    pytest.param("DENSIFY", [None], [out()], {}, "operand 'input' is missing", id="tensorflow-62161"),
    pytest.param("DENSIFY", [Const([1.0], np.float32)], None, {}, "is not a sparse constant", id="not-sparse"),
]


@pytest.mark.parametrize(("op", "operands", "outputs", "options", "fragment"), REFUSED)
def test_refused(op: str, operands: Any, outputs: Any, options: dict[str, Any], fragment: str) -> None:
    refused(single_op(op, operands, outputs, **options), fragment)


def test_numeric_verify_refused() -> None:
    with_other_shape = numeric_verify(np.zeros(3, np.int8), np.zeros(2), tolerance=1.0)
    refused(with_other_shape, "has shape (2,), expected (3,)")
    with_list = single_op(
        "NumericVerify",
        [Input([1], np.int8, scale=0.1, zero_point=0), Input([1.0], np.float32)],
        [out()],
        custom=True,
        custom_options=encode_flexbuffer([1, 2]),
    )
    refused(with_list, "expected a map")
    assert run(numeric_verify(np.zeros(3, np.int8), np.zeros(3)))[0].shape == (3,)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
def test_quantize_of_an_operand_without_parameters(dtype: Any) -> None:
    operand = Input(np.arange(-9, 9).astype(dtype))
    check(single_op("QUANTIZE", [operand], [out(np.int8, scale=0.1, zero_point=-5)]))
