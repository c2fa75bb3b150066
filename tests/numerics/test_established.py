"""Which sweep stands behind each flavour that an operator offers: no operator offers one without.

Operators that rescale or round quantized numbers have sweeps of their own, listed in SWEEPS. All others only move,
select or compare numbers, or take none that are quantized; for them, the problems of the catalogue come out alike under
all official kernel sets.
"""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from litejit.kernels.kernel import DEFAULT_FLAVOUR
from litejit.kernels.registry import builtin_kernels
from tests.catalogue import CATALOGUE
from tests.harness import assert_same, run
from tests.numerics.test_arithmetic import OFFICIAL
from tests.oracle import oracle
from tests.paths import ROOT

SWEEPS = {
    "numerics.test_arithmetic.test_every_pair": "ADD SUB MUL",
    "numerics.test_unary.test_unary": "ABS EXP LOG SQRT RSQRT",
    "numerics.test_unary.test_binary": "DIV SQUARED_DIFFERENCE EQUAL NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL "
    "MAXIMUM MINIMUM",
    "numerics.test_activation.test_relus": "RELU RELU6 RELU_N1_TO_1 RELU_0_TO_1",
    "numerics.test_activation.test_leaky_relu": "LEAKY_RELU",
    "numerics.test_activation.test_prelu": "PRELU",
    "numerics.test_activation.test_curves": "HARD_SWISH TANH ELU GELU",
    "numerics.test_activation.test_logistic": "LOGISTIC",
    "numerics.test_products.test_convolution": "CONV_2D",
    "numerics.test_products.test_depthwise": "DEPTHWISE_CONV_2D",
    "numerics.test_products.test_transposed": "TRANSPOSE_CONV",
    "numerics.test_products.test_fully_connected": "FULLY_CONNECTED",
    "numerics.test_products.test_batch_matmul": "BATCH_MATMUL",
    "numerics.test_reduction.test_sums": "SUM MEAN",
    "numerics.test_reduction.test_products": "REDUCE_PROD",
    "numerics.test_recurrent.test_kernel_sets_agree": "LSTM UNIDIRECTIONAL_SEQUENCE_LSTM BIDIRECTIONAL_SEQUENCE_LSTM "
    "RNN UNIDIRECTIONAL_SEQUENCE_RNN BIDIRECTIONAL_SEQUENCE_RNN SVDF",
    "ops.test_quantization.test_quantize": "QUANTIZE",
    "ops.test_quantization.test_dequantize": "DEQUANTIZE",
    "ops.test_softmax.test_quantized": "SOFTMAX",
    "ops.test_softmax.test_quantized_log": "LOG_SOFTMAX",
    "ops.test_normalization.test_l2_quantized": "L2_NORMALIZATION",
    "ops.test_resize.test_quantized": "RESIZE_BILINEAR",
    "ops.test_pooling.test_quantized": "AVERAGE_POOL_2D MAX_POOL_2D",
}
"""Test (below tests/) -> operators whose flavours it sweeps."""

SWEPT = {name for operators in SWEEPS.values() for name in operators.split()}
AS_THEY_LIKE = {"RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL", "STABLEHLO_RNG_BIT_GENERATOR"}
"""Operators whose results are not meant to repeat."""

MANY = [op.name for op, kernel in builtin_kernels().items() if set(kernel.flavours) != {DEFAULT_FLAVOUR}]
SHARED = sorted(set(MANY) - SWEPT - AS_THEY_LIKE)


def test_every_sweep_is_there() -> None:
    for test, operators in SWEEPS.items():
        module, _, function = test.rpartition(".")
        assert callable(getattr(importlib.import_module(f"tests.{module}"), function)), test
        assert set(operators.split()) <= set(MANY), operators
    assert len(SWEPT) == sum(len(operators.split()) for operators in SWEEPS.values())


def test_others_are_in_the_catalogue() -> None:
    """So that test_one_kernel_for_all has a problem for each of them."""
    assert set(SHARED) <= set(CATALOGUE)


@pytest.mark.parametrize("name", SHARED)
def test_one_kernel_for_all(name: str) -> None:
    """What is no float is the same in every official kernel set that takes the problem."""
    for problem in CATALOGUE[name]:
        for flavour, resolver in [(DEFAULT_FLAVOUR, "ref"), *OFFICIAL]:
            answer = oracle.run(problem.model, problem.inputs, resolver)
            if answer.error is not None:
                continue
            for ours, theirs in zip(run(problem, numerics=flavour), answer.outputs, strict=True):
                if np.asarray(theirs).dtype.kind not in "fcV":
                    assert_same(ours, theirs)


def test_documentation_names_every_sweep() -> None:
    text = (ROOT / "docs" / "numerics.md").read_text()
    for test in SWEEPS:
        module, function = test.split(".")[-2:]
        assert f"{module}.py" in text, module
        assert function in text, function
