"""Rarer combinations of types under each official kernel set: those that no sweep of a family has.

Integers are equal, and floats that come from integers bit for bit, unless a row of TOLERANCE says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from litejit.schema import TensorType
from litejit.testing import Const, Input, Problem, check, out, single_op
from tests.numerics.test_products import OFFICIAL
from tests.ops.products import Kind, integers, operands
from tests.ops.test_convolution import CONVOLUTIONS, DEPTHWISE
from tests.ops.test_embedding import NARROW, blockwise, lookup, table
from tests.ops.test_fully_connected import FORMATS, connected, sparse_rows
from tests.ops.test_joining import int4, through_int4
from tests.ops.test_quantization import numeric_verify, reals
from tests.ops.test_reduction import points, reduction
from tests.ops.values import edges, every, pairs

EVERY = [("litert-ref", "ref"), *OFFICIAL]
ORDERS = ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"]


def comparisons(op: str) -> list[Problem]:
    """Every pair of 8 bits, and INT16 with scales, which decide for equality only."""
    problems = []
    for dtype in (np.int8, np.uint8):
        bias = 128 if dtype == np.uint8 else 0
        for scales in ((0.1, 0.1), (0.1, 0.23), (1e-3, 0.9)):
            given = zip(pairs(every(dtype)), scales, (3, -5), strict=True)
            problems.append([Input(x, scale=scale, zero_point=zero + bias) for x, scale, zero in given])
    a = np.concatenate([edges(np.int16), every(np.int16)[::37]])
    for scales in ((0.1, 0.1), (0.1, 0.2), (3e-5, 1e-4)):
        problems.append([Input(x, scale=s) for x, s in zip((a, np.roll(a, 1) // 2), scales, strict=True)])
    return [single_op(op, given, [out(np.bool_, shape=given[0].value.shape)], version=2) for given in problems]


def narrowing_products(scales: tuple[float, float, float]) -> list[Problem]:
    """MUL of INT16 with outputs of 8 bits: a sample of all products, in blocks and beyond their end."""
    x, y = (np.random.default_rng(seed).choice(every(np.int16), 4099) for seed in (0, 1))
    y[: 4096 // 2] //= 1024
    return [
        single_op(
            "MUL",
            [Input(x, scale=scales[0]), Input(y, scale=scales[1])],
            [out(dtype, scale=scales[2], zero_point=zero, shape=x.shape)],
            fused_activation_function=activation,
        )
        for dtype, zero in ((np.int8, -7), (np.uint8, 130))
        for activation in ("NONE", "RELU6")
    ]


def quotients() -> list[Problem]:
    x, y = (np.random.default_rng(seed).choice(every(np.int16), 9001) for seed in (0, 1))
    y[y == 0] = 1
    given = [Input(x, scale=1e-4), Input(y, scale=3e-3)]
    return [single_op("DIV", given, [out(np.int16, scale=scale, shape=x.shape)], version=2) for scale in (1e-3, 0.07)]


def extrema(op: str) -> list[Problem]:
    """Comparisons of raw values, whatever they stand for."""
    return [
        single_op(op, [Input(x, scale=0.1), Input(y, scale=0.1)], [out(dtype, scale=0.1, shape=x.shape)], version=2)
        for dtype in (np.int8, np.uint8, np.int16)
        for x, y in [pairs(every(dtype)[:: 1 if dtype != np.int16 else 259])]
    ]


def reduced_extrema(op: str) -> list[Problem]:
    return [
        reduction(op, np.resize(every(dtype)[::-7], (9, 8)), [0], keep=True, scale=0.1, zero_point=points(dtype)[0])
        for dtype in (np.int8, np.uint8, np.int16)
    ]


def per_channel(axis: int) -> list[Problem]:
    """QUANTIZE and DEQUANTIZE with a scale for each channel; tails of every length up to a block of lanes."""
    problems = []
    for last in (5, 8, 19):
        shape = (3, 4, last)
        rng = np.random.default_rng(axis)
        scale = rng.uniform(0.01, 0.1, shape[axis]).astype(np.float32)
        x = rng.normal(0, 3, shape).astype(np.float32)
        # Halves of steps, where ways of rounding differ.
        x[:, :2] = (rng.integers(-100, 100, (3, 2, last)) + 0.5) * np.moveaxis(scale.reshape(-1, 1, 1), 0, axis)[:, :2]
        for dtype in (np.int8, np.uint8, np.int16):
            zero_point = np.arange(shape[axis]) * (0 if dtype == np.int16 else 5)
            channels = {"scale": scale, "zero_point": zero_point, "quantized_dimension": axis}
            problems.append(single_op("QUANTIZE", [Input(x)], [out(dtype, shape=shape, **channels)]))
            if dtype != np.int16:
                q = Input(rng.choice(every(dtype), shape), **channels)
                problems.append(single_op("DEQUANTIZE", [q], [out(shape=shape)]))
    return problems


def four_bits() -> list[Problem]:
    x = reals(0.1)
    types = (TensorType.INT4, TensorType.UINT4)
    return [single_op("QUANTIZE", [Input(x)], [out(t, scale=0.1, zero_point=3, shape=x.shape)]) for t in types]


def embeddings() -> list[Problem]:
    """Every type of weights, with one scale and with one for each row or block."""
    problems = []
    for output in (np.float32, np.float16):
        for type in NARROW:
            for rows in (1, 4):
                scales = np.linspace(0.013, 0.7, rows).astype(np.float32)
                values = (table(type, *shape) for shape in ((4, 8), (4, 4, 3)))
                problems += [lookup(Const(value, type=type, scale=scales), output) for value in values]
        for type in (TensorType.INT4, TensorType.INT2):
            scales = np.random.default_rng(0).uniform(0.01, 1, (4, 4))
            problems.append(blockwise(type, 32, 8, scales, output))
    return problems


def sparse(kind: str, **options: Any) -> Problem:
    """FULLY_CONNECTED with blocks of 1x16 weights, about half of which are there."""
    values = operands(FORMATS[kind], (3, 64), (6, 64), channel_axis=0)
    kept = np.random.default_rng(0).random((6, 4)) < 0.5
    values.weights.value = values.weights.value.reshape(6, 4, 16)[kept].ravel()
    values.weights.keywords |= {"shape": (6, 64), "sparsity": sparse_rows(kept, 16)}
    values.outputs[0]["shape"] = (3, 6)
    return connected(values, {"version": 8, **options})


def shuffled(rows: int) -> Problem:
    bias = Const(np.arange(8) * 1000 - 3000, np.int32, scale=0.0002)
    weights = Const(integers((8, 32), np.uint8, 0), scale=0.01)
    given = [Input(integers((rows, 32), np.uint8, 1), scale=0.02, zero_point=128), weights, bias]
    outputs = [out(np.int16, scale=0.004, shape=(rows, 8)), out(np.uint8, shape=(rows, 32))]
    return single_op("FULLY_CONNECTED", given, outputs=outputs, weights_format="SHUFFLED4x16INT8")


def convolution(op: str, case: str, kind: Kind) -> Problem:
    depthwise = op == "DEPTHWISE_CONV_2D"
    input_shape, filter_shape, options = (DEPTHWISE if depthwise else CONVOLUTIONS)[case]
    values = operands(kind, input_shape, filter_shape, channel_axis=3 if depthwise else 0)
    options = {
        "padding": "SAME",
        "stride_h": 1,
        "stride_w": 1,
        **({"depth_multiplier": 1} if depthwise else {}),
    } | options
    return single_op(op, [values.input, values.weights, values.bias], outputs=values.outputs, **options)


def convolutions(op: str) -> list[Problem]:
    kinds = [Kind(np.int8, TensorType.INT4, np.int32), Kind(np.int16, TensorType.INT16, np.int64)]
    cases = list(DEPTHWISE if op == "DEPTHWISE_CONV_2D" else CONVOLUTIONS)[:3]
    return [convolution(op, case, kind) for kind in kinds for case in cases]


def matrix_products() -> list[Problem]:
    """INT16 times INT8, and the plain sums of INT8."""
    shape, problems = (3, 4), []
    for dtype, result, scale in ((np.int16, np.int16, 0.2), (np.int8, np.int32, 1.0)):
        given = [Input(integers((3, 9), dtype, 0), scale=0.011), Input(integers((9, 4), np.int8, 1), scale=0.017)]
        problems.append(single_op("BATCH_MATMUL", given, outputs=[out(result, scale=scale, shape=shape)]))
    for dtype in (np.int8, np.int16):
        columns = Const(integers((9, 4), np.int8, 1), scale=np.linspace(0.01, 0.02, 4), quantized_dimension=1)
        given = [Input(integers((3, 9), dtype, 0), scale=0.011), columns]
        problems.append(single_op("BATCH_MATMUL", given, outputs=[out(dtype, scale=0.2, shape=shape)]))
    return problems


def connections() -> list[Problem]:
    """FULLY_CONNECTED with weights of UINT8 for floats, which are taken for INT8, and of 4 and 2 bits."""
    problems = []
    kinds = [
        Kind(np.float32, TensorType.INT2, np.float32, per_channel=True),
        Kind(np.float32, TensorType.INT4, np.float32),
        Kind(np.int8, TensorType.INT2, np.int32),
    ]
    for units, features in ((5, 16), (7, 36), (8, 64)):
        for kind in kinds:
            values = operands(kind, (3, features), (units, features), channel_axis=0)
            # The optimised kernel for INT4 weights gets -8, which converters never write, wrong.
            values.weights.value = np.maximum(values.weights.value, -7)
            values.outputs[0]["shape"] = (3, units)
            problems.append(connected(values, {}))
        raw = np.maximum(integers((units, features), np.int8, 0), -127).view(np.uint8)
        given = [Input(np.linspace(-2, 3, 3 * features, dtype=np.float32).reshape(3, features))]
        given.append(Const(raw, scale=0.013, zero_point=0))
        problems.append(single_op("FULLY_CONNECTED", given, outputs=[out(shape=(3, units))]))
    return problems


def joined() -> list[Problem]:
    """What is only copied: equal scales."""
    same = {"scale": 0.1, "zero_point": 0}
    pairs_of = [(dtype, integers((2, 5), dtype, 0), integers((2, 3), dtype, 1)) for dtype in (np.int8, np.int16)]
    return [through_int4("CONCATENATION", [(int4(2, 3), True), (int4(2, 4, seed=1), True)], axis=1, version=5)] + [
        single_op("CONCATENATION", [Input(x, **same), Input(y, **same)], [out(d, shape=(2, 8), **same)], axis=1)
        for d, x, y in pairs_of
    ]


def copied_rows() -> list[Problem]:
    tables = [integers((4, 6), dtype, 0) for dtype in (np.int8, np.uint8, np.int16)]
    return [
        single_op("EMBEDDING_LOOKUP", [Input([3, 0, 3], np.int32), Const(x, scale=0.1)], [out(x.dtype, scale=0.1)])
        for x in tables
    ]


def verified() -> list[Problem]:
    return [numeric_verify(q, (q.astype(np.float32) - 3) * 0.1) for q in map(every, (np.int8, np.uint8))]


CASES: dict[str, Callable[[], list[Problem]]] = {
    **{op: lambda op=op: comparisons(op) for op in ORDERS},
    **{op: lambda op=op: extrema(op) for op in ("MAXIMUM", "MINIMUM")},
    **{op: lambda op=op: reduced_extrema(op) for op in ("REDUCE_MAX", "REDUCE_MIN")},
    **{op: lambda op=op: convolutions(op) for op in ("CONV_2D", "DEPTHWISE_CONV_2D")},
    "MUL": lambda: [
        p for s in ((1e-3, 2e-3, 0.1), (0.5, 0.0625, 1.0), (3e-4, 3e-4, 2e-4)) for p in narrowing_products(s)
    ],
    "DIV": quotients,
    "per channel": lambda: [problem for axis in range(3) for problem in per_channel(axis)],
    "four bits": four_bits,
    "EMBEDDING_LOOKUP": embeddings,
    "sparse": lambda: [sparse("int8"), sparse("int8-channels"), sparse("hybrid")],
    "sparse asymmetric": lambda: [sparse(k, asymmetric_quantize_inputs=True) for k in ("hybrid", "hybrid-channels")],
    "FULLY_CONNECTED": connections,
    "CONCATENATION": joined,
    "copied rows": copied_rows,
    "shuffled": lambda: [shuffled(rows) for rows in (1, 4)],
    "BATCH_MATMUL": matrix_products,
    "NumericVerify": verified,
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("flavour", "resolver"), EVERY)
def test_kernel_sets(flavour: str, resolver: str, case: str) -> None:
    for problem in CASES[case]():
        check(problem, resolver=resolver, numerics=flavour)
