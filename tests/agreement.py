"""Whether litejit and the official runtime say the same of a model, in words: the verdict of every generated case.

verdict(model, values, "ADD").kind == Kind.SAME
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from litejit import Interpreter
from litejit.interpreter import OpResolverType
from litejit.kernels.float_bounds import float_bound
from litejit.kernels.jit.lowering import Lowering, lower, lowered_kernels
from litejit.kernels.kernel import Kernel
from litejit.kernels.registry import builtin_kernels, custom_kernels
from litejit.testing import Problem, assert_within, run
from tests.catalogue_beyond import BEYOND
from tests.oracle import Answer, oracle
from tests.robustness.mutations import Outcome, outcome

__all__ = ["Kind", "Known", "Verdict", "explained", "is_lowered", "verdict"]


class Kind(Enum):
    """SAME: equal outputs. REFUSED: by both. The others: what only one of the two does, or what differs."""

    SAME = "same"
    REFUSED = "refused"
    DIFFERENT = "different"
    STRICTER = "only litejit refuses"
    LAXER = "only the official runtime refuses"
    DIED = "the official runtime died"
    FAST = "the fast tier differs"


OPTIMISED = {
    "SUM": "the official reference kernel reads INT8 and INT16 as UINT8",
    "LOCAL_RESPONSE_NORMALIZATION": "the official reference kernel leaves a channel out",
}
"""Operators that are compared with the optimised kernels where the reference ones say something else."""


@dataclass(frozen=True)
class Verdict:
    """What the two made of a model; words: the error, or what differs; resolver: of the official answer."""

    kind: Kind
    words: str = ""
    resolver: str = ""


@dataclass(frozen=True)
class Known:
    """A difference that stays, and why. operators: names; label: of cases, a pattern for the whole of it."""

    operators: str
    label: str
    reason: str
    kinds: tuple[Kind, ...] = (Kind.STRICTER,)

    def covers(self, operator: str, label: str, kind: Kind) -> bool:
        return (
            kind in self.kinds
            and (self.operators == "*" or operator in self.operators.split())
            and re.fullmatch(self.label, label) is not None
        )


def explained(table: Sequence[Known], operator: str, label: str, kind: Kind) -> Known | None:
    """The first entry about a case."""
    return next((known for known in table if known.covers(operator, label, kind)), None)


def verdict(model: bytes, values: list[np.ndarray], name: str, *, timeout: float = 5, fast: bool = True) -> Verdict:
    """Runs a model of one operator on both; fast: and on litejit's fast tier where it has code for the operator.

    Floats are the same within the operator's bound.
    """
    ours = outcome(model, values)
    if name in BEYOND:
        return Verdict(Kind.REFUSED, str(ours.error)) if ours.outputs is None else Verdict(Kind.SAME)
    resolvers = ("ref", "opt", "auto") if ours.outputs is not None else ("ref", "opt")
    for resolver in resolvers:
        answer = oracle.run(model, values, resolver, timeout=timeout)
        if answer.error is None or "died" in answer.error or "no answer" in answer.error:
            break
    found = _compared(ours, answer, name)
    if found.kind is Kind.DIFFERENT and name in OPTIMISED and answer.resolver == "ref":
        answer = oracle.run(model, values, "opt", timeout=timeout)
        found = _compared(ours, answer, name)
    if found.kind is Kind.SAME and fast and is_lowered(model, name):
        problem = Problem(model, values, name)
        try:
            _assert_equal(run(problem, experimental_op_resolver_type=OpResolverType.AUTO), answer.outputs, name)
        except AssertionError as error:
            return Verdict(Kind.FAST, str(error).split("\n")[0], answer.resolver)
    return found


def _compared(ours: Outcome, theirs: Answer, name: str) -> Verdict:
    if theirs.error is not None and ("died" in theirs.error or "no answer" in theirs.error):
        return Verdict(Kind.DIED, theirs.error, theirs.resolver)
    if ours.outputs is None:
        kind = Kind.STRICTER if theirs.error is None else Kind.REFUSED
        return Verdict(kind, str(ours.error), theirs.resolver)
    if theirs.error is not None:
        return Verdict(Kind.LAXER, theirs.error)
    try:
        _assert_equal(ours.outputs, theirs.outputs, name)
    except AssertionError as error:
        return Verdict(Kind.DIFFERENT, str(error).split("\n")[0], theirs.resolver)
    return Verdict(Kind.SAME, "", theirs.resolver)


def _assert_equal(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray], name: str) -> None:
    for mine, other in zip(ours, theirs, strict=True):
        if mine.dtype.name.startswith("float8"):  # which the official runtime gives as bytes
            mine = mine.view(np.int8)
        assert_within(mine, other, float_bound(name))


def is_lowered(model: bytes, name: str) -> bool:
    """Whether the fast tier has code for the operator of a model, as it stands there."""
    if all(kernel not in lowered_kernels() for kernel in _kernels(name)):
        return False
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    plan = interpreter._session.plans[0]
    for step in plan.steps:
        operands = [None if index < 0 else plan.specs[index] for index in step.operation.inputs]
        results = [plan.specs[index] for index in step.operation.outputs]
        known = all(spec is None or spec.shape is not None for spec in (*operands, *results))
        if type(step.kernel) in _kernels(name) and step.prepared_for is None and known:
            return lower(Lowering(step.kernel, tuple(operands), tuple(results))) is not None
    return False


def _kernels(name: str) -> tuple[type[Kernel], ...]:
    kernels = {operator.name: kernel for operator, kernel in builtin_kernels().items()} | custom_kernels()
    return (kernels[name],) if name in kernels else ()
