"""Which numerics flavours are established for which operators and types: the data behind every refusal of a flavour.

An operator that computes with scaled integers has a row for each combination of types, written as `signature` writes
it: the types of the operands that decide how it rounds, and that of the output where it is another one.

    INT8*INT8/channel           weights of INT8 with a scale for each channel; also /block, /sparse, /shuffled
    INT16*INT8+INT64            with a bias of INT64; of INT16 inputs the bias decides
    FLOAT32->INT8               an output of another type than the first operand

Operators without rows only move, select or compare numbers, and have every flavour that their kernels have.
"""

from __future__ import annotations

from collections.abc import Sequence

from litejit.kernels.flavours import ALL_FLAVOURS, DEFAULT_FLAVOUR
from litejit.kernels.node import Node, TensorSpec
from litejit.schema import FullyConnectedOptions, FullyConnectedOptionsWeightsFormat, TensorType

__all__ = ["ALL_FLAVOURS", "DEFAULT_FLAVOUR", "ESTABLISHED", "established", "signature"]

_OFFICIAL = "litert-ref litert-opt xnnpack"
_BUILDS = f"{_OFFICIAL} single-rounding"
_ALL = f"{_OFFICIAL} tflm single-rounding"

_ROWS: list[tuple[str, dict[str, str]]] = [
    # Arithmetic
    ("ADD SUB", {"INT8 INT16": _ALL, "UINT8": _BUILDS}),
    ("MUL", {"INT8 INT16": _ALL, "UINT8 INT16->INT8 INT16->UINT8": _BUILDS}),
    ("DIV", {"INT8 UINT8 INT16": _OFFICIAL}),
    ("SQUARED_DIFFERENCE", {"INT8": _ALL}),
    ("EQUAL NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL", {"INT8->BOOL": _ALL, "UINT8->BOOL INT16->BOOL": _BUILDS}),
    ("MAXIMUM MINIMUM", {"INT8 UINT8 INT16": _ALL}),
    ("ABS", {"INT8": _ALL, "INT16": _BUILDS}),
    ("RSQRT", {"INT8": _ALL, "INT16": _BUILDS}),
    ("EXP LOG SQRT", {"INT8 INT16": _BUILDS}),
    # Activations
    ("RELU", {"INT8 INT16": _ALL, "UINT8": _BUILDS}),
    ("RELU6", {"INT8 UINT8 INT16": _BUILDS}),
    ("RELU_N1_TO_1 RELU_0_TO_1", {"INT8 UINT8": _BUILDS}),
    ("LEAKY_RELU", {"INT8 INT16": _ALL, "UINT8": _BUILDS}),
    ("PRELU", {"INT8*INT8": _ALL, "UINT8*UINT8 INT16*INT8": _BUILDS}),
    ("HARD_SWISH", {"INT8": _ALL, "UINT8": _BUILDS}),
    ("LOGISTIC TANH", {"INT8 INT16": _ALL, "UINT8": _BUILDS}),
    ("ELU", {"INT8": _ALL}),
    ("GELU", {"INT8 UINT8 INT16": _BUILDS}),
    # Rows and images
    ("SOFTMAX", {"INT8 INT16 INT8->INT16": _ALL, "UINT8 UINT8->INT16": _BUILDS}),
    ("LOG_SOFTMAX", {"INT8": _ALL, "UINT8": _BUILDS}),
    ("L2_NORMALIZATION", {"INT8": _ALL, "UINT8": _BUILDS}),
    ("AVERAGE_POOL_2D MAX_POOL_2D", {"INT8 INT16": _ALL, "UINT8": _BUILDS}),
    ("RESIZE_BILINEAR", {"INT8": _ALL, "UINT8 INT16": _BUILDS}),
    ("CONCATENATION", {"INT8 INT16": _ALL, "UINT8": _BUILDS, "INT4": _OFFICIAL}),
    # Quantizing
    (
        "QUANTIZE",
        {
            "FLOAT32->INT8 FLOAT32->INT16": _ALL,
            "FLOAT32->UINT8 FLOAT32->INT4 FLOAT32->UINT4": _BUILDS,
            "FLOAT32->INT8/channel FLOAT32->UINT8/channel FLOAT32->INT16/channel": _BUILDS,
            "INT8 INT8->INT16 INT8->UINT8 UINT8 UINT8->INT8 UINT8->INT16": _ALL,
            "INT16 INT16->INT8 INT16->INT32 INT32->INT8 INT32->INT16": _ALL,
        },
    ),
    (
        "DEQUANTIZE",
        {
            "INT8->FLOAT32 UINT8->FLOAT32 INT16->FLOAT32": _ALL,
            "INT4->FLOAT32 UINT4->FLOAT32 INT2->FLOAT32": _BUILDS,
            "INT8/channel->FLOAT32 UINT8/channel->FLOAT32 INT4/channel->FLOAT32": _BUILDS,
            "UINT4/channel->FLOAT32 INT2/channel->FLOAT32": _BUILDS,
        },
    ),
    # Reductions
    ("SUM MEAN", {"INT8 INT16": _ALL, "UINT8": _BUILDS}),
    ("REDUCE_PROD", {"INT8 INT16": _BUILDS}),
    ("REDUCE_MAX REDUCE_MIN", {"INT8 UINT8 INT16": _ALL}),
    # Convolutions and matrix products
    (
        "CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV",
        {
            "INT8*INT8 INT8*INT8/channel INT16*INT8+INT64 INT16*INT8/channel+INT64": _ALL,
            "UINT8*UINT8": _BUILDS,
        },
    ),
    ("CONV_2D TRANSPOSE_CONV", {"INT16*INT8+INT32 INT16*INT8/channel+INT32": _ALL, "FLOAT32*INT8": _OFFICIAL}),
    ("CONV_2D DEPTHWISE_CONV_2D", {"INT8*INT4 INT8*INT4/channel": _OFFICIAL, "INT16*INT16+INT64": _OFFICIAL}),
    ("CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV", {"FLOAT32*INT8/channel": _OFFICIAL}),
    ("CONV_2D", {"FLOAT32*INT4/channel": _OFFICIAL}),
    (
        "FULLY_CONNECTED",
        {
            "INT8*INT8 INT8*INT8/channel INT16*INT8+INT64 INT16*INT8/channel+INT64": _ALL,
            "INT16*INT8+INT32 INT16*INT8/channel+INT32": _ALL,
            "INT8*INT4 INT8*INT4/channel INT8*INT2 INT8*INT2/channel INT16*INT4+INT64": _OFFICIAL,
            "INT16*INT4/channel+INT64 INT8*INT8/sparse INT8*INT8/channel/sparse": _OFFICIAL,
            "UINT8*UINT8": _BUILDS,
            "UINT8*UINT8->INT16 UINT8*UINT8/shuffled->INT16": _OFFICIAL,
            "INT16*INT16+INT64": DEFAULT_FLAVOUR,
            "FLOAT32*INT8 FLOAT32*INT8/channel": _OFFICIAL,
            "FLOAT32*INT8/sparse FLOAT32*INT8/channel/sparse FLOAT32*UINT8": _OFFICIAL,
            "FLOAT32*INT4 FLOAT32*INT4/channel FLOAT32*INT2 FLOAT32*INT2/channel": _OFFICIAL,
            "FLOAT32*INT4/block": _OFFICIAL,
        },
    ),
    (
        "BATCH_MATMUL",
        {
            "INT8*INT8": _ALL,
            "INT16*INT16 INT16*INT8 INT8*INT8->INT32 FLOAT32*INT8 FLOAT32*INT8/channel": _OFFICIAL,
            "INT8*INT8/channel INT16*INT8/channel": _OFFICIAL,
        },
    ),
    # Tables and recurrent operators
    (
        "EMBEDDING_LOOKUP",
        {
            f"{type}{scales}->{output}": _OFFICIAL
            for type in ("INT8", "UINT8", "INT4", "INT2")
            for scales in ("", "/channel", *(("/block",) if type in ("INT4", "INT2") else ()))
            for output in ("FLOAT32", "FLOAT16")
        }
        | {"INT8 UINT8 INT16": _ALL},
    ),
    (
        "LSTM UNIDIRECTIONAL_SEQUENCE_LSTM BIDIRECTIONAL_SEQUENCE_LSTM RNN UNIDIRECTIONAL_SEQUENCE_RNN "
        "BIDIRECTIONAL_SEQUENCE_RNN SVDF",
        {"FLOAT32*INT8 FLOAT32*UINT8": _OFFICIAL},
    ),
    ("LSTM UNIDIRECTIONAL_SEQUENCE_LSTM SVDF", {"INT8*INT8": _OFFICIAL}),
    ("LSTM", {"UINT8*UINT8": _OFFICIAL}),
    ("NumericVerify", {"INT8->FLOAT32 UINT8->FLOAT32": _OFFICIAL}),
]

