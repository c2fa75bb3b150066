"""Choosing a numerics flavour for a model, for some of its operators, and for one run of one operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, InvalidInputError, ModelBuilder, UnsupportedError

SCALES = (0.5, 0.0625, 1.0)
X, Y = (np.random.default_rng(seed).integers(-128, 128, 4099).astype(np.int8) for seed in (0, 1))


def two_products() -> bytes:
    """(x * y) * y: products with many ties, which xnnpack rounds to even."""
    b = ModelBuilder()
    x, y = (b.input(name, X.shape, np.int8, scale=s) for name, s in zip("xy", SCALES, strict=False))
    first = b.op("MUL", [x, y], [{"dtype": np.int8, "scale": SCALES[2], "name": "first"}])
    b.output(b.op("MUL", [first, y], [{"dtype": np.int8, "scale": 2.0, "name": "second"}]))
    return b.to_bytes()


def products(numerics: Any) -> tuple[np.ndarray, np.ndarray]:
    interpreter = Interpreter(model_content=two_products(), numerics=numerics)
    interpreter(x=X, y=Y)
    return interpreter.get_tensor(2), interpreter.get_tensor(3)


def test_by_place() -> None:
    (ref_first, _), (xnn_first, _) = products("litert-ref"), products("xnnpack")
    assert not np.array_equal(ref_first, xnn_first)
    for numerics in ({0: "xnnpack"}, {(0, 0): "xnnpack", "MUL": "litert-ref"}, {"default": "xnnpack", 1: "litert-ref"}):
        first, second = products(numerics)
        assert np.array_equal(first, xnn_first)
        operands = xnn_first, Y
        reference = Interpreter(model_content=two_products())
        reference.allocate_tensors()
        assert np.array_equal(second, reference.run_operator(1, operands)[0])
    assert np.array_equal(products({"MUL": "xnnpack"})[0], xnn_first)
    assert np.array_equal(products({"default": "litert-ref"})[0], ref_first)


@pytest.mark.parametrize(
    ("numerics", "fragment"),
    [
        ("exact", "numerics is 'exact', expected one of litert-opt"),
        ({"MUL": "exact"}, "numerics is 'exact'"),
        ({"default": None}, "numerics is None"),
        ({"SUB": "xnnpack"}, r"numerics\['SUB'\]: the model has no such operator"),
        ({2: "xnnpack"}, r"numerics\[\(0, 2\)\]: the model has no such operator"),
        ({1.5: "xnnpack"}, "1.5 is no operator name"),
    ],
)
def test_places_and_names_are_checked(numerics: Any, fragment: str) -> None:
    with pytest.raises(InvalidInputError, match=fragment):
        Interpreter(model_content=two_products(), numerics=numerics)


def test_one_operator_under_each_flavour() -> None:
    interpreter = Interpreter(model_content=two_products())
    interpreter(x=X, y=Y)
    before = interpreter.get_tensor(2)
    wanted = products("xnnpack")[0]
    matching = [
        flavour
        for flavour in ("litert-ref", "litert-opt", "xnnpack", "tflm", "single-rounding")
        if np.array_equal(interpreter.run_operator(0, [X, Y], numerics=flavour)[0], wanted)
    ]
    assert matching == ["xnnpack"]
    assert np.array_equal(interpreter.run_operator(0)[0], before)
    assert np.array_equal(interpreter.get_tensor(2), before)
    assert interpreter.run_operator(0, [X[:7], Y[:7]])[0].shape == (7,)


def test_constant_operands_may_be_others() -> None:
    b = ModelBuilder()
    x = b.input("x", (2, 3), np.float32)
    b.output(b.op("FULLY_CONNECTED", [x, b.constant(np.ones((1, 3), np.float32)), None]))
    interpreter = Interpreter(model_content=b.to_bytes())
    interpreter.allocate_tensors()
    operands = [np.ones((2, 3), np.float32), np.full((1, 3), 5, np.float32), None]
    assert interpreter.run_operator(0, operands)[0].tolist() == [[15.0], [15.0]]


def test_what_one_operator_refuses() -> None:
    interpreter = Interpreter(model_content=two_products())
    with pytest.raises(InvalidInputError, match="has no data"):
        interpreter.run_operator(0)
    interpreter.allocate_tensors()
    for operands, fragment in (
        ([X], "there are 1 operands, expected 2"),
        ([X, None], "operand 1 .* has no data"),
        ([X, Y.astype(np.int16)], "is int16, expected int8"),
    ):
        with pytest.raises(InvalidInputError, match=fragment):
            interpreter.run_operator(0, operands)
    with pytest.raises(InvalidInputError, match="op_index is 2, the subgraph has 2"):
        interpreter.run_operator(2)
    with pytest.raises(InvalidInputError, match="numerics is 'exact'"):
        interpreter.run_operator(0, numerics="exact")


def test_flavours_that_are_not_established_are_refused_by_name() -> None:
    b = ModelBuilder()
    x = b.input("x", (3,), np.uint8, scale=0.1, zero_point=3)
    b.output(b.op("MUL", [x, x], [{"dtype": np.uint8, "scale": 0.2, "zero_point": 3}]))
    interpreter = Interpreter(model_content=b.to_bytes())
    interpreter.allocate_tensors()
    with pytest.raises(UnsupportedError, match="numerics 'tflm' is not established for"):
        interpreter.run_operator(0, numerics="tflm")
