"""One way to check operators: build a small model, run it here and in the official runtime, compare every output.

check(single_op("ABS", [Input(x)]))                                    # float, exact
check(single_op("ADD", [Input(a, scale=.1), Input(b, scale=.2)], outputs=[out(np.int8, scale=.3)]))
refused(single_op("SPACE_TO_DEPTH", [Input(x)], block_size=0), "block_size must be at least 1")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litejit.crosscheck.official import official
from litejit.interpreter import Interpreter, OpResolverType
from litejit.kernels.float_bounds import EXACT, Bound, float_bound
from litejit.schema import ModelBuilder
from litejit.schema.errors import LitejitError

__all__ = [
    "Const",
    "Input",
    "Problem",
    "Variable",
    "assert_same",
    "assert_within",
    "check",
    "out",
    "refused",
    "run",
    "single_op",
]


@dataclass
class Input:
    """A graph input of a single-operator model: its value, and keywords of ModelBuilder.input (scale=…)."""

    value: Any
    keywords: dict[str, Any] = field(default_factory=dict)

    def __init__(self, value: Any, dtype: Any = None, **keywords: Any) -> None:
        self.value = np.asarray(value, dtype)
        self.keywords = keywords


class Const(Input):
    """A constant operand; keywords of ModelBuilder.constant (scale=, zero_point=, quantized_dimension=, type=…)."""


@dataclass
class Variable:
    """A variable tensor operand."""

    shape: tuple[int, ...]
    dtype: Any = np.float32
    keywords: dict[str, Any] = field(default_factory=dict)


@dataclass
class Problem:
    """A model and the arrays to run it on."""

    model: bytes
    inputs: list[np.ndarray]
    label: str = ""


def out(dtype: Any = np.float32, **keywords: Any) -> dict[str, Any]:
    """The declaration of an output: dtype and quantization (its shape is inferred)."""
    return {"dtype": dtype, **keywords}


def single_op(name: str, operands: Sequence[Any], outputs: Sequence[Any] | None = None, **keywords: Any) -> Problem:
    """A model of one operator. operands: Input, Const, Variable or None (left out); keywords: see ModelBuilder.op."""
    b = ModelBuilder()
    handles: list[Any] = []
    arrays = []
    for operand in operands:
        if operand is None:
            handles.append(None)
        elif isinstance(operand, Const):
            handles.append(b.constant(operand.value, **operand.keywords))
        elif isinstance(operand, Variable):
            handles.append(b.variable(operand.shape, operand.dtype, **operand.keywords))
        else:
            handles.append(b.input(None, operand.value.shape, operand.value.dtype, **operand.keywords))
            arrays.append(operand.value)
    result = b.op(name, handles, outputs=outputs, **keywords)
    b.output(*(result if isinstance(result, tuple) else (result,)))
    return Problem(b.to_bytes(), arrays, name)


def run(problem: Problem, *, invokes: int = 1, **keywords: Any) -> list[np.ndarray]:
    """litejit's outputs."""
    keywords.setdefault("experimental_op_resolver_type", OpResolverType.BUILTIN_REF)
    interpreter = Interpreter(model_content=problem.model, **keywords)
    for detail, value in zip(interpreter.get_input_details(), problem.inputs, strict=True):
        if tuple(detail["shape"]) != value.shape:
            interpreter.resize_tensor_input(detail["index"], value.shape)
    interpreter.allocate_tensors()
    for _ in range(invokes):
        for detail, value in zip(interpreter.get_input_details(), problem.inputs, strict=True):
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def check(
    problem: Problem,
    *,
    ulp: int | None = None,
    atol: float | None = None,
    resolver: str | None = None,
    invokes: int = 1,
    **keywords: Any,
) -> list[np.ndarray]:
    """Asserts that litejit's outputs are the official runtime's: dtypes and shapes, integers equal, floats about.

    Floats are within the bound of the problem's operator (`litejit.kernels.float_bounds`), whatever else is asked for;
    the default delegate's ("auto") have no such bound. ulp, atol: see `assert_same`.
    resolver: which official kernels ("ref", "opt", "auto"); by default ref, and opt where ref refuses.
    """
    if resolver is None:
        answer = official.truth(problem.model, problem.inputs, invokes=invokes)
    else:
        answer = official.run(problem.model, problem.inputs, resolver, invokes=invokes)
    assert answer.error is None, f"the official runtime refuses this case: {answer.error}"
    outputs = run(problem, invokes=invokes, **keywords)
    assert len(outputs) == len(answer.outputs)
    asked_for = [] if ulp is None and atol is None else [Bound(ulp or 0, atol or 0.0)]
    named = problem.label and resolver != "auto"
    for bound in [*asked_for, *([float_bound(problem.label)] if named or not asked_for else [])]:
        for ours, theirs in zip(outputs, answer.outputs, strict=True):
            assert_within(ours, theirs, bound)
    return outputs


