"""Weights that are not finite, and the margin of padded images: the official reference kernels leave it out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import ModelBuilder
from litejit.interpreter import OpResolverType
from litejit.testing import Const, Input, Problem, check, out, run, single_op
from tests.oracle import oracle

F32 = np.float32
ODD = {"one": [np.inf], "two": [np.inf, -np.inf], "nan": [np.nan], "many": [np.inf, -np.inf, np.nan] * 4}


def problem(op: str, odd: str, stride: int, dilation: int, kind: type[Const] | type[Input] = Const) -> Problem:
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> Const | Input:
        values = rng.normal(size=shape).astype(F32)
        values.ravel()[rng.choice(values.size, len(ODD[odd]), replace=False)] = ODD[odd]
        return kind(values)

    axes = "dhw" if "3D" in op else "hw"
    options: dict[str, Any] = {"padding": "SAME"} | {f"stride_{axis}": stride for axis in axes}
    if op != "TRANSPOSE_CONV":
        options |= {f"dilation_{axis}_factor": dilation for axis in axes}
    x = Input(rng.normal(size=(2, *(6,) * len(axes), 2)).astype(F32))
    sizes = (6 * stride,) * len(axes)
    return {
        "CONV_2D": lambda: single_op("CONV_2D", [x, weights(3, 3, 3, 2), Const(np.zeros(3, F32))], **options),
        "groups": lambda: single_op("CONV_2D", [x, weights(4, 3, 3, 1), Const(np.zeros(4, F32))], **options),
        "DEPTHWISE_CONV_2D": lambda: single_op(
            "DEPTHWISE_CONV_2D", [x, weights(1, 3, 3, 4), Const(np.zeros(4, F32))], depth_multiplier=2, **options
        ),
        "CONV_3D": lambda: single_op("CONV_3D", [x, weights(3, 3, 3, 2, 3)], **options),
        "TRANSPOSE_CONV": lambda: single_op(
            "TRANSPOSE_CONV", [Const([2, *sizes, 3], np.int32), weights(3, 3, 3, 2), x], [out()], **options
        ),
        "CONV_3D_TRANSPOSE": lambda: single_op(
            "CONV_3D_TRANSPOSE", [Const([2, *sizes, 3], np.int32), weights(3, 3, 3, 3, 2), x], [out()], **options
        ),
    }[op]()


OPS = ("CONV_2D", "groups", "DEPTHWISE_CONV_2D", "CONV_3D", "TRANSPOSE_CONV", "CONV_3D_TRANSPOSE")


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("op", OPS)
def test_margins_are_left_out(op: str, odd: str) -> None:
    for stride, dilation in [(1, 1), (2, 1), (1, 2)]:
        if dilation > 1 and op.endswith("TRANSPOSE"):
            continue
        case = problem(op, odd, stride, dilation)
        check(case, atol=1e-5)
        check(case, atol=1e-5, experimental_op_resolver_type=OpResolverType.AUTO)


@pytest.mark.parametrize("op", OPS)
def test_filters_that_are_given_at_run_time(op: str) -> None:
    for odd, stride, dilation in [("two", 1, 1), ("nan", 2, 1), ("many", 1, 1 if op.endswith("TRANSPOSE") else 2)]:
        case = problem(op, odd, stride, dilation, Input)
        for tier in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO):
            check(case, atol=1e-5, experimental_op_resolver_type=tier)


@pytest.mark.parametrize("op", OPS[:3])
def test_flavours_that_multiply_the_margin(op: str) -> None:
    """Infinities that are left over the default delegate does not clamp, as the other kernels do."""
    case = problem(op, "two", 1, 1)
    for resolver, flavour in (("opt", "litert-opt"), ("auto", "xnnpack")):
        theirs = oracle.run(case.model, case.inputs, resolver).outputs[0]
        assert np.array_equal(np.isnan(run(case, numerics=flavour)[0]), np.isnan(theirs))


@pytest.mark.parametrize("op", ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_3D"])
def test_taps_that_never_leave_the_margin(op: str) -> None:
    """An image of one row under three rows of weights."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 1, 3, 2, 2) if op == "CONV_3D" else (1 if op[0] == "D" else 2, 3, 3, 2)).astype(F32)
    weights.ravel()[5] = np.inf
    x = Input(rng.normal(size=(2, 1, 3, 3, 2) if op == "CONV_3D" else (2, 1, 3, 2)).astype(F32))
    options: dict[str, Any] = {f"stride_{axis}": 1 for axis in ("dhw" if op == "CONV_3D" else "hw")}
    options |= {"depth_multiplier": 1} if op[0] == "D" else {}
    case = single_op(op, [x, Const(weights), Const(np.zeros(2, F32))], padding="SAME", **options)
    for tier in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO):
        check(case, atol=1e-5, experimental_op_resolver_type=tier)


@pytest.mark.parametrize(("stride", "taps", "size"), [(2, 1, 5), (3, 2, 7), (3, 3, 7), (2, 3, 6)])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_outputs_of_transposed_convolutions_that_no_tap_meets(padding: str, stride: int, taps: int, size: int) -> None:
    """They are the bias, whatever the inputs nearby are."""
    rng = np.random.default_rng(0)
    inputs = -(-size // stride) if padding == "SAME" else (size - taps) // stride + 1
    x = rng.normal(size=(1, inputs, inputs, 2)).astype(F32)
    x[0, 0, 0, 0], x[0, -1, -1, 1] = np.inf, -np.inf
    weights, bias = rng.normal(size=(3, taps, taps, 2)).astype(F32), rng.normal(size=3).astype(F32)
    operands = [Const([1, size, size, 3], np.int32), Const(weights), Input(x), Const(bias)]
    options = {"padding": padding, "stride_h": stride, "stride_w": stride, "fused_activation_function": "RELU"}
    case = single_op("TRANSPOSE_CONV", operands, [out()], version=4, **options)
    for tier in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO):
        check(case, atol=1e-5, experimental_op_resolver_type=tier)


def test_padding_of_its_own_counts() -> None:
    """The zeros of PAD are numbers like others, even where PAD could be made part of the convolution."""
    rng = np.random.default_rng(0)
    for op in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        b = ModelBuilder()
        x = b.input("x", (1, 5, 5, 2), F32)
        padded = b.op("PAD", [x, b.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))])
        weights = rng.normal(size=(3, 3, 3, 2) if op == "CONV_2D" else (1, 3, 3, 2)).astype(F32)
        weights[0, 0, 1, 1] = np.inf
        bias = b.constant(np.zeros(weights.shape[0 if op == "CONV_2D" else 3], F32))
        options: dict[str, Any] = {} if op == "CONV_2D" else {"depth_multiplier": 1}
        b.output(b.op(op, [padded, b.constant(weights), bias], padding="VALID", stride_w=1, stride_h=1, **options))
        case = Problem(b.to_bytes(), [rng.normal(size=(1, 5, 5, 2)).astype(F32)])
        for tier in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO):
            check(case, resolver="ref", atol=1e-5, experimental_op_resolver_type=tier)