ESTABLISHED: dict[str, dict[str, frozenset[str]]] = {}
"""Operator -> signature -> flavours with a sweep; tests/numerics/test_established.py has the sweeps."""

for _operators, _rows in _ROWS:
    for _operator in _operators.split():
        for _signatures, _flavours in _rows.items():
            for _signature in _signatures.split():
                ESTABLISHED.setdefault(_operator, {})[_signature] = frozenset(_flavours.split())

_DECIDING: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL", "PRELU"), (0, 1)),
    **dict.fromkeys(("RNN", "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN", "SVDF"), (0, 1)),
    **dict.fromkeys(("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM"), (0, 2)),
    "TRANSPOSE_CONV": (2, 1),
    "EMBEDDING_LOOKUP": (1,),
}
"""Positions of the operands that decide how an operator rounds, the first one if nothing else is said."""

_BIAS = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}
_SCALED = {type for type in TensorType if type.name in ("INT2", "INT4", "UINT4", "INT8", "UINT8", "INT16")}


def established(node: Node) -> frozenset[str] | None:
    """The flavours that are established for a node, None if it has all that its kernel has.

    Of types that have no row, there are none; before the kernel has looked at the node, that is left to be seen.
    """
    rows = ESTABLISHED.get(node.op)
    name = None if rows is None else signature(node)
    if rows is None or name is None or (name not in rows and None in node.outputs):
        return None
    return rows.get(name, frozenset())


