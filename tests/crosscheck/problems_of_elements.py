"""Problems of every type for operators on elements, rows and windows: what tests of `explain` run through."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from litejit.schema import TensorType
from litejit.testing import Const, Input, Problem, out, single_op

__all__ = ["INTEGERS", "PROBLEMS", "TYPES", "floats", "plain", "quantized"]

RNG = np.random.default_rng(3)


def quantized(
    shape: Any, dtype: Any, scale: float = 0.05, zero_point: int = 0, kind: Any = Input, **more: Any
) -> Input:
    info = np.iinfo(dtype)
    return kind(RNG.integers(info.min, info.max + 1, shape).astype(dtype), scale=scale, zero_point=zero_point, **more)


def floats(shape: Any, kind: Any = Input) -> Input:
    return kind(RNG.normal(size=shape).astype(np.float32))


TYPES = {"int8": (np.int8, 3, np.int32), "uint8": (np.uint8, 120, np.int32), "int16": (np.int16, 0, np.int64)}
"""dtype, zero point of the input, dtype of the bias."""


def plain(shape: Any, kind: str) -> Input:
    """Numbers of any type that does without a scale; integers from all of their range."""
    dtype = np.dtype(kind)
    if dtype.kind == "c":
        return Input((RNG.normal(size=shape) + 1j * RNG.normal(size=shape)).astype(dtype))
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return Input(RNG.integers(info.min, info.max, shape, dtype, endpoint=True))
    if dtype.kind == "b":
        return Input(RNG.integers(0, 2, shape).astype(bool))
    return Input(RNG.normal(size=shape).astype(dtype))


def pair(op: str, kind: str, **options: Any) -> Problem:
    shapes = (2, 9, 10, 7), (1, 10, 7)
    if kind not in TYPES:
        return single_op(op, [plain(shape, kind) for shape in shapes], outputs=[out(np.dtype(kind))], **options)
    dtype, zero_point, _ = TYPES[kind]
    scale = 0.0002 if kind == "int16" else 0.05
    operands = [quantized(shapes[0], dtype, scale, zero_point), quantized(shapes[1], dtype, scale / 3, zero_point)]
    return single_op(op, operands, outputs=[out(dtype, scale=scale * 2, zero_point=zero_point)], **options)


def unary(op: str, kind: str, scale: float, zero_point: int, **options: Any) -> Problem:
    if kind == "float32":
        return single_op(op, [floats((5, 8, 9, 6))], **options)
    dtype, zero, _ = TYPES[kind]
    x = quantized((5, 8, 9, 6), dtype, 0.0003 if kind == "int16" else 0.05, zero)
    return single_op(op, [x], outputs=[out(dtype, scale=scale, zero_point=zero_point)], **options)


def same(op: str, kind: str, operands: int = 1, extra: Any = (), **options: Any) -> Problem:
    """Operators whose result has the quantization of the input."""
    x = [
        floats((2, 9, 11, 7)) if kind == "float32" else quantized((2, 9, 11, 7), TYPES[kind][0])
        for _ in range(operands)
    ]
    return single_op(op, [*x, *extra], **options)


def mean(kind: str) -> Problem:
    axes = Const(np.int32([1, 3]))
    if kind == "float32":
        return single_op("MEAN", [floats((6, 5, 40, 7)), axes], outputs=[out()])
    dtype, zero_point, _ = TYPES[kind]
    x = quantized((6, 5, 40, 7), dtype, 0.05, zero_point)
    return single_op("MEAN", [x, axes], outputs=[out(dtype, scale=0.011, zero_point=zero_point)])


INTEGERS = ["int8", "uint8", "int16"]
POOL = {"padding": "SAME", "stride_h": 1, "stride_w": 2, "filter_height": 3, "filter_width": 2}
PROBLEMS: dict[str, Problem] = {}
for k in ["float32", *INTEGERS]:
    for name in ("ADD", "SUB", "MUL"):
        PROBLEMS[f"{name} {k}"] = pair(name, k)
    for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        PROBLEMS[f"{name} {k}"] = same(name, k, **POOL)
    PROBLEMS[f"CONCATENATION {k}"] = same("CONCATENATION", k, 3, axis=-2)
    PROBLEMS[f"MEAN {k}"] = mean(k)
for name in ("ADD", "SUB", "MUL"):
    for k in ("int32", "int64", "float16"):
        PROBLEMS[f"{name} {k}"] = pair(name, k, fused_activation_function="RELU6")
    for k in INTEGERS:
        PROBLEMS[f"{name} {k}, RELU6"] = pair(name, k, fused_activation_function="RELU6")
for name in ("ADD", "SUB"):
    operands = [quantized((5, 9, 30), np.int16, 2.0**-12), quantized((5, 9, 30), np.int16, 2.0**-9)]
    PROBLEMS[f"{name} int16, powers of two"] = single_op(name, operands, outputs=[out(np.int16, scale=2.0**-9)])
PROBLEMS["ADD int16, plain"] = single_op("ADD", [plain((5, 9, 30), "int16")] * 2, outputs=[out(np.int16)])
PROBLEMS["MUL int16, plain"] = single_op("MUL", [plain((5, 9, 30), "int16")] * 2, outputs=[out(np.int16)])
PROBLEMS["MUL uint32"] = pair("MUL", "uint32")
PROBLEMS["MUL complex64"] = pair("MUL", "complex64")
for k in ("int8", "uint8"):
    operands = [quantized((5, 9, 30), np.int16, 1e-4), quantized((5, 9, 30), np.int16, 1e-4)]
    PROBLEMS[f"MUL int16 to {k}"] = single_op("MUL", operands, outputs=[out(TYPES[k][0], scale=0.01, zero_point=5)])
    operands = [quantized((5, 9, 33), TYPES[k][0], 0.05, 7), quantized((1,), TYPES[k][0], 0.02, 3)]
    for name in ("ADD", "MUL"):
        outputs = [out(TYPES[k][0], scale=0.05, zero_point=4)]
        PROBLEMS[f"{name} {k}, with a scalar"] = single_op(name, operands, outputs=outputs)
PROBLEMS["CONCATENATION uint8, requantized"] = single_op(
    "CONCATENATION",
    [quantized((3, 4), np.uint8, 0.05, 3), quantized((3, 5), np.uint8, 0.07, 9)],
    outputs=[out(np.uint8, scale=0.08, zero_point=4)],
    axis=1,
)
for k, (scale, zero) in {"float32": (1, 0), "int8": (1 / 256, -128), "uint8": (1 / 256, 0)}.items():
    PROBLEMS[f"SOFTMAX {k}"] = unary("SOFTMAX", k, scale, zero, beta=1.0)
    PROBLEMS[f"LOGISTIC {k}"] = unary("LOGISTIC", k, scale, zero)
for k, (scale, zero) in {"float32": (1, 0), "int8": (1 / 128, 0), "uint8": (1 / 128, 128)}.items():
    PROBLEMS[f"TANH {k}"] = unary("TANH", k, scale, zero)
PROBLEMS["SOFTMAX int16"] = unary("SOFTMAX", "int16", 1 / 32768, 0, beta=1.0)
for name in ("LOGISTIC", "TANH"):
    PROBLEMS[f"{name} int16"] = unary(name, "int16", 1 / 32768, 0)
for k in INTEGERS:
    zero = TYPES[k][1]
    PROBLEMS[f"QUANTIZE float32 to {k}"] = single_op(
        "QUANTIZE", [floats((20, 30))], outputs=[out(TYPES[k][0], scale=0.01, zero_point=zero)]
    )
    PROBLEMS[f"DEQUANTIZE {k}"] = single_op(
        "DEQUANTIZE", [quantized((20, 30), TYPES[k][0], 0.05, zero)], outputs=[out()]
    )
    PROBLEMS[f"QUANTIZE {k} to int8"] = single_op(
        "QUANTIZE", [quantized((20, 30), TYPES[k][0], 0.05, zero)], outputs=[out(np.int8, scale=0.13, zero_point=5)]
    )
for k in ("int8", "uint8"):
    x = quantized((20, 31), TYPES[k][0], 0.05, TYPES[k][1])
    for to in ("int8", "uint8", "int16"):
        zero = TYPES[to][1]
        outputs = [out(TYPES[to][0], scale=0.07, zero_point=zero)]
        PROBLEMS[f"QUANTIZE {k} to {to}, coarser"] = single_op("QUANTIZE", [x], outputs=outputs)
    PROBLEMS[f"SOFTMAX {k} to int16"] = single_op(
        "SOFTMAX", [quantized((40, 30), TYPES[k][0], 0.05)], outputs=[out(np.int16, scale=1 / 32768)], beta=1.0
    )
    PROBLEMS[f"SOFTMAX {k}, a sum too large for fixed point"] = single_op(
        "SOFTMAX",
        [Input(np.zeros((2, 600), TYPES[k][0]), scale=0.05)],
        outputs=[out(TYPES[k][0], scale=1 / 256, zero_point=-128 if k == "int8" else 0)],
        beta=1.0,
    )
    PROBLEMS[f"MEAN {k}, of an image"] = single_op(
        "MEAN",
        [quantized((3, 5, 6, 37), TYPES[k][0], 0.05, TYPES[k][1]), Const(np.int32([1, 2]))],
        outputs=[out(TYPES[k][0], scale=0.031, zero_point=9)],
        keep_dims=True,
    )
for to in (np.int16, np.int32):
    x = quantized((20, 30), np.int16, 0.01)
    PROBLEMS[f"QUANTIZE int16 to {np.dtype(to)}"] = single_op("QUANTIZE", [x], outputs=[out(to, scale=0.003)])
for to in (np.int8, np.int16):
    x = Input(RNG.integers(-30000, 30000, (20, 30)).astype(np.int32), scale=0.001)
    PROBLEMS[f"QUANTIZE int32 to {np.dtype(to)}"] = single_op("QUANTIZE", [x], outputs=[out(to, scale=0.13)])
PROBLEMS["QUANTIZE int8 without a scale"] = single_op(
    "QUANTIZE", [plain((20, 30), "int8")], outputs=[out(np.int8, scale=0.1, zero_point=5)]
)
CHANNELS = {"scale": np.linspace(0.01, 0.05, 6), "zero_point": np.arange(6), "quantized_dimension": 1}
for k in INTEGERS:
    target = CHANNELS | ({"zero_point": np.zeros(6, int)} if k == "int16" else {})
    PROBLEMS[f"QUANTIZE float32 to {k} per channel"] = single_op(
        "QUANTIZE", [floats((7, 6, 5))], outputs=[out(TYPES[k][0], **target)]
    )
for narrow in (TensorType.INT4, TensorType.UINT4, TensorType.INT2):
    low, high = (0, 15) if narrow == TensorType.UINT4 else (-2, 1) if narrow == TensorType.INT2 else (-8, 7)
    numbers = RNG.integers(low, high + 1, (7, 6, 4)).astype(np.uint8 if low == 0 else np.int8)
    if narrow != TensorType.INT2:
        outputs = [out(narrow, scale=0.2, zero_point=1)]
        PROBLEMS[f"QUANTIZE float32 to {narrow.name}"] = single_op("QUANTIZE", [floats((7, 6, 4))], outputs=outputs)
    x = Const(numbers, type=narrow, scale=0.2, zero_point=1)
    PROBLEMS[f"DEQUANTIZE {narrow.name}"] = single_op("DEQUANTIZE", [x], outputs=[out()])
for k in ("int8", "uint8"):
    x = quantized((7, 6, 5), TYPES[k][0], **CHANNELS)
    PROBLEMS[f"DEQUANTIZE {k} per channel"] = single_op("DEQUANTIZE", [x], outputs=[out()])
PROBLEMS["DEQUANTIZE float16"] = single_op("DEQUANTIZE", [plain((20, 30), "float16")], outputs=[out()])
for k in ("float16", "int32", "int64"):
    PROBLEMS[f"MEAN {k}"] = single_op("MEAN", [plain((6, 5, 40), k), Const(np.int32([1]))], outputs=[out(np.dtype(k))])
for k in ("float16", "bool", "int32", "int64", "uint32"):
    operands = [plain((3, 4, 5), k), plain((3, 2, 5), k)]
    PROBLEMS[f"CONCATENATION {k}"] = single_op("CONCATENATION", operands, outputs=[out(np.dtype(k))], axis=1)
operands = [Const(RNG.integers(-8, 8, (3, 4, 5)).astype(np.int8), type=TensorType.INT4, scale=0.1)] * 2
PROBLEMS["CONCATENATION INT4"] = single_op("CONCATENATION", operands, outputs=[out(TensorType.INT4, scale=0.1)], axis=1)
bfloat16 = np.dtype(ml_dtypes.bfloat16)
operands = [Input(RNG.normal(size=(3, 4)).astype(bfloat16))] * 2
PROBLEMS["CONCATENATION bfloat16"] = single_op("CONCATENATION", operands, outputs=[out(bfloat16)], axis=1)
for name in ("LOGISTIC", "TANH"):
    for dtype in (np.dtype(np.float16), bfloat16):
        x = Input(RNG.normal(size=(20, 30)).astype(dtype))
        PROBLEMS[f"{name} {dtype}"] = single_op(name, [x], outputs=[out(dtype)])
    for exponent in (-12, -11):
        x = quantized((20, 30), np.int16, 2.0**exponent)
        PROBLEMS[f"{name} int16 of scale 2**{exponent}"] = single_op(name, [x], outputs=[out(np.int16, scale=2.0**-15)])
PROBLEMS["SOFTMAX float16"] = single_op("SOFTMAX", [plain((20, 30), "float16")], outputs=[out(np.float16)], beta=0.7)
PROBLEMS["AVERAGE_POOL_2D int8, RELU6"] = same("AVERAGE_POOL_2D", "int8", fused_activation_function="RELU6", **POOL)
nothing = np.full((1, 6, 6, 4), np.nan, np.float32)
nothing[:, :4] = RNG.normal(size=(1, 4, 6, 4))
PROBLEMS["MAX_POOL_2D of NaN"] = single_op("MAX_POOL_2D", [Input(nothing)], **POOL)
for k in ("int8", "uint8", "int16"):
    operands = [quantized((3, 5), k), quantized((3, 5), k)]
    PROBLEMS[f"SUB {k}, a multiplier above 1"] = single_op("SUB", operands, outputs=[out(np.dtype(k), scale=1e-9)])
