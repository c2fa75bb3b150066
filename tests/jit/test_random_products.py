"""Convolutions and fully connected layers drawn by Hypothesis: what compiled kernels give is what the reference tier
gives, integers and dynamic range bit for bit.

LITEJIT_EXAMPLES is how many are drawn, 60 unless it is set; up to 60, they are the same ones each time.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litejit.schema import TensorType
from litejit.testing import Problem, single_op
from tests.jit.equal import check_compiled
from tests.ops.products import KINDS, operands
from tests.ops.test_fully_connected import FORMATS, connected

USUAL = 60
EXAMPLES = int(os.environ.get("LITEJIT_EXAMPLES", USUAL))
FLOAT_ATOL = 5e-5
"""Sums of normally distributed numbers, added in another order."""

DEPTHWISE_KINDS = [name for name in KINDS if not name.endswith(("int4", "int32"))]

sizes = st.sampled_from([1, 1, 2, 3, 4, 5, 7, 8, 9, 13, 17])
channels = st.sampled_from([1, 2, 3, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 33, 48])
taps = st.sampled_from([1, 1, 2, 3, 3, 4, 5, 7])
activations = st.sampled_from(["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])
pairs = {
    "size": st.tuples(sizes, sizes),
    "kernel": st.tuples(taps, taps),
    "strides": st.tuples(st.integers(1, 5), st.integers(1, 5)),
    "dilations": st.tuples(st.sampled_from([1, 1, 1, 2, 3, 5]), st.sampled_from([1, 1, 1, 2, 4])),
}
common = {
    "seed": st.integers(0, 999),
    "batch": st.integers(1, 3),
    "channels": channels,
    "activation": activations,
    "threads": st.integers(1, 2),
}
convolutions = st.fixed_dictionaries(
    pairs
    | common
    | {
        "op": st.just("CONV_2D"),
        "kind": st.sampled_from(sorted(KINDS)),
        "columns": channels,
        "groups": st.sampled_from([1, 1, 1, 2, 3]),
        "padding": st.sampled_from(["SAME", "VALID"]),
    }
)
depthwise = st.fixed_dictionaries(
    pairs
    | common
    | {
        "op": st.just("DEPTHWISE_CONV_2D"),
        "kind": st.sampled_from(sorted(DEPTHWISE_KINDS)),
        "multiplier": st.sampled_from([1, 1, 1, 2, 3, 8]),
        "padding": st.sampled_from(["SAME", "VALID"]),
    }
)
layers = st.fixed_dictionaries(
    common
    | {
        "op": st.just("FULLY_CONNECTED"),
        "kind": st.sampled_from(sorted(FORMATS)),
        "batch": st.integers(1, 15),
        "channels": st.integers(1, 100),
        "columns": st.integers(1, 100),
        "bias": st.booleans(),
        "constant": st.booleans(),
    }
)


def problem_of(draw: dict[str, Any]) -> tuple[Problem, float]:
    """The model, and how far sums of floats may be off."""
    batch, depth, kind = draw["batch"], draw["channels"], draw["kind"]
    options: dict[str, Any] = {"fused_activation_function": draw["activation"]}
    if draw["op"] == "FULLY_CONNECTED":
        constant = draw["constant"] or FORMATS[kind].weights in (TensorType.INT4, TensorType.INT2)
        shapes = (batch, depth), (draw["columns"], depth)
        values = operands(FORMATS[kind], *shapes, channel_axis=0, seed=draw["seed"], constant=constant)
        # The kernel for an INT16 output asks for a bias.
        bias = draw["bias"] or kind == "uint8-int16"
        return connected(values, options | FORMATS[kind].options, bias), max(values.atol, FLOAT_ATOL)
    extents = [(tap - 1) * by + 1 for tap, by in zip(draw["kernel"], draw["dilations"], strict=True)]
    height, width = draw["size"]
    if draw["padding"] == "VALID":
        height, width = max(height, extents[0]), max(width, extents[1])
    options |= {"padding": draw["padding"]}
    options |= {f"stride_{axis}": stride for axis, stride in zip("hw", draw["strides"], strict=True)}
    options |= {f"dilation_{axis}_factor": by for axis, by in zip("hw", draw["dilations"], strict=True)}
    groups = draw.get("groups", 1)
    if draw["op"] == "CONV_2D":
        shape: tuple[int, ...] = (draw["columns"] * groups, *draw["kernel"], depth)
        options |= KINDS[kind].options
    else:
        options["depth_multiplier"] = draw["multiplier"]
        shape = (1, *draw["kernel"], depth * draw["multiplier"])
    axis = 0 if draw["op"] == "CONV_2D" else 3
    image = (batch, height, width, depth * groups)
    values = operands(KINDS[kind], image, shape, channel_axis=axis, seed=draw["seed"])
    given = [values.input, values.weights, values.bias]
    return single_op(draw["op"], given, outputs=values.outputs, **options), max(values.atol, FLOAT_ATOL)


def is_served(draw: dict[str, Any]) -> bool:
    """Whether there is compiled code for sure.

    Weights of run time are floats or INT8, sums of INT16 must not wrap; depthwise ones must fit 32 bits when rescaled.
    """
    if draw["op"] == "FULLY_CONNECTED":
        weights = FORMATS[draw["kind"]].weights
        return draw["constant"] or weights in (TensorType.FLOAT32, TensorType.INT8)
    return not draw["kind"].startswith("int16" if draw["op"] == "DEPTHWISE_CONV_2D" else "int16-int32")


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=EXAMPLES <= USUAL,
    suppress_health_check=list(HealthCheck),
)
@given(st.one_of(convolutions, depthwise, layers))
def test_random_problems(draw: dict[str, Any]) -> None:
    problem, atol = problem_of(draw)
    check_compiled(problem, "" if is_served(draw) else None, atol=atol, threads=draw["threads"])
