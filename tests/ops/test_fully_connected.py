"""FULLY_CONNECTED against the official reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.schema import (
    BlockwiseQuantization,
    DimensionMetadata,
    DimensionType,
    Int32Vector,
    ModelBuilder,
    QuantizationParameters,
    SparsityParameters,
    TensorType,
)
from litejit.testing import Const, Input, Problem, check, out, refused, run, single_op
from tests.ops.products import KINDS, Kind, Operands, integers, operands, refused_by_both
from tests.oracle import oracle

FORMATS = {
    **KINDS,
    "int8-int2": Kind(np.int8, TensorType.INT2, np.int32, per_channel=True),
    "int8-int4-tensor": Kind(np.int8, TensorType.INT4, np.int32),
    "int16-int4": Kind(np.int16, TensorType.INT4, np.int64, per_channel=True),
    "int16-int32-tensor": Kind(np.int16, TensorType.INT8, np.int32, options={"quantized_bias_type": TensorType.INT32}),
    "uint8-int16": Kind(np.uint8, TensorType.UINT8, np.int32, output=np.int16),
    "hybrid-int2": Kind(np.float32, TensorType.INT2, np.float32),
    "hybrid-asymmetric": Kind(np.float32, TensorType.INT8, np.float32, options={"asymmetric_quantize_inputs": True}),
    "hybrid-channels-asymmetric": Kind(
        np.float32, TensorType.INT8, np.float32, per_channel=True, options={"asymmetric_quantize_inputs": True}
    ),
}
SHAPES = {
    "row": ((1, 16), (5, 16)),
    "rows": ((7, 33), (4, 33)),
    "deep": ((3, 1500), (6, 1500)),
    "one": ((1, 1), (1, 1)),
    "image": ((2, 3, 4, 5), (3, 60)),
    "vector": ((24,), (2, 12)),
    "no-rows": ((0, 8), (3, 8)),
}


def connected(values: Operands, options: dict[str, Any], bias: bool = True) -> Problem:
    given = [values.input, values.weights, *([values.bias] if bias else [])]
    return single_op("FULLY_CONNECTED", given, outputs=values.outputs, **options)


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("kind", FORMATS)
def test_formats(kind: str, shapes: str) -> None:
    values = operands(FORMATS[kind], *SHAPES[shapes], channel_axis=0)
    check(connected(values, FORMATS[kind].options), atol=values.atol)


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "uint8-int16"])
def test_without_bias(kind: str) -> None:
    values = operands(FORMATS[kind], (3, 24), (5, 24), channel_axis=0)
    check(connected(values, FORMATS[kind].options, bias=False), atol=values.atol)


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"])
@pytest.mark.parametrize("kind", ["float", "uint8", "int8", "int8-channels", "int16", "hybrid", "hybrid-channels"])
def test_activation(kind: str, activation: str) -> None:
    values = operands(FORMATS[kind], (6, 24), (5, 24), channel_axis=0)
    problem = connected(values, {"fused_activation_function": activation})
    if activation in ("TANH", "SIGN_BIT") and not kind.startswith("hybrid"):
        refused_by_both(problem, "is for float inputs with integer weights only")
    else:
        check(problem, atol=values.atol, ulp=2 if activation == "TANH" else 0)


@pytest.mark.parametrize("kind", ["float", "int8", "hybrid"])
@pytest.mark.parametrize("shape", [(2, 3, 8), (1, 1, 2, 1, 8), (8,)])
def test_keep_num_dims(kind: str, shape: tuple[int, ...]) -> None:
    values = operands(FORMATS[kind], shape, (5, 8), channel_axis=0)
    check(connected(values, {"keep_num_dims": True}), atol=values.atol)


@pytest.mark.parametrize("kind", ["float", "uint8", "int8-channels", "hybrid-channels-asymmetric"])
def test_weights_from_the_graph(kind: str) -> None:
    values = operands(FORMATS[kind], (4, 12), (5, 12), channel_axis=0, constant=False)
    check(connected(values, FORMATS[kind].options), atol=values.atol)


@pytest.mark.parametrize("keep_num_dims", [False, True])
def test_no_features(keep_num_dims: bool) -> None:
    values = [
        Input(np.zeros((2, 3, 0), np.float32)),
        Const(np.zeros((4, 0), np.float32)),
        Const(np.ones(4, np.float32)),
    ]
    check(single_op("FULLY_CONNECTED", values, keep_num_dims=keep_num_dims))


def test_zeros_in_hybrid_rows() -> None:
    values = operands(FORMATS["hybrid-asymmetric"], (4, 24), (5, 24), channel_axis=0)
    values.input.value[1:3] = 0
    check(connected(values, {}), atol=values.atol)
    values.input.value[:] = 0
    check(connected(values, {}))


def test_weights_of_16_bits() -> None:
    weights = Const(integers((5, 24), np.int16, 0), scale=2e-5)
    x = Input(integers((3, 24), np.int16, 1), scale=1e-4)
    for bias in (None, Const([5, -(2**20), 2**30, 7, 8], np.int64, scale=2e-9)):
        options = {} if bias is None else {"quantized_bias_type": TensorType.INT64}
        given = [x, weights, *([] if bias is None else [bias])]
        problem = single_op("FULLY_CONNECTED", given, outputs=[out(np.int16, scale=1e-4)], **options)
        expected = _rescaled_by_q15(x.value, weights.value, 0 if bias is None else bias.value)
        np.testing.assert_array_equal(run(problem, numerics="litert-ref")[0], expected)


def _rescaled_by_q15(x: np.ndarray, weights: np.ndarray, bias: Any) -> np.ndarray:
    """The specification, written out: the official wheel does not have this format yet."""
    real = float(np.float32(np.float32(1e-4) * np.float32(2e-5))) / float(np.float32(1e-4))
    fraction, exponent = np.frexp(real)
    mantissa = (int(np.floor(fraction * 2**31 + 0.5)) + 2**15) >> 16
    sums = x.astype(object) @ weights.T.astype(object) + bias
    shift = 15 - int(exponent)
    return np.clip((sums * mantissa + 2 ** (shift - 1)) // 2**shift, -32768, 32767).astype(np.int16)


# Weights in other layouts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 4])
def test_shuffled_weights(rows: int) -> None:
    weights = integers((8, 32), np.uint8, 0)
    bias = Const(np.arange(8) * 1000 - 3000, np.int32, scale=0.0002)
    given = [Input(integers((rows, 32), np.uint8, 1), scale=0.02, zero_point=128), Const(weights, scale=0.01), bias]
    outputs = [out(np.int16, scale=0.004), out(np.uint8, shape=(rows, 32))]
    check(single_op("FULLY_CONNECTED", given, outputs=outputs, weights_format="SHUFFLED4x16INT8"))


def csr(segments: list[int], indices: list[int]) -> DimensionMetadata:
    return DimensionMetadata(
        format=DimensionType.SPARSE_CSR,
        array_segments=Int32Vector(values=np.array(segments, np.int32)),
        array_indices=Int32Vector(values=np.array(indices, np.int32)),
    )


def dense(size: int) -> DimensionMetadata:
    return DimensionMetadata(format=DimensionType.DENSE, dense_size=size)


def sparse_rows(kept: np.ndarray, block: int) -> SparsityParameters:
    """Sparsity of a matrix of which kept: [rows, blocks] bool says which blocks of a row are stored."""
    segments = [0, *np.cumsum(kept.sum(axis=1)).tolist()]
    indices = np.nonzero(kept)[1].tolist()
    blocks = [1] if block > 1 else []
    return SparsityParameters(
        traversal_order=np.arange(2 + len(blocks), dtype=np.int32),
        block_map=np.array(blocks, np.int32),
        dim_metadata=[dense(len(kept)), csr(segments, indices), *([dense(block)] if blocks else [])],
    )


SPARSE = {
    "float": ("float", 1),
    "float-1x4": ("float", 4),
    "int8-channels-1x16": ("int8-channels", 16),
    "int8-1x16": ("int8", 16),
}


@pytest.mark.parametrize("case", SPARSE)
def test_sparse_weights(case: str) -> None:
    kind, block = SPARSE[case]
    values = operands(FORMATS[kind], (3, 64), (6, 64), channel_axis=0)
    kept = np.random.default_rng(0).random((6, 64 // block)) < 0.4
    stored = values.weights.value.reshape(6, 64 // block, block)[kept]
    values.weights.value = stored.ravel()
    values.weights.keywords |= {"shape": (6, 64), "sparsity": sparse_rows(kept, block)}
    check(connected(values, {}), atol=values.atol)


@pytest.mark.parametrize("asymmetric", [False, True])
def test_sparse_hybrid_weights(asymmetric: bool) -> None:
    values = operands(FORMATS["hybrid"], (3, 64), (6, 64), channel_axis=0)
    kept = np.random.default_rng(0).random((6, 4)) < 0.5
    values.weights.value = values.weights.value.reshape(6, 4, 16)[kept].ravel()
    values.weights.keywords |= {"shape": (6, 64), "sparsity": sparse_rows(kept, 16)}
    # The official kernel puts in the zero points apart from the products.
    check(connected(values, {"asymmetric_quantize_inputs": asymmetric}), atol=4e-6 if asymmetric else 0)


def partly_stored(kind: str, block: int, share: float, **options: Any) -> Problem:
    """Weights [6, 64] of which this share of the blocks is stored."""
    values = operands(FORMATS[kind], (3, 64), (6, 64), channel_axis=0)
    kept = np.random.default_rng(0).random((6, 64 // block)) < share
    values.weights.value = values.weights.value.reshape(6, 64 // block, block)[kept].ravel()
    values.weights.keywords |= {"shape": (6, 64), "sparsity": sparse_rows(kept, block)}
    return connected(values, FORMATS[kind].options | options)


@pytest.mark.parametrize("block", [1, 4, 8])
def test_blocks_of_sparse_integers(block: int) -> None:
    for version in (1, 8):
        refused(
            partly_stored("int8", block, 0.5, version=version),
            f"of blocks of {block}; only INT8 weights may be, of blocks of 16",
            official_too=version == 8,
        )


def test_blocks_of_sparse_floats() -> None:
    problem = partly_stored("float", 16, 0.5, version=8)
    check(problem, atol=2e-5)
    for flavour, resolver in (("litert-opt", "opt"), ("xnnpack", "auto")):
        refused(problem, "no sparse FLOAT32 weights in blocks of 16", numerics=flavour)
        assert oracle.run(problem.model, problem.inputs, resolver).error is not None


@pytest.mark.parametrize("kind", ["float", "int8", "int8-channels", "hybrid", "hybrid-channels-asymmetric"])
def test_sparse_weights_that_xnnpack_reads_as_dense_ones(kind: str) -> None:
    """In all versions but 8; what is not stored it reads from whatever comes next in the file."""
    atol = 2e-5 if kind == "float" else 0
    if kind != "float":
        asymmetric = kind.endswith("asymmetric")
        problem = partly_stored(kind, 16, 0.5, version=8)
        check(problem, resolver="auto", numerics="xnnpack", atol=4e-6 if asymmetric else 0)
    for version in (1, 9):
        check(partly_stored(kind, 16, 1.0, version=version), resolver="auto", numerics="xnnpack", atol=atol)
        refused(partly_stored(kind, 16, 0.5, version=version), "stored elements", numerics="xnnpack")


def blockwise(
    block_size: int,
    scales_shape: tuple[int, ...],
    units: int = 32,
    features: int = 64,
    bias: bool = False,
    **options: Any,
) -> Problem:
    b = ModelBuilder()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, features)).astype(np.float32)
    scales = b.constant(rng.uniform(0.01, 0.1, scales_shape).astype(np.float16))
    details = BlockwiseQuantization(scales=int(scales), zero_points=-1, block_size=block_size)
    weights = b.constant(
        integers((units, features), TensorType.INT4, 1),
        type=TensorType.INT4,
        quantization=QuantizationParameters(details=details),
    )
    operands = [b.input("x", x.shape, np.float32), weights]
    if bias:
        operands.append(b.constant(rng.normal(size=units).astype(np.float32)))
    b.output(b.op("FULLY_CONNECTED", operands, [out()], **options))
    return Problem(b.to_bytes(), [x])


@pytest.mark.parametrize("numerics", ["litert-ref", "litert-opt", "xnnpack"])
@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6", "TANH"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("features", "block_size"), [(64, 32), (4096, 32), (512, 128), (4096, 512)])
def test_blockwise_weights(features: int, block_size: int, bias: bool, activation: str, numerics: str) -> None:
    """The official reference kernel does not look at blockwise scales, and gives zeros."""
    scales = 32, features // block_size
    problem = blockwise(block_size, scales, 32, features, bias, fused_activation_function=activation)
    check(problem, resolver="auto" if numerics == "xnnpack" else "opt", numerics=numerics)


@pytest.mark.parametrize(("block_size", "scales"), [(48, (32, 1)), (32, (32, 3)), (16, (32, 2))])
def test_blockwise_refused(block_size: int, scales: tuple[int, int]) -> None:
    refused(blockwise(block_size, scales), "a scale for each block of a row")


# Errors --------------------------------------------------------------------------------------------------------------

REFUSED = [
    ("CVE-2021-37680-no-features", (4, 4), (3, 0), 3, {"keep_num_dims": True}, None),
    ("keep-num-dims", (2, 10), (3, 4), 3, {"keep_num_dims": True}, "rows of another length than the weights' 4"),
    ("bias", (1, 4), (3, 4), 2, {}, "has 2 elements, expected 3"),
    ("rank", (1, 4), (3, 2, 2), 3, {}, "expected rank 2"),
]


@pytest.mark.parametrize(("x", "w", "b", "options", "message"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_refused(x: Any, w: Any, b: int, options: dict[str, Any], message: str | None) -> None:
    given = [Input(np.ones(x, np.float32)), Const(np.ones(w, np.float32)), Const(np.ones(b, np.float32))]
    problem = single_op("FULLY_CONNECTED", given, **options)
    if message is None:
        np.testing.assert_array_equal(run(problem)[0], 0)
    else:
        refused(problem, message)


TYPES = {
    "input": (np.int32, np.int8, np.int32, np.int8, {}, "operand 'input'"),
    "weights": (np.int8, np.uint8, np.int32, np.int8, {}, "operand 'weights'"),
    "bias": (np.int8, np.int8, np.float32, np.int8, {}, "operand 'bias'"),
    "output": (np.int8, np.int8, np.int32, np.uint8, {}, "output 0"),
    "int16-zero-point": (np.int16, np.int8, np.int64, np.int16, {"zero_point": 1}, "has zero point 1, expected 0"),
}


@pytest.mark.parametrize("case", TYPES)
def test_refused_types(case: str) -> None:
    input, weights, bias, output, fields, message = TYPES[case]
    given = [
        Input(np.ones((2, 4), input), scale=1.0, **fields),
        Const(np.ones((3, 4), weights), scale=1.0),
        Const(np.ones(3, bias), scale=1.0),
    ]
    refused(single_op("FULLY_CONNECTED", given, outputs=[out(output, scale=1.0)]), message)


def test_refused_quantization() -> None:
    x, bias, outputs = (
        Input(np.ones((2, 4), np.int8), scale=1.0),
        Const(np.ones(3, np.int32)),
        [out(np.int8, scale=1.0)],
    )
    ones = np.ones((3, 4), np.int8)
    for weights, message in (
        (Const(ones), "has no quantization parameters"),
        (Const(ones, scale=[1, 1, 1, 1], quantized_dimension=1), "expected one for each of 3 output channels"),
        (Const(ones, type=TensorType.INT4, scale=1.0, zero_point=1), "zero points other than 0"),
        (Const(ones, scale=0.5), "expected input scale * filter scale"),
    ):
        refused_by_both(single_op("FULLY_CONNECTED", [x, weights, bias], outputs=outputs), message)


def test_refused_shuffled_weights() -> None:
    for rows, units in ((2, 8), (1, 6)):
        given = [
            Input(np.ones((rows, 16), np.uint8), scale=1.0),
            Const(np.ones((units, 16), np.uint8), scale=1.0),
            Const(np.ones(units, np.int32), scale=1.0),
        ]
        outputs = [out(np.int16, scale=1.0), out(np.uint8, shape=(rows, 16))]
        problem = single_op("FULLY_CONNECTED", given, outputs=outputs, weights_format="SHUFFLED4x16INT8")
        refused(problem, "shuffled weights take 1 or 4 rows")
