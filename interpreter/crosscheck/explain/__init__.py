"""`explain`: the whole arithmetic of one output element, as data and as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litejit.crosscheck.explain import arithmetic, curves, pooling, products, quantizing, softmax
from litejit.crosscheck.explain.explanation import Explanation, Step, Tap, Term
from litejit.crosscheck.explain.registry import EXPLAINERS, Case
from litejit.crosscheck.subject import Place, Subject
from litejit.interpreter import Interpreter
from litejit.schema.errors import InvalidInputError, UnsupportedError

__all__ = ["Explainer", "Explanation", "Step", "Tap", "Term", "explain"]

_FAMILIES = (arithmetic, curves, pooling, products, quantizing, softmax)


Tensor = int | str | tuple[int, int]
"""An index in the main subgraph, a subgraph and an index (also as "1:12"), or a name."""


def explain(interpreter: Interpreter, tensor: Tensor, index: Sequence[int] | int) -> Explanation:
    """How an element of a tensor came about, after an `invoke`.

    tensor: see `Tensor`; of a subgraph that ran several times, its last run is explained. index: coordinates, or one
    number into the flattened tensor.
    Raises InvalidInputError for a tensor that no operator computes, one without data, or an index out of range;
    UnsupportedError for operators that have no explanation.
    """
    return Explainer(interpreter, tensor)(index)


class Explainer:
    """Explains elements of one tensor; see `explain`."""

    def __init__(self, interpreter: Interpreter, tensor: Tensor) -> None:
        subject = Subject(b"", interpreter)
        subgraph, at = _place_of(subject, tensor)
        operations = subject.plan(subgraph).graph.operations
        number = next((number for number, operation in enumerate(operations) if at in operation.outputs), None)
        if number is None:
            raise InvalidInputError(f"{subject.declared((subgraph, at))} is not the result of an operator")
        place = subgraph, number
        plan, operation = subject.plan(subgraph), subject.operation(place)
        wanted = [index for index in (*operation.inputs, at) if index >= 0 and plan.has_data(index)]
        known = {(subgraph, index): plan.array(index) for index in wanted}
        operands = subject.operands(place, known)
        if operands is None or (subgraph, at) not in known:
            reason = "holds no data before invoke()" if subgraph == 0 else "holds no data, its subgraph did not run"
            raise InvalidInputError(f"{subject.declared((subgraph, at))} {reason}")
        kernel = subject.kernel(place, operands, own=True)
        self._explain = EXPLAINERS.get(type(kernel))
        if self._explain is None:
            raise UnsupportedError(f"{operation.where}: no explanation of this operator is written")
        if at != operation.outputs[0]:
            raise UnsupportedError(f"{operation.where}: only its first output is explained")
        specs = [None if index < 0 else subject.spec((subgraph, index)) for index in operation.inputs]
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


def _place_of(subject: Subject, tensor: Tensor) -> Place:
    graphs = [subject.plan(at).graph.tensors for at in range(len(subject.model.subgraphs))]
    place = (0, tensor) if isinstance(tensor, int) else tensor
    if isinstance(place, str):
        name, numbers = place, place.split(":")
        named = [(at, spec.index) for at, specs in enumerate(graphs) for spec in specs if spec.name == name]
        is_place = len(numbers) == 2 and all(number.isdecimal() for number in numbers)
        place = (int(numbers[0]), int(numbers[1])) if is_place and not named else next(iter(named), (-1, -1))
    if not (0 <= place[0] < len(graphs) and 0 <= place[1] < len(graphs[place[0]])):
        raise InvalidInputError(f"the model has no tensor {tensor!r}")
    return place
