"""No operator offers a flavour for types that no sweep compares; what no sweep compares is refused by name.

Operators that compute with scaled integers have rows in `litejit.kernels.established`, and sweeps of their own, listed
in SWEEPS. All others only move, select or compare numbers, or take none that are scaled; for them, the problems of the
catalogue come out alike under all official kernel sets.
"""

from __future__ import annotations

import importlib
import re
from functools import cache

import numpy as np
import pytest

from litejit.cli_ops import measured_types
from litejit.kernels.established import ALL_FLAVOURS, DEFAULT_FLAVOUR, ESTABLISHED
from litejit.kernels.registry import builtin_kernels, custom_kernels
from litejit.testing import assert_same, run
from tests.agreement import Kind, explained
from tests.catalogue import CATALOGUE
from tests.catalogue_beyond import BEYOND
from tests.dtype_differences import DIFFERENCES, is_deadly
from tests.dtypes import cases
from tests.numerics.sweeps import Combination, combinations, sweep_function
from tests.numerics.test_arithmetic import OFFICIAL
from tests.oracle import oracle
from tests.paths import ROOT
from tests.robustness.mutations import outcome

_RECURRENT = (
    "LSTM UNIDIRECTIONAL_SEQUENCE_LSTM BIDIRECTIONAL_SEQUENCE_LSTM RNN UNIDIRECTIONAL_SEQUENCE_RNN "
    "BIDIRECTIONAL_SEQUENCE_RNN SVDF"
)
_RELUS = "RELU RELU6 RELU_N1_TO_1 RELU_0_TO_1"
_ORDERS = "EQUAL NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL"

