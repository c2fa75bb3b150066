"""`explain`: the whole arithmetic of one output element, as data and as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litejit.crosscheck.explain import arithmetic, curves, pooling, products, quantizing, softmax
from litejit.crosscheck.explain.explanation import Explanation, Step, Tap, Term
from litejit.crosscheck.explain.registry import EXPLAINERS, Case
from litejit.crosscheck.subject import Subject
from litejit.interpreter import Interpreter
from litejit.schema.errors import InvalidInputError, UnsupportedError

__all__ = ["Explainer", "Explanation", "Step", "Tap", "Term", "explain"]

_FAMILIES = (arithmetic, curves, pooling, products, quantizing, softmax)


def explain(interpreter: Interpreter, tensor: int | str, index: Sequence[int] | int) -> Explanation:
    """How an element of a tensor came about, after an `invoke`.

    tensor: index or name; index: coordinates, or one number into the flattened tensor.
    Raises InvalidInputError for a tensor that no operator computes, one without data, or an index out of range;
    UnsupportedError for operators that have no explanation.
    """
    return Explainer(interpreter, tensor)(index)


class Explainer:
    """Explains elements of one tensor; see `explain`."""

    def __init__(self, interpreter: Interpreter, tensor: int | str) -> None:
        subject = Subject(b"", interpreter)
        at = _tensor_index(subject, tensor)
        place = next(
            (place for place in subject.operators() if place[0] == 0 and at in subject.operation(place).outputs), None
        )
        if place is None:
            raise InvalidInputError(f"{subject.declared((0, at))} is not the result of an operator")
        plan, operation = subject.plan(0), subject.operation(place)
        wanted = [number for number in (*operation.inputs, at) if number >= 0 and plan.has_data(number)]
        known = {(0, number): plan.array(number) for number in wanted}
        operands = subject.operands(place, known)
        if operands is None or (0, at) not in known:
            raise InvalidInputError(f"{subject.declared((0, at))} holds no data before invoke()")
        kernel = subject.kernel(place, operands, own=True)
        self._explain = EXPLAINERS.get(type(kernel))
        if self._explain is None:
            raise UnsupportedError(f"{operation.where}: no explanation of this operator is written")
        if at != operation.outputs[0]:
            raise UnsupportedError(f"{operation.where}: only its first output is explained")
        specs = [None if number < 0 else subject.spec((0, number)) for number in operation.inputs]
        self.case = Case(kernel, operands, specs, plan.specs[at], plan.array(at), operation.where, operation.name)

    def __call__(self, index: Sequence[int] | int) -> Explanation:
        """The explanation of an element."""
        shape = self.case.result.shape
        try:
            if isinstance(index, (int, np.integer)):
                index = [int(part) for part in np.unravel_index(int(index), shape)]
            place = tuple(int(part) for part in index)
            if len(place) != len(shape) or not all(0 <= part < size for part, size in zip(place, shape, strict=True)):
                raise ValueError
        except ValueError:
            raise InvalidInputError(f"index {index} is not in a tensor of shape {list(shape)}") from None
        assert self._explain is not None
        return self._explain(self.case, place)


def _tensor_index(subject: Subject, tensor: int | str) -> int:
    specs = subject.plan(0).graph.tensors
    found = tensor if isinstance(tensor, int) else next((spec.index for spec in specs if spec.name == tensor), -1)
    if not 0 <= found < len(specs):
        raise InvalidInputError(f"the model has no tensor {tensor!r}")
    return found
