"""Problems of every type for convolutions and matrix products: what tests of `explain` run through."""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.schema import TensorType
from litejit.testing import Const, Problem, out, single_op
from tests.crosscheck.problems_of_elements import INTEGERS, TYPES, floats, quantized
from tests.ops.test_fully_connected import blockwise, sparse_rows

__all__ = ["PROBLEMS"]

RNG = np.random.default_rng(4)


def operands_of(
    kind: str,
    x_shape: Any,
    w_shape: Any,
    channels: int,
    axis: int,
    narrow: bool = False,
    bias: Any = None,
) -> tuple[list[Any], dict[str, Any]]:
    """Input, weights and bias, float, hybrid or quantized, and the output. narrow: INT4 weights; bias: its dtype."""
    if kind == "float32":
        operands: list[Any] = [floats(x_shape), floats(w_shape, Const), floats(channels, Const)]
        output = out()
    elif kind == "hybrid":
        w_scale = np.linspace(0.005, 0.02, channels)
        weights = quantized(w_shape, np.int8, w_scale, np.zeros(channels, int), Const, quantized_dimension=axis)
        operands = [floats(x_shape), weights, floats(channels, Const)]
        output = out()
    else:
        dtype, zero_point, bias_dtype = TYPES[kind]
        scale = 0.0001 if kind == "int16" else 0.05
        w_dtype = np.uint8 if kind == "uint8" else np.int8
        more = {} if kind == "uint8" else {"quantized_dimension": axis}
        w_scale = 0.01 if kind == "uint8" else np.linspace(0.005, 0.02, channels)
        operands = [
            quantized(x_shape, dtype, scale, zero_point),
            quantized(w_shape, w_dtype, w_scale, 125 if kind == "uint8" else 0, Const, **more),
            Const(RNG.integers(-2000, 2000, channels).astype(bias or bias_dtype), scale=scale * np.asarray(w_scale)),
        ]
        output = out(dtype, scale=scale * 9, zero_point=zero_point)
    if narrow:
        operands[1].value = operands[1].value >> 4
        operands[1].keywords["type"] = TensorType.INT4
    return operands, output


def layer(
    op: str, kind: str, x_shape: Any, w_shape: Any, axis: int, narrow: bool = False, bias: Any = None, **options: Any
) -> Problem:
    """A convolution or FULLY_CONNECTED; axis: of the output channels in the weights. See `operands_of`."""
    channels = w_shape[axis]
    operands, output = operands_of(kind, x_shape, w_shape, channels, axis, narrow, bias)
    if op == "TRANSPOSE_CONV":
        shape = np.int32([x_shape[0], x_shape[1] * 2, x_shape[2] * 2, channels])
        operands = [Const(shape), operands[1], operands[0], operands[2]]
    return single_op(op, operands, outputs=[output], **options)


def sparse(kind: str) -> Problem:
    """FULLY_CONNECTED with about half of the blocks of 16 weights left out."""
    (x, weights, bias), output = operands_of(kind, (12, 64), (6, 64), 6, 0)
    kept = RNG.random((6, 4)) < 0.5
    weights.value = weights.value.reshape(6, 4, 16)[kept].ravel()
    weights.keywords |= {"shape": (6, 64), "sparsity": sparse_rows(kept, 16)}
    return single_op("FULLY_CONNECTED", [x, weights, bias], outputs=[output])


def matmul(kind: str, **options: Any) -> Problem:
    a, b = ((2, 3, 20, 12), (3, 16, 12)) if options.get("adj_y") else ((2, 3, 20, 12), (3, 12, 16))
    if options.get("adj_x"):
        a = (2, 3, 12, 20)
    if kind == "hybrid":
        weights = quantized(b, np.int8, 0.01, 0, Const)
        return single_op("BATCH_MATMUL", [floats(a), weights], outputs=[out()], **options)
    if kind == "float32":
        return single_op("BATCH_MATMUL", [floats(a), floats(b)], outputs=[out()], **options)
    dtype, zero_point, _ = TYPES[kind]
    scale = 0.001 if kind == "int16" else 0.05
    operands = [quantized(a, dtype, scale, zero_point), quantized(b, dtype, scale, 0)]
    return single_op("BATCH_MATMUL", operands, outputs=[out(dtype, scale=scale * 20)], **options)


POINT = {"padding": "VALID", "stride_h": 1, "stride_w": 1}
CONV = {"padding": "SAME", "stride_h": 2, "stride_w": 1, "fused_activation_function": "RELU"}
PROBLEMS: dict[str, Problem] = {}
for k in ["float32", "hybrid", *INTEGERS]:
    PROBLEMS[f"CONV_2D {k}"] = layer("CONV_2D", k, (2, 9, 8, 3), (6, 3, 2, 3), 0, **CONV)
    PROBLEMS[f"DEPTHWISE_CONV_2D {k}"] = layer(
        "DEPTHWISE_CONV_2D", k, (2, 9, 8, 3), (1, 3, 2, 6), 3, depth_multiplier=2, **CONV
    )
    PROBLEMS[f"FULLY_CONNECTED {k}"] = (
        layer("FULLY_CONNECTED", k, (12, 20), (9, 20), 0)
        if k != "uint8"
        else layer("FULLY_CONNECTED", k, (12, 20), (9, 20), 0, fused_activation_function="RELU6")
    )
    if k != "hybrid":
        PROBLEMS[f"TRANSPOSE_CONV {k}"] = layer(
            "TRANSPOSE_CONV", k, (2, 5, 4, 3), (6, 3, 3, 3), 0, padding="SAME", stride_h=2, stride_w=2
        )