OFFICIAL_SWEEPS = {
    "numerics.test_arithmetic.test_every_pair": "ADD SUB MUL",
    "numerics.test_unary.test_unary": "ABS EXP LOG SQRT RSQRT",
    "numerics.test_unary.test_binary": "DIV SQUARED_DIFFERENCE",
    "numerics.test_activation.test_relus": _RELUS,
    "numerics.test_activation.test_leaky_relu": "LEAKY_RELU",
    "numerics.test_activation.test_prelu": "PRELU",
    "numerics.test_activation.test_curves": "HARD_SWISH TANH ELU GELU",
    "numerics.test_activation.test_logistic": "LOGISTIC",
    "numerics.test_activation.test_curves_of_16_bits": "LOGISTIC TANH",
    "numerics.test_products.test_convolution": "CONV_2D",
    "numerics.test_products.test_depthwise": "DEPTHWISE_CONV_2D",
    "numerics.test_products.test_transposed": "TRANSPOSE_CONV",
    "numerics.test_products.test_revealing_sums": "CONV_2D TRANSPOSE_CONV FULLY_CONNECTED",
    "numerics.test_products.test_fully_connected": "FULLY_CONNECTED",
    "numerics.test_products.test_batch_matmul": "BATCH_MATMUL",
    "numerics.test_reduction.test_sums": "SUM MEAN",
    "numerics.test_reduction.test_products": "REDUCE_PROD",
    "numerics.test_recurrent.test_kernel_sets_agree": _RECURRENT,
    "numerics.test_kernel_sets.test_kernel_sets": f"{_ORDERS} MAXIMUM MINIMUM REDUCE_MAX REDUCE_MIN MUL DIV QUANTIZE "
    "DEQUANTIZE EMBEDDING_LOOKUP CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED BATCH_MATMUL CONCATENATION NumericVerify",
    "ops.test_quantization.test_quantize": "QUANTIZE",
    "ops.test_quantization.test_requantize": "QUANTIZE",
    "ops.test_quantization.test_dequantize": "DEQUANTIZE",
    "ops.test_quantization.test_dequantize_packed_constants": "DEQUANTIZE",
    "ops.test_softmax.test_quantized": "SOFTMAX",
    "ops.test_softmax.test_quantized_log": "LOG_SOFTMAX",
    "ops.test_normalization.test_l2_quantized": "L2_NORMALIZATION",
    "ops.test_resize.test_quantized": "RESIZE_BILINEAR",
    "ops.test_joining.test_concatenation_requantizes_uint8": "CONCATENATION",
    "ops.test_fully_connected.test_blockwise_weights": "FULLY_CONNECTED",
    "ops.test_pooling.test_quantized": "AVERAGE_POOL_2D MAX_POOL_2D",
}
REFERENCE_SWEEPS = {
    "ops.test_activation.test_quantized": "ELU GELU HARD_SWISH LEAKY_RELU RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 TANH",
    "ops.test_activation.test_curves_16_bits": "LOGISTIC TANH",
    "ops.test_activation.test_logistic_8_bits": "LOGISTIC",
    "ops.test_activation.test_prelu_all_pairs": "PRELU",
    "ops.test_activation.test_prelu_16_bits": "PRELU",
    "ops.test_arithmetic.test_quantized_broadcast": "ADD DIV MUL SQUARED_DIFFERENCE SUB",
    "ops.test_unary.test_every_quantized_value": "ABS EXP LOG RSQRT SQRT",
    "ops.test_convolution.test_convolution": "CONV_2D",
    "ops.test_convolution.test_depthwise": "DEPTHWISE_CONV_2D",
    "ops.test_convolution.test_activation": "CONV_2D DEPTHWISE_CONV_2D",
    "ops.test_transpose_convolution.test_transposed": "TRANSPOSE_CONV",
    "ops.test_fully_connected.test_formats": "FULLY_CONNECTED",
    "ops.test_fully_connected.test_weights_of_16_bits": "FULLY_CONNECTED",
    "ops.test_batch_matmul.test_hybrid": "BATCH_MATMUL",
    "ops.test_batch_matmul.test_quantized": "BATCH_MATMUL",
}
LIBRARY_SWEEPS = {
    "numerics.test_arithmetic.test_scalar_models": "ADD SUB MUL",
    "numerics.test_unary.test_absolute_value_rounded_once": "ABS",
    "numerics.test_unary.test_inverse_square_root_rounded_once": "RSQRT",
    "numerics.test_unary.test_tflite_micro_agrees": "ABS RSQRT",
    "numerics.test_unary.test_squared_difference_of_kernel_libraries": "SQUARED_DIFFERENCE",
    "numerics.test_unary.test_comparisons_of_kernel_libraries": _ORDERS,
    "numerics.test_activation.test_relu_and_leaky_relu_of_kernel_libraries": f"{_RELUS} LEAKY_RELU",
    "numerics.test_activation.test_prelu_models": "PRELU",
    "numerics.test_activation.test_elu_of_tflm": "ELU",
    "numerics.test_activation.test_curves_of_tflm": "LOGISTIC TANH",
    "numerics.test_products.test_kernel_libraries": "CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV FULLY_CONNECTED",
    "numerics.test_products.test_batch_matmul_of_kernel_libraries": "BATCH_MATMUL",
    "numerics.test_reduction.test_scalar_models": "SUM MEAN",
    "numerics.test_reduction.test_products_of_kernel_libraries": "REDUCE_PROD",
    "numerics.test_rows_and_images.test_requantize": "QUANTIZE",
    "numerics.test_rows_and_images.test_softmax_of_kernel_libraries": "SOFTMAX LOG_SOFTMAX",
    "numerics.test_rows_and_images.test_softmax_of_16_bits": "SOFTMAX",
    "numerics.test_rows_and_images.test_l2_normalization": "L2_NORMALIZATION",
    "numerics.test_rows_and_images.test_resize_bilinear_rounds_ties_up": "RESIZE_BILINEAR",
    "numerics.test_kernel_libraries.test_what_is_shared": "MAXIMUM MINIMUM REDUCE_MAX REDUCE_MIN AVERAGE_POOL_2D "
    "MAX_POOL_2D EXP LOG SQRT RSQRT LOGISTIC TANH HARD_SWISH ELU GELU MUL QUANTIZE DEQUANTIZE RESIZE_BILINEAR "
    "CONCATENATION EMBEDDING_LOOKUP",
}
"""Test (below tests/) -> operators that it sweeps: under all official sets, under litert-ref, under the other two."""

