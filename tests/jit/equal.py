"""Checks that compiled kernels serve an operator and that they give what the reference tier gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit import Interpreter
from litejit.interpreter import OpResolverType
from litejit.kernels.jit.call import Call
from litejit.programs import Part, Stretch
from litejit.testing import Problem, assert_same, run


def native_calls(interpreter: Interpreter) -> list[str]:
    """Names of the kernels that the main subgraph calls, in order."""
    native = interpreter._session.plans[0].native
    return [] if native is None else [call.kernel for part in native.parts for call in calls_of(part)]


def calls_of(part: Part) -> tuple[Call, ...]:
    return part.calls if isinstance(part, Stretch) else ()


def prepared(problem: Problem, **keywords: Any) -> Interpreter:
    """Allocated, with the problem's inputs."""
    interpreter = Interpreter(model_content=problem.model, **keywords)
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), problem.inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    return interpreter


def check_compiled(
    problem: Problem,
    kernels: str | tuple[str, ...] | None = None,
    *,
    ulp: int = 0,
    atol: float = 0.0,
    threads: int = 1,
    stateful: bool = False,
) -> None:
    """Asserts equal outputs of both tiers (integers and dtypes exactly), and that `kernels` is called first.

    kernels: a prefix ("convolution.float"), or several; None: anything, the reference tier too. stateful: the second
    invoke gives something else than the first.
    """
    reference = {"experimental_op_resolver_type": OpResolverType.BUILTIN_REF}
    expected = run(problem, **reference)
    interpreter = Interpreter(model_content=problem.model, num_threads=threads)
    interpreter.allocate_tensors()
    if kernels is not None:
        called = native_calls(interpreter)
        assert called, f"no compiled kernel serves this case, expected {kernels}"
        assert called[0].startswith(kernels), f"{called[0]} serves this case, expected {kernels}"
    for time in range(2):  # the second time in memory that has been used
        if time and stateful:
            expected = run(problem, invokes=2, **reference)
        for detail, value in zip(interpreter.get_input_details(), problem.inputs, strict=True):
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
        for detail, theirs in zip(interpreter.get_output_details(), expected, strict=True):
            assert_same(interpreter.get_tensor(detail["index"]), np.asarray(theirs), ulp=ulp, atol=atol)
