"""Operators without a multiplier to round by: in tflm and single-rounding builds they are what litert-ref is.

Their kernels, tables or comparisons are shared sources; which of them tflite-micro has is in `established.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit.schema import TensorType
from litejit.schema.errors import UnsupportedError
from litejit.testing import Const, Input, Problem, assert_same, out, run, single_op
from tests.numerics.test_activation import SCALES
from tests.numerics.test_activation import unary as activation
from tests.numerics.test_kernel_sets import (
    copied_rows,
    extrema,
    four_bits,
    narrowing_products,
    per_channel,
    reduced_extrema,
)
from tests.numerics.test_kernel_sets import joined as copied
from tests.numerics.test_unary import unary
from tests.ops.products import integers
from tests.ops.test_pooling import pool_options
from tests.ops.test_quantization import reals
from tests.ops.values import every

LIBRARIES = ["tflm", "single-rounding"]
Q = {"scale": 0.1, "zero_point": 0}


def curves(op: str, types: list[Any], **options: Any) -> list[Problem]:
    """Every value of the types."""
    problems = []
    for dtype in types:
        for scale, output_scale in SCALES:
            if op in ("LOGISTIC", "TANH"):
                steps = 32768 if dtype == np.int16 else 256 if op == "LOGISTIC" else 128
                zero = (
                    0
                    if dtype == np.int16
                    else {"LOGISTIC": int(np.iinfo(dtype).min)}.get(op, 128 * (dtype == np.uint8))
                )
                operand = Input(every(dtype), scale=scale / (256 if dtype == np.int16 else 1))
                problems.append(single_op(op, [operand], [out(dtype, scale=1 / steps, zero_point=zero)]))
            else:
                output_scale = max(output_scale, scale / 100) if op == "HARD_SWISH" else output_scale
                problems.append(activation(op, dtype, scale, output_scale, **options))
    return problems


def pools(op: str) -> list[Problem]:
    problems = []
    for dtype in (np.int8, np.uint8, np.int16):
        x = integers((2, 7, 6, 5), dtype, 0)
        for padding in ("SAME", "VALID"):
            options = pool_options((3, 2, 2, 1), padding)
            problems.append(single_op(op, [Input(x, **Q)], [out(dtype, **Q)], **options))
    return problems


def quantized() -> list[Problem]:
    x = reals(0.1)
    return [single_op("QUANTIZE", [Input(x)], [out(dtype, **Q)]) for dtype in (np.int8, np.uint8, np.int16)]


def dequantized() -> list[Problem]:
    problems = [single_op("DEQUANTIZE", [Input(every(d), **Q)], [out()]) for d in (np.int8, np.uint8, np.int16)]
    for type, low, high in ((TensorType.INT4, -8, 7), (TensorType.UINT4, 0, 15), (TensorType.INT2, -2, 1)):
        q = np.resize(np.arange(low, high + 1), (3, 7)).astype(np.uint8 if low == 0 else np.int8)
        for scale in (0.3137, [0.1, 0.2, 0.3]):
            problems.append(single_op("DEQUANTIZE", [Const(q, type=type, scale=scale)], [out()]))
    return problems


def resized() -> list[Problem]:
    x = integers((1, 5, 4, 3), np.uint8, 0)
    return [single_op("RESIZE_BILINEAR", [Input(x, **Q), Const([9, 7], np.int32)], [out(np.uint8, **Q)])]


def joined() -> list[Problem]:
    operands = [Input(every(np.uint8), scale=scale, zero_point=zero) for scale, zero in ((0.1, 3), (0.23, 130))]
    return [single_op("CONCATENATION", operands, [out(np.uint8, scale=0.2, zero_point=7)], axis=0)]


CASES = {
    **{op: lambda op=op: extrema(op) for op in ("MAXIMUM", "MINIMUM")},
    **{op: lambda op=op: reduced_extrema(op) for op in ("REDUCE_MAX", "REDUCE_MIN")},
    **{op: lambda op=op: pools(op) for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D")},
    **{op: lambda op=op: [unary(op, d, (0.1, 0.03)) for d in (np.int8, np.int16)] for op in ("EXP", "LOG", "SQRT")},
    "RSQRT": lambda: [unary("RSQRT", np.int16, (0.1, 0.03))],
    **{op: lambda op=op: curves(op, [np.uint8, np.int16]) for op in ("LOGISTIC", "TANH")},
    **{f"{op} of int8": lambda op=op: curves(op, [np.int8]) for op in ("LOGISTIC", "TANH")},
    "HARD_SWISH": lambda: curves("HARD_SWISH", [np.int8, np.uint8]),
    "ELU": lambda: curves("ELU", [np.int8]),
    "GELU": lambda: curves("GELU", [np.int8, np.uint8, np.int16], approximate=True),
    "MUL": lambda: narrowing_products((0.5, 0.0625, 1.0)),
    "QUANTIZE": lambda: [*quantized(), *four_bits(), *per_channel(1)],
    "DEQUANTIZE": dequantized,
    "RESIZE_BILINEAR": resized,
    "CONCATENATION": joined,
    "CONCATENATION of one scale": copied,
    "EMBEDDING_LOOKUP": copied_rows,
}
OF_ITS_OWN = {"LOGISTIC of int8", "TANH of int8", "ELU"}
"""What tflite-micro computes otherwise: see test_activation.py."""


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("flavour", LIBRARIES)
def test_what_is_shared(flavour: str, case: str) -> None:
    if flavour == "tflm" and case in OF_ITS_OWN:
        return
    compared = 0
    for problem in CASES[case]():
        try:
            result = run(problem, numerics=flavour)[0]
        except UnsupportedError:  # test_established.py has this for what is declared to be there.
            continue
        assert_same(result, run(problem)[0], peer="litert-ref")
        compared += 1
    assert compared or flavour == "tflm"
