"""RELU and its kin, folded into what comes before: where they are, where they are not, and that no bit changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder
from litejit.interpreter import OpResolverType
from tests.jit.equal import native_calls

IMAGE = np.random.default_rng(0).normal(0, 2, (1, 6, 6, 5)).astype(np.float32)
IMAGE[0, 0, 0, :3] = np.nan, -0.0, 3e38


def producer(b: ModelBuilder, name: str, x: Any, activation: str) -> Any:
    rng = np.random.default_rng(1)
    options: dict[str, Any] = {"fused_activation_function": activation}
    if name in ("ADD", "SUB", "MUL"):
        return b.op(name, [x, b.constant(rng.normal(0, 1, 5).astype(np.float32))], **options)
    if name == "FULLY_CONNECTED":
        operands = [x, *(b.constant(rng.normal(0, 1, shape).astype(np.float32)) for shape in ((5, 5), (5,)))]
        return b.op(name, operands, keep_num_dims=True, **options)
    options |= {"stride_h": 1, "stride_w": 1, "padding": "SAME"}
    if name.endswith("POOL_2D"):
        return b.op(name, [x], filter_height=2, filter_width=2, **options)
    shape = (1, 3, 3, 5) if name.startswith("DEPTHWISE") else (5, 3, 3, 5)
    operands = [x, *(b.constant(rng.normal(0, 1, size).astype(np.float32)) for size in (shape, (5,)))]
    return b.op(name, operands, **options)


def model(name: str, clamp: str, activation: str = "NONE", outputs: int = 1) -> bytes:
    b = ModelBuilder()
    x = b.input("x", IMAGE.shape, np.float32)
    y = producer(b, name, x, activation)
    z = b.op(clamp, [y])
    b.output(*([y, z] if outputs == 2 else [z]))
    return b.to_bytes()


def results(content: bytes, **keywords: Any) -> tuple[list[np.ndarray], list[str]]:
    interpreter = Interpreter(model_content=content, **keywords)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], IMAGE)
    interpreter.invoke()
    values = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
    return values, native_calls(interpreter)


def check(content: bytes, folded: bool) -> None:
    """The bits are those of the two operators one after the other, and of the reference tier in kind."""
    values, calls = results(content)
    apart, all_calls = results(content, experimental_preserve_all_tensors=True)
    assert len(calls) == len(all_calls) - folded
    for ours, theirs in zip(values, apart, strict=True):
        assert ours.tobytes() == theirs.tobytes()
    expected, _ = results(content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    for ours, theirs in zip(values, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=2e-6)


PRODUCERS = [
    "ADD", "SUB", "MUL", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D", "AVERAGE_POOL_2D",
]  # fmt: skip


@pytest.mark.parametrize("clamp", ["RELU", "RELU6", "RELU_N1_TO_1"])
@pytest.mark.parametrize("name", PRODUCERS)
def test_clamps_are_folded(name: str, clamp: str) -> None:
    check(model(name, clamp), folded=True)


def test_the_narrower_of_two_clamps_counts() -> None:
    check(model("ADD", "RELU_N1_TO_1", "RELU"), folded=True)
    check(model("ADD", "RELU", "RELU6"), folded=True)


def test_what_is_read_by_others_stays() -> None:
    check(model("CONV_2D", "RELU", outputs=2), folded=False)


def test_what_was_clamped_can_still_be_read() -> None:
    values = []
    for resolver in (OpResolverType.AUTO, OpResolverType.BUILTIN_REF):
        interpreter = Interpreter(model_content=model("ADD", "RELU"), experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], IMAGE)
        interpreter.invoke()
        values.append(interpreter.get_tensor(int(interpreter._get_ops_details()[0]["outputs"][0])))
    np.testing.assert_array_equal(*values)