SWEEPS = OFFICIAL_SWEEPS | REFERENCE_SWEEPS | LIBRARY_SWEEPS
LIBRARIES = {"tflm", "single-rounding"}

DECLARED = {
    (operator, name, flavour)
    for operator, rows in ESTABLISHED.items()
    for name, flavours in rows.items()
    for flavour in flavours
}


@cache
def compared() -> set[Combination]:
    """What all sweeps compare."""
    found: set[Combination] = set()
    elsewhere = {operator for operators in REFERENCE_SWEEPS.values() for operator in operators.split()}
    for sweeps in (OFFICIAL_SWEEPS, REFERENCE_SWEEPS, LIBRARY_SWEEPS):
        for test, operators in sweeps.items():
            wanted = {one for one in DECLARED - found if one[0] in operators.split()}
            if sweeps is OFFICIAL_SWEEPS:
                wanted -= {one for one in wanted if one[2] == DEFAULT_FLAVOUR and one[0] in elsewhere}
            wanted = {one for one in wanted if (one[2] in LIBRARIES) == (sweeps is LIBRARY_SWEEPS)}
            found |= combinations(test, wanted)
    return found


def test_every_sweep_is_there() -> None:
    for test, operators in SWEEPS.items():
        sweep_function(test)
        assert set(operators.split()) <= set(ESTABLISHED), test


@pytest.mark.parametrize("operator", ESTABLISHED)
def test_every_combination_has_a_sweep(operator: str) -> None:
    """Operator, types and flavour: what is declared is compared, and nothing is compared that is not declared."""
    declared, swept = ({one for one in group if one[0] == operator} for group in (DECLARED, compared()))
    assert declared - swept == set()
    assert swept - declared == set()


KERNELS = {op.name: kernel for op, kernel in builtin_kernels().items()} | custom_kernels()
MANY = [name for name, kernel in KERNELS.items() if set(kernel.flavours) != {DEFAULT_FLAVOUR}]
AS_THEY_LIKE = {"RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL", "STABLEHLO_RNG_BIT_GENERATOR"}
"""Operators whose results are not meant to repeat."""

SHARED = sorted(set(MANY) - set(ESTABLISHED) - AS_THEY_LIKE)

MOVING = """
    BATCH_TO_SPACE_ND BROADCAST_TO CAST DENSIFY DEPTH_TO_SPACE DILATE DYNAMIC_UPDATE_SLICE EXPAND_DIMS FILL GATHER
    GATHER_ND MATRIX_DIAG MATRIX_SET_DIAG MIRROR_PAD ONE_HOT PACK PAD PADV2 RANK RESHAPE RESIZE_NEAREST_NEIGHBOR
    REVERSE_SEQUENCE REVERSE_V2 SCATTER_ND SELECT SELECT_V2 SHAPE SLICE SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPARSE_TO_DENSE
    SPLIT SPLIT_V SQUEEZE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONCATENATE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE
    STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_GATHER STABLEHLO_IOTA STABLEHLO_PAD STABLEHLO_RESHAPE STABLEHLO_SLICE
    STABLEHLO_TRANSPOSE STRIDED_SLICE SignalDelay SignalFramer SignalStacker TILE TRANSPOSE UNPACK"""
COMPARING = "ARG_MAX ARG_MIN STABLEHLO_CLAMP STABLEHLO_COMPARE STABLEHLO_MAXIMUM STABLEHLO_MINIMUM TOPK_V2 UNIQUE WHERE"
PLAIN = """
    BITWISE_XOR FLOOR_DIV FLOOR_MOD NEG REDUCE_WINDOW RIGHT_SHIFT STABLEHLO_ABS STABLEHLO_ADD STABLEHLO_AND
    STABLEHLO_COMPOSITE STABLEHLO_CONVOLUTION STABLEHLO_DIVIDE STABLEHLO_DOT_GENERAL STABLEHLO_MULTIPLY STABLEHLO_NEGATE
    STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REDUCE_WINDOW STABLEHLO_REMAINDER STABLEHLO_SCATTER STABLEHLO_SHIFT_LEFT
    STABLEHLO_SUBTRACT SignalEnergy SignalFftAutoScale SignalIrfft SignalOverlapAdd SignalRfft SignalWindow"""
