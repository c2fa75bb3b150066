"""Operators one by one on equal operands: one side's kernel is fed what the other side computed.

Operators on resources (variables, hash tables) are fed equal contents of them, too: see `litejit.crosscheck.resources`.
"""

from __future__ import annotations

import numpy as np

from litejit.crosscheck.resources import Resources, content_model, is_kept
from litejit.crosscheck.runtimes import Alone, Trace
from litejit.crosscheck.subject import Place, Subject

__all__ = ["Isolation", "Results"]

Results = tuple[list[np.ndarray | None], list[np.ndarray], list[np.ndarray]]
"""Operands, what the reference made of them, what the other side made of them."""


class Isolation:
    """Goes through a model's operators in execution order.

    alone: runs single operators of the other side, None if that cannot be done.
    """

    def __init__(self, subject: Subject, alone: Alone | None, ours: Trace, theirs: Trace) -> None:
        self.subject = subject
        self.alone = alone
        self.ours = ours
        self.theirs = theirs
        self.resources = Resources(subject)

    def results(self, place: Place) -> Results | None:
        """What both sides make of equal operands, whichever way that is possible; None if it is not.

        Whatever a kernel raises goes through; RuntimeError where the other side refuses the operator.
        """
        if self.subject.works_on_resources(place):
            return self._on_resources(place)
        outputs = self._outputs(place)
        operands = self._their_operands(place)
        if operands is not None and all(output in self.theirs.tensors for output in outputs):
            theirs = [self.theirs.tensors[output] for output in outputs]
            return operands, self.subject.compute(place, operands), theirs
        operands = self.subject.operands(place, self.ours.tensors)
        if self.alone is None or operands is None:
            return None
        results = [self.ours.tensors[output] for output in outputs]
        single = self.subject.single(place, operands, results)
        values = [value for at in single.inputs if (value := operands[at]) is not None]
        return operands, results, self.alone(single.model, values)

    def pass_by(self, place: Place) -> None:
        """Notes what an operator does to resources, with the other side's data if they are known."""
        if not self.subject.works_on_resources(place):
            return
        operands = self._their_operands(place)
        known = operands is not None
        operands = operands if known else self.subject.operands(place, self.ours.tensors)
        if operands is not None:
            self.resources.apply(place, operands, known and not self.subject.is_repeated(place[0]))

    def _outputs(self, place: Place) -> list[Place]:
        return [(place[0], index) for index in self.subject.operation(place).outputs]

    def _their_operands(self, place: Place) -> list[np.ndarray | None] | None:
        """Inputs of official subgraphs other than the main one are overwritten while they run in a loop."""
        if place[0] != 0 and self.alone is not None and not self.subject.works_on_resources(place):
            return None
        tensors = dict(self.theirs.tensors)
        if self.subject.works_on_resources(place):  # handles are ours: they are no data
            handles = [(place[0], index) for index in self.subject.operation(place).inputs[:1]]
            tensors.update({key: self.ours.tensors[key] for key in handles if key in self.ours.tensors})
        return self.subject.operands(place, tensors)

    def _on_resources(self, place: Place) -> Results | None:
        """On equal contents: the recorded result if both sides' contents are known to be equal, else alone."""
        outputs = self._outputs(place)
        operands = self._their_operands(place)
        recorded = [self.theirs.tensors.get(output) for output in outputs]
        certain = operands is not None and self.resources.is_certain(place, operands)
        if certain and outputs and not self.subject.is_repeated(place[0]):
            known = [value for value in recorded if value is not None]
            if operands is not None and len(known) == len(outputs):
                return operands, self.resources.compute(place, operands), known
        operands = operands if certain else self.subject.operands(place, self.ours.tensors)
        if self.alone is None or operands is None or not is_kept(self.subject.operation(place).name):
            return None
        results = self.resources.compute(place, operands)
        return operands, results, self.alone(*content_model(self.subject, place, self.resources, operands))