def assert_same(
    ours: np.ndarray, theirs: np.ndarray, *, ulp: int = 0, atol: float = 0.0, peer: str = "the official runtime"
) -> None:
    """Equal dtype and shape; equal values, or floats within ulp units in the last place (or atol); NaN equals NaN.

    atol: for sums that nearly cancel, where ULPs of the result say nothing. peer: who computed theirs, for the
    messages.
    """
    assert_within(ours, theirs, Bound(ulp, atol), peer=peer)


def assert_within(
    ours: np.ndarray, theirs: np.ndarray, bound: Bound = EXACT, *, peer: str = "the official runtime"
) -> None:
    """Equal dtype and shape; equal values, or floats within the bound; NaN equals NaN."""
    assert ours.shape == theirs.shape, f"shape {ours.shape}, {peer} has {theirs.shape}"
    if theirs.dtype.kind in "OS":
        assert [bytes(v) for v in ours.ravel()] == [bytes(v) for v in theirs.ravel()], f"{peer} has other strings"
        return
    assert ours.dtype == theirs.dtype, f"dtype {ours.dtype}, {peer} has {theirs.dtype}"
    if theirs.dtype.kind in "iub":
        different = np.flatnonzero(ours.ravel() != theirs.ravel())
        at = different[:5]
        assert different.size == 0, (
            f"{different.size} of {theirs.size} differ, first at {at}: "
            f"{ours.ravel()[at]}, {peer} has {theirs.ravel()[at]}"
        )
        return
    if theirs.dtype.kind == "c":
        assert_within(ours.real.copy(), theirs.real.copy(), bound, peer=peer)
        assert_within(ours.imag.copy(), theirs.imag.copy(), bound, peer=peer)
        return
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    assert (np.isnan(a) == np.isnan(b)).all(), f"NaN in different places: {_first(np.isnan(a) != np.isnan(b), a, b)}"
    with np.errstate(all="ignore"):
        unit = np.spacing(np.abs(theirs)).astype(np.float64)
        largest = np.abs(b[np.isfinite(b)]).max(initial=0.0)
        allowed = np.maximum(bound.ulp * unit, max(bound.absolute, bound.relative * largest))
        close = (a == b) | (np.abs(a - b) <= allowed) | np.isnan(a)
    assert close.all(), f"{(~close).sum()} of {close.size} differ by more than {bound}: {_first(~close, a, b)}"


def _first(wrong: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> str:
    at = np.flatnonzero(wrong.ravel())[:5]
    return f"{ours.ravel()[at]} != {theirs.ravel()[at]}"


def refused(problem: Problem, fragment: str, *, official_too: bool = False, **keywords: Any) -> None:
    """Asserts that the model is refused with one of litejit's errors, whose text has the fragment in it."""
    message = None
    try:
        run(problem, **keywords)
    except LitejitError as error:
        message = str(error)
    assert message is not None, f"nothing was refused, expected an error with '{fragment}'"
    assert fragment in message, message
    if official_too:
        assert official.truth(problem.model, problem.inputs).error is not None
