"""Operators on single elements that are done at once: which are, which are not, and that no output changes by a bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, ModelBuilder
from litejit.testing import Problem
from tests.jit.equal import check_compiled, native_calls

SCALES = {"x": (0.05, 7), "gate": (1 / 256, -128), "y": (0.04, -40)}
IMAGE = np.arange(-128, 128).astype(np.int8).reshape(1, 4, 8, 8)


def quantized(name: str) -> dict[str, Any]:
    scale, zero_point = SCALES[name]
    return {"dtype": np.int8, "scale": scale, "zero_point": zero_point}


def calls(problem: Problem, **keywords: Any) -> list[str]:
    interpreter = Interpreter(model_content=problem.model, **keywords)
    interpreter.allocate_tensors()
    return native_calls(interpreter)


def gated(swap: bool = False, gate_is_output: bool = False, gate_shape: tuple[int, ...] = (1, 4, 8, 8)) -> Problem:
    """x * logistic(x), or * logistic of another x."""
    b = ModelBuilder()
    x = b.input("x", IMAGE.shape, **quantized("x"))
    other = x if gate_shape == IMAGE.shape else b.input("other", gate_shape, **quantized("x"))
    gate = b.op("LOGISTIC", [other], outputs=[quantized("gate")])
    y = b.op("MUL", [gate, x] if swap else [x, gate], outputs=[quantized("y")])
    b.output(*([gate, y] if gate_is_output else [y]))
    inputs = [IMAGE] if other is x else [IMAGE, IMAGE.reshape(-1)[: int(np.prod(gate_shape))].reshape(gate_shape)]
    return Problem(b.to_bytes(), inputs)


@pytest.mark.parametrize("swap", [False, True])
def test_two_8_bit_operators_are_one_table(swap: bool) -> None:
    problem = gated(swap)
    assert calls(problem) == ["tables.bytes"]
    check_compiled(problem, "tables.bytes")


def test_a_tensor_that_others_read_is_computed() -> None:
    problem = gated(gate_is_output=True)
    assert calls(problem) == ["tables.bytes"] * 2
    check_compiled(problem, "tables.bytes")


def test_another_tensor_is_left() -> None:
    problem = gated(gate_shape=(1, 1, 1, 8))
    assert calls(problem) == ["tables.bytes", "quantized.product"]
    check_compiled(problem)


def test_nothing_is_rewritten_where_all_tensors_are_kept() -> None:
    assert len(calls(gated(), experimental_preserve_all_tensors=True)) == 2


def test_floats_between_two_quantizations_are_in_the_table() -> None:
    b = ModelBuilder()
    x = b.input("x", IMAGE.shape, **quantized("x"))
    real = b.op("DEQUANTIZE", [x], outputs=[{"dtype": np.float32}])
    shifted = b.op("ADD", [real, b.constant(np.array(3, np.float32))])
    gate = b.op("RELU6", [shifted])
    product = b.op("MUL", [real, gate])
    y = b.op("MUL", [product, b.constant(np.array([1 / 6], np.float32))])
    b.output(b.op("QUANTIZE", [y], outputs=[quantized("y")]))
    problem = Problem(b.to_bytes(), [IMAGE])
    assert calls(problem) == ["tables.bytes"]
    check_compiled(problem, "tables.bytes")


def test_operators_of_two_tensors_are_left() -> None:
    b = ModelBuilder()
    x, other = (b.input(name, IMAGE.shape, **quantized("x")) for name in ("x", "other"))
    total = b.op("ADD", [x, other], outputs=[quantized("y")])
    b.output(b.op("MUL", [total, b.op("LOGISTIC", [x], outputs=[quantized("gate")])], outputs=[quantized("y")]))
    problem = Problem(b.to_bytes(), [IMAGE, IMAGE[:, ::-1].copy()])
    assert len(calls(problem)) == 3
    check_compiled(problem)


def swish(activation: str = "NONE", gate_is_output: bool = False) -> Problem:
    b = ModelBuilder()
    x = b.input("x", (3, 37), np.float32)
    gate = b.op("LOGISTIC", [x])
    y = b.op("MUL", [x, gate], fused_activation_function=activation)
    b.output(*([gate, y] if gate_is_output else [y]))
    values = np.random.default_rng(0).normal(0, 8, (3, 37)).astype(np.float32)
    values[0, :6] = np.inf, -np.inf, np.nan, -0.0, 1e-40, -104
    return Problem(b.to_bytes(), [values])


def test_swish_is_one_pass() -> None:
    problem = swish()
    assert calls(problem) == ["pointwise.swish"]
    check_compiled(problem, "pointwise.swish", ulp=4)


def test_swish_keeps_a_gate_that_is_read() -> None:
    problem = swish(gate_is_output=True)
    assert calls(problem) == ["pointwise.logistic_f32", "pointwise.swish"]
    check_compiled(problem, ulp=4)


def test_an_activation_is_left() -> None:
    problem = swish("RELU")
    assert calls(problem) == ["pointwise.logistic_f32", "arithmetic.mul_f32"]
    check_compiled(problem, ulp=4)


def summed_squares(op: str, shape: tuple[int, ...], axes: list[int], **options: Any) -> Problem:
    """A sum of x * x; x has some numbers that are not finite, and one that is none."""
    rng = np.random.default_rng(len(shape) + shape[-1])
    values = rng.normal(0, 1, shape).astype(np.float32)
    values.ravel()[:: shape[-1] * 2 + 1] = np.inf
    values.flat[-1] = np.nan
    b = ModelBuilder()
    x = b.input("x", shape, np.float32)
    square = b.op("MUL", [x, x], **options)
    b.output(b.op(op, [square, b.constant(np.array(axes, np.int32))], keep_dims=True))
    return Problem(b.to_bytes(), [values])


@pytest.mark.parametrize("op", ["SUM", "MEAN"])
@pytest.mark.parametrize("width", [1, 7, 8, 31, 32, 33, 100, 2048])
def test_sums_of_squares_are_computed_at_once(op: str, width: int) -> None:
    problem = summed_squares(op, (3, 5, width), [2])
    assert calls(problem) == ["reduction.sum_rows_of_squares_f32"]
    results = []
    for keywords in ({}, {"num_threads": 2}, {"experimental_preserve_all_tensors": True}):
        interpreter = Interpreter(model_content=problem.model, **keywords)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], problem.inputs[0])
        interpreter.invoke()
        results.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    assert len(native_calls(interpreter)) == 2
    for result in results[:2]:
        np.testing.assert_array_equal(result.view(np.int32), results[2].view(np.int32))


def test_other_sums_are_left() -> None:
    assert len(calls(summed_squares("SUM", (3, 5, 40), [1]))) == 2
    assert len(calls(summed_squares("SUM", (3, 5, 40), [2], fused_activation_function="RELU"))) == 2