def signature(node: Node) -> str | None:
    """What decides how a node rounds, None if there is no scaled integer among it."""
    deciding = [node.inputs[at] for at in _DECIDING.get(node.op, (0,)) if at < len(node.inputs)]
    specs = [spec for spec in deciding if spec is not None]
    output = next((spec for spec in (*node.outputs[:1], *node.declared[:1]) if spec is not None), None)
    if output is None or not specs or not any(map(_is_scaled, [*specs, output])):
        return None
    name = "*".join(map(_labelled, specs))
    if isinstance(node.options, FullyConnectedOptions):
        shuffled = FullyConnectedOptionsWeightsFormat.SHUFFLED4x16INT8
        name += "/shuffled" * (node.options.weights_format == shuffled)
    if node.op in _BIAS and specs[0].type == TensorType.INT16:
        name += f"+{_bias_type(node, _BIAS[node.op])}"
    return name if output.type == specs[0].type else f"{name}->{_labelled(output)}"


def _bias_type(node: Node, at: int) -> str:
    bias: Sequence[TensorSpec | None] = node.inputs[at : at + 1]
    return TensorType.INT64.name if not bias or bias[0] is None else bias[0].type.name


def _is_scaled(spec: TensorSpec) -> bool:
    quantization = spec.quantization
    return spec.type in _SCALED and quantization is not None and quantization.scale.size > 0


def _labelled(spec: TensorSpec) -> str:
    """The type, and in how many pieces it is scaled."""
    name = spec.type.name
    if _is_scaled(spec) and spec.quantization is not None and spec.quantization.per_channel:
        name += "/block" if spec.quantization.block_size else "/channel"
    return name + "/sparse" * (spec.sparsity is not None)
