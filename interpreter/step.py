"""`Step`: one operation of a plan. Most are prepared once.

Operators whose shapes depend on data cannot be prepared ahead: their step prepares its kernel when it is reached, and
again only when what it depends on has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from litejit.kernels.kernel import Kernel
from litejit.kernels.node import Context, NeedsData, Node, Shape, TensorSpec
from litejit.operations import Operation
from litejit.preparations import Deviation
from litejit.schema.errors import InvalidModelError, LitejitError

if TYPE_CHECKING:
    from litejit.plan import Plan

__all__ = ["Step", "prepared"]


_MOST_KNOWN, _MOST_BYTES = 64, 1024
"""Preparations that a step keeps, and bytes of the values that one of them may depend on."""

_Operands = tuple[tuple[Shape | None, ...], tuple[bytes | tuple[bytes, ...], ...]]
"""Shapes of operands, and what those hold whose values a preparation has read."""

_Prepared = tuple[Kernel, tuple[TensorSpec, ...]]
"""A kernel, and what it gives."""


def _content(value: np.ndarray | None) -> bytes | tuple[bytes, ...]:
    if value is None:
        return b""
    return tuple(value.ravel().tolist()) if value.dtype.kind == "O" else value.tobytes()


class Step:
    """One operation of a plan: its prepared kernel, and how to run it on the plan's arrays."""

    def __init__(self, plan: Plan, operation: Operation) -> None:
        self.plan = plan
        self.operation = operation
        self.kernel: Kernel | None = None
        self.is_supposed = False
        """Whether the outputs' shapes are a guess."""
        self.after: tuple[int, ...] = ()
        """Results of earlier steps whose shapes depend on data: when one changes, the kernel starts anew."""
        self._shapes_before: list[Shape] = []
        self.prepared_for: _Operands | None = None
        self.read_values: tuple[int, ...] = ()
        self._known: dict[_Operands, _Prepared] = {}
        try:
            self._prepare(None)
        except NeedsData:
            for index in operation.outputs:
                plan.specs[index] = replace(plan.specs[index], shape=None)

    def fold(self) -> bool:
        """Computes the outputs now, for good, if the operation is a function of constants. Whether it was."""
        kernel, plan = self.kernel, self.plan
        if kernel is None:
            return False
        outputs = self.operation.outputs
        values: Sequence[np.ndarray]
        if outputs and all(plan.specs[index].value is not None for index in outputs):
            values = [plan.specs[index].value for index in outputs]  # type: ignore[misc]
        elif kernel.stateful or not all(
            index < 0 or plan.specs[index].value is not None for index in self.operation.inputs
        ):
            return False
        else:
            self.run()
            values = [plan.array(index) for index in outputs]
        for index, value in zip(outputs, values, strict=True):
            plan.arrays[index] = value
            plan.specs[index] = replace(plan.specs[index], shape=value.shape, value=value)
        return True

    @property
    def restarts(self) -> bool:
        """Whether its kernel has anything to forget."""
        return type(self.kernel or self.operation.make_kernel()).restart is not Kernel.restart

    def run(self) -> None:
        """Computes the outputs from the plan's arrays."""
        plan = self.plan
        inputs = [None if index < 0 else plan.arrays[index] for index in self.operation.inputs]
        if self.kernel is None or self.prepared_for is not None:
            self._prepare_for(inputs)
        if self.after:
            self._restart_after_changes()
        result = self.compute(inputs)
        outputs = self.operation.outputs
        values = (result,) if len(outputs) == 1 and not isinstance(result, tuple) else result
        for index, value in zip(outputs, values, strict=True):
            plan.arrays[index] = self._checked(value, index)

    def _restart_after_changes(self) -> None:
        shapes = [array.shape for index in self.after if (array := self.plan.arrays[index]) is not None]
        if shapes != self._shapes_before:
            assert self.kernel is not None
            self.kernel.restart()
            self._shapes_before = shapes

    def compute(self, inputs: Sequence[np.ndarray | None]) -> Any:
        """What the kernel makes of these operands. Its errors name the operation."""
        assert self.kernel is not None
        try:
            return self.kernel(*inputs)
        except LitejitError as error:
            raise type(error)(f"{self.operation.where}: {error}") from None
        except Exception as error:  # of a user's kernel or custom operator
            error.add_note(self.operation.where)
            raise

    def _prepare_for(self, inputs: Sequence[np.ndarray | None]) -> None:
        """Prepares for this invoke's shapes and values, unless that has been done for the same ones before."""
        operands = self._relevant(inputs)
        if operands == self.prepared_for:
            return
        specs = self.plan.specs
        known = self._known.get(operands)
        if known is not None:
            self.kernel, written = known
            for index, spec in zip(self.operation.outputs, written, strict=True):
                specs[index] = spec
            self.prepared_for = operands
            return
        values_read = self.read_values
        self._prepare(inputs)
        if self.read_values != values_read:
            self._known.clear()
        self.prepared_for = self._relevant(inputs)
        assert self.kernel is not None
        if not self.kernel.stateful and sum(len(value) for value in self.prepared_for[1]) <= _MOST_BYTES:
            if len(self._known) == _MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[self.prepared_for] = self.kernel, tuple(specs[index] for index in self.operation.outputs)

    def _relevant(self, inputs: Sequence[np.ndarray | None]) -> _Operands:
        """What a preparation for these operands depends on, as far as is known from the last one."""
        shapes = tuple([None if value is None else value.shape for value in inputs])
        return shapes, tuple([_content(inputs[at]) for at in self.read_values])

    def _prepare(self, inputs: Sequence[np.ndarray | None] | None) -> None:
        operation, plan = self.operation, self.plan
        specs = [None if index < 0 else plan.specs[index] for index in operation.inputs]
        if inputs is not None:
            specs = [
                spec if spec is None or value is None else replace(spec, shape=value.shape)
                for spec, value in zip(specs, inputs, strict=True)
            ]
        elif any(spec is not None and spec.shape is None for spec in specs):
            raise NeedsData
        self.kernel, node = prepared(plan, operation, specs, inputs, operation.numerics)
        self.read_values = tuple(sorted(node.read_values))
        for index, spec in zip(operation.outputs, node.outputs, strict=True):
            if spec is not None:
                plan.specs[index] = replace(spec, value=spec.value if inputs is None else None)

    def _checked(self, value: Any, index: int) -> np.ndarray:
        spec = self.plan.specs[index]
        array = np.asarray(value)
        if self.is_supposed and array.shape != spec.shape:
            raise Deviation
        if array.dtype != spec.dtype or (spec.shape is not None and array.shape != spec.shape):
            raise InvalidModelError(
                f"{self.operation.where}: its kernel returned {array.dtype}{list(array.shape)} for {spec}, "
                f"which is {spec.dtype}{'' if spec.shape is None else list(spec.shape)}"
            )
        return array


def prepared(
    plan: Plan,
    operation: Operation,
    specs: Sequence[TensorSpec | None],
    values: Sequence[np.ndarray | None] | None,
    numerics: str,
    *,
    context: Context | None = None,
    make_kernel: Callable[[], Kernel] | None = None,
) -> tuple[Kernel, Node]:
    """A kernel prepared for operands like these, and the node that it was prepared for.

    context, make_kernel: others than the plan's and the operation's.
    """
    node = Node(
        op=operation.name,
        version=operation.version,
        options=operation.options,
        inputs=tuple(specs),
        declared=tuple(plan.graph.tensors[index] for index in operation.outputs),
        context=context or plan.context,
        intermediates=tuple(plan.specs[index] for index in operation.intermediates),
        runtime_values=values,
        numerics=numerics,
    )
    kernel = (make_kernel or operation.make_kernel)()
    try:
        kernel.bind(node)
    except LitejitError as error:
        raise type(error)(f"{operation.where}: {error}") from None
    return kernel, node
