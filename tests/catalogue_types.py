"""Problems of types that those of the catalogue cannot be given, since more than a type would have to be another."""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit import ModelBuilder
from litejit.schema import TensorType
from litejit.testing import Const, Input, Problem, out, single_op
from tests.catalogue_beyond import BEYOND
from tests.catalogue_graphs import INNER, densify, with_subgraph
from tests.mutant import Mutant
from tests.ops.recurrent import CellCase, lstm
from tests.ops.test_detection import detection
from tests.ops.test_svdf import svdf

__all__ = ["OF_TYPES"]

_COUNTED = (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.float16, np.float64)
_NARROW = {TensorType.INT4: np.int8, TensorType.INT2: np.int8, TensorType.UINT4: np.uint8}


def _called(name: str, dtype: Any) -> Problem:
    """The catalogue's problem of an operator with a body, in another type."""
    operands, inner, fields = INNER[name]
    given = [type(x)(x.value.astype(dtype)) if x.value.dtype == inner else x for x in operands]
    body = {"STABLEHLO_SCATTER": "y", "STABLEHLO_REDUCE_WINDOW": "LOGICAL_OR"}[name]
    return with_subgraph(name, given, dtype, fields, body if dtype == np.bool_ else "STABLEHLO_ADD")


def _variable() -> Problem:
    """A variable whose number is known: it is the only one."""
    b = ModelBuilder()
    handle = b.constant(np.array([0], np.int32))
    b.op("ASSIGN_VARIABLE", [handle, b.input("x", (2,), np.float32)], [])
    b.output(b.op("READ_VARIABLE", [handle], [{"shape": (2,)}]))
    return Problem(b.to_bytes(), [np.ones(2, np.float32)])


def _plain(name: str, type: TensorType) -> Problem:
    """The catalogue's problem with all floats in another type, and no quantization."""
    mutant = Mutant(BEYOND[name][0], name)
    for index in {*mutant.operator.inputs.tolist(), *mutant.operator.outputs.tolist()}:
        if mutant.tensors[index].type == TensorType.FLOAT32:
            mutant.retype(index, type)
    return Problem(mutant.to_bytes(), mutant.inputs())


_NARROW_INTEGERS, _COMPLEX = "INT8 UINT8 INT16", "COMPLEX64 COMPLEX128"
_PLAIN_TYPES = {
    **dict.fromkeys(("STABLEHLO_SUBTRACT", "STABLEHLO_POWER", "STABLEHLO_DIVIDE", "STABLEHLO_NEGATE",
                     "STABLEHLO_COMPARE", "STABLEHLO_CLAMP", "STABLEHLO_CONVERT", "STABLEHLO_CONVOLUTION",
                     "STABLEHLO_DOT_GENERAL"), f"{_NARROW_INTEGERS} {_COMPLEX}"),
    "STABLEHLO_REMAINDER": _NARROW_INTEGERS,
    "STABLEHLO_ABS": f"INT8 INT16 {_COMPLEX}",
}  # fmt: skip

OF_TYPES: dict[str, list[Problem]] = {
    "DENSIFY": [densify(dtype) for dtype in (np.float16, np.int8)],
    "REDUCE_PROD": [
        single_op("REDUCE_PROD", [Input([[1, 2, 3], [4, 5, 6]], np.uint8), Const([1], np.int32)], [out(np.uint8)])
    ],
    "CAST": [single_op("CAST", [Const(np.array([1, 0], d), type=t)], [out()]) for t, d in _NARROW.items()],
    "UNIDIRECTIONAL_SEQUENCE_LSTM": [
        lstm("UNIDIRECTIONAL_SEQUENCE_LSTM", CellCase(weights=np.int8, input=np.int8), fused_activation_function="TANH")
    ],
    "SVDF": [svdf("int8", 2, 3, 2, 4)],
    "READ_VARIABLE": [_variable()],
    "ASSIGN_VARIABLE": [_variable()],
    **{name: [_plain(name, TensorType[type]) for type in types.split()] for name, types in _PLAIN_TYPES.items()},
    "STABLEHLO_SCATTER": [_called("STABLEHLO_SCATTER", dtype) for dtype in (*_COUNTED, np.bool_)],
    "STABLEHLO_REDUCE_WINDOW": [_called("STABLEHLO_REDUCE_WINDOW", d) for d in (*_COUNTED[:5], np.float64, np.bool_)],
    "TFLite_Detection_PostProcess": [detection(3, dtype=np.uint8, max_detections=2, nms_score_threshold=0.0)],
}
"""Operator -> problems."""