"""Operators that compute with integers as they are, whatever scale these have."""

TO_FLOATS = "TFLite_Detection_PostProcess"
"""Operators whose scaled integers become floats before anything is computed."""

NARROW = {"INT2", "INT4", "UINT4", "INT8", "UINT8", "INT16"}


def test_rows_are_of_operators() -> None:
    assert set(ESTABLISHED) <= set(KERNELS)
    assert all(flavour in ALL_FLAVOURS for _, _, flavour in DECLARED)


def test_what_has_no_rows_does_not_round() -> None:
    """An operator that takes integers which may be scaled has rows, or it is known why it needs none."""
    known = {*MOVING.split(), *COMPARING.split(), *PLAIN.split(), TO_FLOATS}
    taking = {name for name, types in measured_types().items() if NARROW & set(types["reference"])}
    assert taking - set(ESTABLISHED) == known


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


CALLERS = {"IF", "STABLEHLO_CASE", "STABLEHLO_COMPOSITE"}
"""The default delegate takes their subgraphs before these have the types of the call."""


@pytest.mark.parametrize("name", sorted(set(SHARED) - set(BEYOND)))
def test_one_kernel_for_all_types(name: str) -> None:
    """The same for every type that a problem can be given, where litejit and the kernel set take it."""
    for at in range(len(CATALOGUE[name])):
        for case in cases(name, at):
            label, model, values = f"{at} {case.label}", case.mutant.to_bytes(), case.mutant.inputs()
            if is_deadly(name, label) or any(explained(DIFFERENCES, name, label, kind) for kind in Kind):
                continue
            if outcome(model, values).outputs is None:
                continue
            for flavour, resolver in OFFICIAL:
                if name in CALLERS and resolver == "auto":
                    continue
                answer, mine = oracle.run(model, values, resolver), outcome(model, values, numerics=flavour)
                for ours, theirs in zip(
                    mine.outputs or (), answer.outputs if answer.error is None else (), strict=False
                ):
                    if ours.dtype.kind not in "fcV" and not ours.dtype.name.startswith("float8"):
                        assert_same(ours, theirs, peer=f"{resolver} for {label}")


def test_documentation_names_every_sweep() -> None:
    text = (ROOT / "docs" / "numerics.md").read_text()
    for test in SWEEPS:
        module, function = test.split(".")[-2:]
        assert f"{module}.py" in text, module
        assert function in text, function


PAGE = (ROOT / "docs" / "numerics.md").read_text()
SECTIONS = {part.split("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
SWEPT = [title for title, text in SECTIONS.items() if "| swept in |" in text]


def test_tables_are_swept() -> None:
    assert len(SWEPT) == 7


@pytest.mark.parametrize("title", [title for title, text in SECTIONS.items() if "tests/" in text and title != "Sweeps"])
def test_documentation_names_tests_that_exist(title: str) -> None:
    """The tests that a section names are in the modules that it names, and every row of its table names one."""
    text = SECTIONS[title]
    modules = [
        importlib.import_module(path.replace("/", ".")) for path in re.findall(r"(tests/\w+(?:/\w+)?)\.py", text)
    ]
    assert modules
    for module, test in re.findall(r"`(?:(test_\w+)\.)?(test_\w+)`", text):
        assert any(hasattr(one, test) and one.__name__.endswith(module) for one in modules), f"{module}.{test}"
    for row in text.split("\n") if title in SWEPT else ():
        is_of_numbers = row.startswith("| ") and not row.startswith("| operator")
        assert not is_of_numbers or re.search(r"`[\w.]*test_\w+` \|$", row), row
