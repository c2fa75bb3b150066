"""`Shadow`: what tensors held whose memory a native plan has given to others, computed again by the reference tier."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from litejit.schema.errors import InvalidInputError

if TYPE_CHECKING:
    from litejit.plan import Plan
    from litejit.step import Step

__all__ = ["Shadow"]


class Shadow:
    """All tensors of a plan's last run. has_state: of which steps the outputs are kept, for they would be others."""

    def __init__(self, plan: Plan, has_state: Callable[[Step], bool] = lambda step: False) -> None:
        self._plan, self._has_state = plan, has_state
        self._copy: Plan | None = None
        self._has_run = False

    def forget(self) -> None:
        """Makes the next question be about the run that follows."""
        self._copy = None
        self._has_run = False

    def array(self, index: int, inputs_changed: bool) -> np.ndarray:
        """What a tensor held; InvalidInputError if that depends on inputs that are gone."""
        from litejit.plan import Plan

        plan = self._plan
        if self._copy is None:
            self._copy = Plan(plan.graph, plan.context)
            self._copy.input_shapes, self._copy.input_types = dict(plan.input_shapes), dict(plan.input_types)
            self._copy.allocate()
        if self._copy.specs[index].value is not None:
            return self._copy.array(index)
        if inputs_changed:
            raise InvalidInputError(
                f"{plan.specs[index]} is not kept, and inputs have changed since invoke(); read it before setting "
                "inputs, or use experimental_preserve_all_tensors=True"
            )
        if not self._has_run:
            for at in plan.graph.inputs:
                if at >= 0:
                    self._copy.arrays[at] = plan.arrays[at]
            for step in self._copy.steps:
                if self._has_state(step):
                    for at in step.operation.outputs:
                        self._copy.arrays[at] = plan.arrays[at]
                else:
                    step.run()
            self._has_run = True
        return self._copy.array(index)
