"""Rewrites of plans: what they take out, what they must leave, and that no output changes by a bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder
from litejit.interpreter import OpResolverType
from litejit.testing import Problem, run
from tests.jit.equal import check_compiled


def padded_convolution(
    dtype: Any, depthwise: bool, pads: Any, value: float | None = None, padding: str = "VALID", outputs: int = 1
) -> Problem:
    """PAD, then a 3 x 3 convolution with stride 2; outputs 2: the padded image is an output, too."""
    rng = np.random.default_rng(0)
    b = ModelBuilder()
    quantized = dtype == np.int8
    fields: dict[str, Any] = {"scale": 0.1, "zero_point": 5} if quantized else {}
    image = rng.integers(-128, 128, (2, 9, 8, 6)).astype(dtype)
    x = b.input("x", image.shape, dtype, **fields)
    operands = [x, b.constant(np.array(pads, np.int32))]
    if value is not None:
        operands.append(b.constant(np.array([value], dtype), **fields))
    y = b.op("PAD" if value is None else "PADV2", operands, outputs=[{"dtype": dtype, **fields}])
    shape = (1, 3, 3, 6) if depthwise else (10, 3, 3, 6)
    columns = shape[3] if depthwise else shape[0]
    if quantized:
        weights = b.constant(rng.integers(-127, 128, shape).astype(np.int8), scale=0.01, zero_point=0)
        bias = b.constant(rng.integers(-999, 999, columns).astype(np.int32), scale=0.001, zero_point=0)
        declared = [{"dtype": np.int8, "scale": 2.0, "zero_point": -3}]
    else:
        weights = b.constant(rng.uniform(-1, 1, shape).astype(np.float32))
        bias, declared = b.constant(rng.uniform(-1, 1, columns).astype(np.float32)), None
    options: dict[str, Any] = {"stride_h": 2, "stride_w": 2, "padding": padding}
    if depthwise:
        options["depth_multiplier"] = 1
    z = b.op("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", [y, weights, bias], outputs=declared, **options)
    b.output(*([y, z] if outputs == 2 else [z]))
    return Problem(b.to_bytes(), [image])


def steps(problem: Problem, **keywords: Any) -> int:
    """How many operators have something to do."""
    interpreter = Interpreter(model_content=problem.model, **keywords)
    interpreter.allocate_tensors()
    native = interpreter._session.plans[0].native
    assert native is not None
    return sum(task.result is None or len(task.calls) > 0 for task in native.tasks)


PADS = [[[0, 0], [0, 1], [0, 1], [0, 0]], [[0, 0], [1, 0], [2, 3], [0, 0]], [[0, 0], [4, 4], [0, 0], [0, 0]]]


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
@pytest.mark.parametrize("pads", PADS, ids=str)
@pytest.mark.parametrize("depthwise", [False, True], ids=["conv", "depthwise"])
@pytest.mark.parametrize("dtype", [np.float32, np.int8])
def test_padding_is_folded(dtype: Any, depthwise: bool, pads: Any, padding: str) -> None:
    problem = padded_convolution(dtype, depthwise, pads, padding=padding)
    assert steps(problem) == 1
    check_compiled(problem, atol=2e-2 if dtype == np.float32 else 0)  # sums of numbers up to 128


def test_padding_value_that_means_nothing_is_folded() -> None:
    for dtype, value in ((np.float32, 0.0), (np.int8, 5)):
        problem = padded_convolution(dtype, False, PADS[0], value)
        assert steps(problem) == 1
        check_compiled(problem, atol=2e-2 if dtype == np.float32 else 0)


@pytest.mark.parametrize(
    ("fixed", "keywords"),
    [
        ({"value": 4}, {}),
        ({"pads": [[0, 0], [0, 0], [0, 0], [0, 2]]}, {}),
        ({"pads": [[1, 0], [0, 0], [0, 0], [0, 0]]}, {}),
        ({"outputs": 2}, {}),
        ({}, {"experimental_preserve_all_tensors": True}),
    ],
    ids=["another value", "channels", "batch", "output of the graph", "all tensors are kept"],
)
def test_padding_is_left(fixed: dict[str, Any], keywords: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"pads": PADS[1], **fixed}
    if "pads" in fixed and fixed["pads"][3][1]:
        return check_channels(fixed["pads"])
    problem = padded_convolution(np.int8, False, **arguments)
    assert steps(problem, **keywords) == 2
    check_compiled(problem)


def check_channels(pads: Any) -> None:
    """Padded channels: the filter has to have them, too."""
    b = ModelBuilder()
    x = b.input("x", (1, 5, 5, 4), np.float32)
    y = b.op("PAD", [x, b.constant(np.array(pads, np.int32))])
    weights = b.constant(np.ones((3, 3, 3, 6), np.float32))
    z = b.op("CONV_2D", [y, weights, b.constant(np.zeros(3, np.float32))], stride_h=1, stride_w=1, padding="VALID")
    b.output(z)
    problem = Problem(b.to_bytes(), [np.ones((1, 5, 5, 4), np.float32)])
    assert steps(problem) == 2
    check_compiled(problem, atol=1e-4)


@pytest.mark.parametrize("batch", [0, 2])
@pytest.mark.parametrize("depthwise", [False, True], ids=["conv", "depthwise"])
def test_padding_is_left_to_the_reference_tier_with_its_convolution(depthwise: bool, batch: int) -> None:
    """It runs those of a bias that is computed, and those of no images."""
    b = ModelBuilder()
    x, bias = b.input("x", (batch, 4, 4, 2)), b.input("bias", (2,))
    y = b.op("PAD", [x, b.constant(np.array(PADS[1], np.int32))])
    weights = b.constant(np.ones((1 if depthwise else 2, 3, 3, 2), np.float32))
    options: dict[str, Any] = {"stride_h": 1, "stride_w": 1, "padding": "VALID"}
    if depthwise:
        options["depth_multiplier"] = 1
    b.output(b.op("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", [y, weights, bias], **options))
    images = np.arange(batch * 32, dtype=np.float32).reshape(batch, 4, 4, 2)
    problem = Problem(b.to_bytes(), [images, np.array([1, 2], np.float32)])
    expected = run(problem, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    np.testing.assert_array_equal(run(problem, experimental_op_resolver_type=OpResolverType.AUTO), expected)


def test_the_padded_image_can_still_be_read() -> None:
    problem = padded_convolution(np.int8, False, PADS[1])
    values = []
    for resolver in (OpResolverType.AUTO, OpResolverType.BUILTIN_REF):
        interpreter = Interpreter(model_content=problem.model, experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], problem.inputs[0])
        interpreter.invoke()
        values.append(interpreter.get_tensor(int(interpreter._get_ops_details()[0]["outputs"][0])))
    np.testing.assert_array_equal(*values)


def test_strings_keep_their_shape_operators() -> None:
    b = ModelBuilder()
    words = np.array([[b"one", b"two", b"three"]], object)
    x = b.input("words", (1, 3), words.dtype)
    y = b.op("RESHAPE", [x, b.constant(np.array([3], np.int32))])
    z = b.op("GATHER", [y, b.constant(np.array([2, 0], np.int32))])
    b.output(z)
    check_compiled(Problem(b.to_bytes(), [words]))
