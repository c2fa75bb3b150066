"""`explain`: every element can be computed again from its explanation alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litejit import Interpreter, InvalidInputError, ModelBuilder, UnsupportedError
from litejit.crosscheck.explain import Explainer, explain
from litejit.crosscheck.explain.registry import EXPLAINERS
from litejit.interpreter import OpResolverType
from litejit.kernels.registry import builtin_kernels
from litejit.schema import BuiltinOperator, read_model
from litejit.testing import Problem
from tests.crosscheck.problems_of_elements import PROBLEMS as ELEMENTS
from tests.crosscheck.problems_of_products import PROBLEMS as PRODUCTS
from tests.crosscheck.test_compare import loop
from tests.paths import ROOT

PROBLEMS = ELEMENTS | PRODUCTS
COUNT = 1000
FLAVOURS = ("litert-opt", "xnnpack", "tflm", "single-rounding")


def computed(problem: Problem, **keywords: Any) -> tuple[Interpreter, int]:
    interpreter = Interpreter(
        model_content=problem.model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, **keywords
    )
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), problem.inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter, interpreter.get_output_details()[0]["index"]


def assert_explained(explainer: Explainer, count: int) -> None:
    result = explainer.case.result
    is_real = result.dtype.kind not in "iub"
    largest = float(np.abs(result).max()) if is_real else 0.0
    bound = largest * (2e-6 if result.dtype.itemsize > 2 else 2.0**-8)
    for flat in np.random.default_rng(1).integers(0, result.size, count):
        explanation = explainer(int(flat))
        value = explanation.recompute()
        assert explanation.result == result.ravel()[flat]
        assert (explanation.exact is not None) == is_real
        if explanation.exact is None:
            assert value == explanation.result, explanation.text()
        else:
            assert value == pytest.approx(explanation.exact, rel=1e-12, abs=1e-300)
            assert abs(value - explanation.result) <= bound, explanation.text()


@pytest.mark.parametrize("case", PROBLEMS)
def test_recomputed(case: str) -> None:
    assert_explained(Explainer(*computed(PROBLEMS[case])), COUNT)


@pytest.mark.parametrize("case", PROBLEMS)
def test_recomputed_in_other_flavours(case: str) -> None:
    """Every flavour that computes the problem is explained; the others were refused by name when it was prepared."""
    for numerics in FLAVOURS:
        try:
            interpreter, tensor = computed(PROBLEMS[case], numerics=numerics)
        except UnsupportedError as error:
            assert f"'{numerics}'" in str(error)  # noqa: PT017
            continue
        assert_explained(Explainer(interpreter, tensor), 60)


def test_every_explainer_has_problems() -> None:
    """Of each operator, for all of its types."""
    types: dict[str, set[Any]] = {}
    for problem in PROBLEMS.values():
        model = read_model(problem.model)
        graph = model.subgraphs[0]
        (operator,) = graph.operators
        name = BuiltinOperator(model.operator_codes[operator.opcode_index].builtin_code).name
        types.setdefault(name, set()).update(graph.tensors[int(at)].type for at in operator.inputs[:1])
        if name == "TRANSPOSE_CONV":  # the first operand is a shape
            types[name].update(graph.tensors[int(at)].type for at in operator.inputs[2:3])
    for op, factory in builtin_kernels().items():
        if factory in EXPLAINERS:
            assert types[op.name] >= set(factory.types), op.name


def test_text_shows_every_number() -> None:
    interpreter, tensor = computed(PROBLEMS["CONV_2D int8"])
    explanation = explain(interpreter, tensor, (1, 2, 3, 4))
    text = explanation.text(taps=1000)
    for part in ("taps", "add bias", "rescale", "mantissa", "exponent", "add zero point", "clamp", "result ="):
        assert part in text
    assert all(str(tap.product) in text for term in explanation.terms for tap in term.taps)
    assert [step.do for step in explanation.steps] == ["add_bias", "rescale", "add_zero_point", "clamp"]
    assert explanation.to_dict()["steps"][1]["parameters"]["rounding"] == "double"
    assert "exact (float64)" in explain(*computed(PROBLEMS["CONV_2D float32"]), 5).text()


def two_outputs() -> bytes:
    b = ModelBuilder()
    x = b.input("x", (2, 3))
    b.output(
        b.op("ABS", [x], [{"name": "abs", "shape": (2, 3)}]), b.op("ADD", [x, x], [{"name": "sum", "shape": (2, 3)}])
    )
    return b.to_bytes()


ERRORS = {
    "no such tensor": ("nothing", 0, InvalidInputError, "the model has no tensor 'nothing'"),
    "no such place": ((1, 0), 0, InvalidInputError, "the model has no tensor (1, 0)"),
    "no such place in words": ("0:99", 0, InvalidInputError, "the model has no tensor '0:99'"),
    "an input": ("x", 0, InvalidInputError, "is not the result of an operator"),
    "no explanation": ("abs", 0, UnsupportedError, "no explanation of this operator"),
    "index": ("sum", (0, 3), InvalidInputError, "index (0, 3) is not in a tensor of shape [2, 3]"),
    "rank": ("sum", (0,), InvalidInputError, "is not in a tensor of shape"),
    "flat index": ("sum", 6, InvalidInputError, "index 6 is not in"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    tensor, index, kind, message = ERRORS[case]
    interpreter, _ = computed(Problem(two_outputs(), [np.ones((2, 3), np.float32)]))
    with pytest.raises(kind) as caught:
        explain(interpreter, tensor, index)
    assert message in str(caught.value)


NESTED = ("plus one", (2, 2), "2:2")
"""A result inside of a WHILE by its name, its place, and its place as text."""


@pytest.mark.parametrize("tensor", NESTED, ids=str)
def test_in_a_subgraph(tensor: Any) -> None:
    interpreter, _ = computed(Problem(loop(), [np.float32([0.5])]))
    explanation = explain(interpreter, tensor, 0)
    assert explanation.where == "subgraph 2, operator 0 (ADD)"
    assert [term.total for term in explanation.terms] == [2.5, 1]  # the last time around
    assert explanation.recompute() == explanation.result == 3.5


def test_in_a_subgraph_that_did_not_run() -> None:
    interpreter, _ = computed(Problem(loop(), [np.float32([7])]))
    with pytest.raises(InvalidInputError, match="its subgraph did not run"):
        explain(interpreter, "plus one", 0)


@pytest.mark.parametrize("numerics", [{1: "xnnpack"}, {"DEPTHWISE_CONV_2D": "xnnpack"}], ids=str)
def test_flavour_of_one_operator(numerics: dict[Any, str]) -> None:
    path = ROOT / "interpreter" / "models" / "digits_int8.tflite"
    roundings = []
    for chosen in (numerics, {}):
        interpreter = Interpreter(path, numerics={"default": "litert-ref", **chosen})
        interpreter.allocate_tensors()
        interpreter.invoke()
        output = interpreter._session.plans[0].graph.operations[1].outputs[0]
        (rescale,) = (step for step in explain(interpreter, output, 0).steps if step.do == "rescale")
        roundings.append(rescale.parameters["rounding"])
    assert roundings == ["float32", "double"]


def test_second_outputs_are_refused() -> None:
    interpreter, _ = computed(PROBLEMS["FULLY_CONNECTED shuffled"])
    with pytest.raises(UnsupportedError, match="only its first output is explained"):
        explain(interpreter, interpreter.get_output_details()[1]["index"], 0)


def test_before_invoke() -> None:
    reference = OpResolverType.BUILTIN_REF
    interpreter = Interpreter(model_content=two_outputs(), experimental_op_resolver_type=reference)
    interpreter.allocate_tensors()
    with pytest.raises(InvalidInputError, match="holds no data before invoke"):
        explain(interpreter, "sum", 0)