for k in ["float32", "int8", "int16"]:
    PROBLEMS[f"BATCH_MATMUL {k}"] = matmul(k)
    PROBLEMS[f"BATCH_MATMUL adj_y {k}"] = matmul(k, adj_y=True)
for k in ("CONV_2D", "DEPTHWISE_CONV_2D"):
    axis, shape = (0, (6, 3, 2, 3)) if k == "CONV_2D" else (3, (1, 3, 2, 6))
    for kind in ("int8", "int16", "hybrid"):
        if (k, kind) not in (("DEPTHWISE_CONV_2D", "int16"), ("DEPTHWISE_CONV_2D", "hybrid")):
            PROBLEMS[f"{k} {kind}, INT4 weights"] = layer(k, kind, (2, 9, 8, 3), shape, axis, narrow=True, **CONV)
PROBLEMS["CONV_2D hybrid, one scale"] = single_op(
    "CONV_2D",
    [floats((2, 9, 8, 3)), quantized((6, 3, 2, 3), np.int8, 0.01, 0, Const), floats(6, Const)],
    outputs=[out()],
    **CONV,
)
PROBLEMS["CONV_2D hybrid, of pixels"] = layer("CONV_2D", "hybrid", (2, 9, 8, 3), (6, 1, 1, 3), 0, **POINT)
PROBLEMS["CONV_2D int8, in groups"] = layer("CONV_2D", "int8", (2, 9, 8, 6), (6, 3, 2, 3), 0, **CONV)
PROBLEMS["CONV_2D int16, int32 bias"] = layer(
    "CONV_2D", "int16", (2, 9, 8, 3), (6, 3, 2, 3), 0, bias=np.int32, quantized_bias_type="INT32", **CONV
)
PROBLEMS["CONV_2D float32, dilated"] = layer(
    "CONV_2D",
    "float32",
    (2, 9, 8, 3),
    (6, 3, 2, 3),
    0,
    **(CONV | {"dilation_h_factor": 2, "dilation_w_factor": 3, "stride_h": 1}),
)
PROBLEMS["TRANSPOSE_CONV hybrid"] = layer(
    "TRANSPOSE_CONV", "hybrid", (2, 5, 4, 3), (6, 3, 3, 3), 0, padding="SAME", stride_h=2, stride_w=2
)
for kind in ("int8", "int16", "hybrid"):
    PROBLEMS[f"FULLY_CONNECTED {kind}, INT4 weights"] = layer(
        "FULLY_CONNECTED", kind, (12, 40), (9, 40), 0, narrow=True
    )
PROBLEMS["FULLY_CONNECTED int16, int32 bias"] = layer(
    "FULLY_CONNECTED", "int16", (12, 20), (9, 20), 0, bias=np.int32, quantized_bias_type="INT32"
)
for activation in ("RELU", "TANH"):
    PROBLEMS[f"FULLY_CONNECTED hybrid, asymmetric, {activation}"] = layer(
        "FULLY_CONNECTED",
        "hybrid",
        (3, 4, 20),
        (9, 20),
        0,
        asymmetric_quantize_inputs=True,
        keep_num_dims=True,
        fused_activation_function=activation,
    )
PROBLEMS["FULLY_CONNECTED blockwise"] = blockwise(32, (32, 2))
PROBLEMS["FULLY_CONNECTED shuffled"] = single_op(
    "FULLY_CONNECTED",
    [
        quantized((4, 32), np.uint8, 0.02, 128),
        quantized((8, 32), np.uint8, 0.01, 0, Const),
        Const(np.arange(8) * 1000 - 3000, np.int32, scale=0.0002),
    ],
    outputs=[out(np.int16, scale=0.004), out(np.uint8, shape=(4, 32))],
    weights_format="SHUFFLED4x16INT8",
)
for kind in ("float32", "int8", "hybrid"):
    PROBLEMS[f"FULLY_CONNECTED {kind}, sparse"] = sparse(kind)
for kind, adjoined in (("float32", "adj_x"), ("int8", "adj_x"), ("hybrid", "adj_x"), ("hybrid", "adj_y")):
    PROBLEMS[f"BATCH_MATMUL {kind} {adjoined}"] = matmul(kind, **{adjoined: True})
PROBLEMS["BATCH_MATMUL hybrid"] = matmul("hybrid")
PROBLEMS["BATCH_MATMUL int8 to int32"] = single_op(
    "BATCH_MATMUL",
    [quantized((2, 20, 12), np.int8, 0.05, 3), quantized((12, 16), np.int8, 0.05, 0)],
    outputs=[out(np.int32)],
)
