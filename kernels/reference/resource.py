"""Resource variables: VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE. They live as long as the interpreter.

A handle is a RESOURCE tensor: int32 [1], the number of the resource. The same container and shared name give the same
number in every subgraph. Semantics: LiteRT tflite/kernels/{var_handle,read_variable,assign_variable}.cc.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Context, Node
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, TensorType, VarHandleOptions
from litejit.schema.errors import InvalidInputError

__all__ = ["AssignVariable", "ReadVariable", "VarHandle", "resource_number"]


def resource_number(context: Context, *name: object) -> np.ndarray:
    """The handle of the resource of that name, a new one where there is none yet."""
    numbers: dict[tuple[object, ...], int] = context.resources.setdefault("resource numbers", {})
    return np.array([numbers.setdefault(name, len(numbers))], np.int32)


def _variables(context: Context) -> dict[int, np.ndarray]:
    return context.resources.setdefault("variables", {})


class Stateful(Kernel):
    """Base of operators on resources."""

    stateful = True
    flavours = ALL_FLAVOURS


@builtin(BuiltinOperator.VAR_HANDLE)
class VarHandle(Stateful):
    """-> the handle of the variable `container`/`shared_name`."""

    options: VarHandleOptions

    def prepare(self, node: Node) -> None:
        """Finds the number."""
        node.require(node.declared and node.declared[0].type == TensorType.RESOURCE, "the output must be a RESOURCE")
        self.handle = resource_number(node.context, "variable", self.options.container, self.options.shared_name)
        node.output(None)

    def __call__(self) -> np.ndarray:
        """The handle."""
        return self.handle


@builtin(BuiltinOperator.READ_VARIABLE)
class ReadVariable(Stateful):
    """resource_id: a handle -> the variable's value. InvalidInputError before the first assignment."""

    types = (TensorType.RESOURCE, TensorType.INT32)

    def prepare(self, node: Node) -> None:
        """The shape is that of the last value assigned."""
        self.context = node.context
        self.dtype = node.output(None).dtype

    def __call__(self, resource_id: np.ndarray) -> np.ndarray:
        """Reads."""
        number = int(resource_id.reshape(-1)[0])
        value: Any = _variables(self.context).get(number)
        if value is None:
            raise InvalidInputError(f"variable {number} is read before anything is assigned to it")
        if value.dtype != self.dtype:
            raise InvalidInputError(f"variable {number} holds {value.dtype}, the output is {self.dtype}")
        return value


@builtin(BuiltinOperator.ASSIGN_VARIABLE)
class AssignVariable(Stateful):
    """resource_id: a handle, value -> nothing; the variable holds the value from now on."""

    n_outputs = 0
    types = (TensorType.RESOURCE, TensorType.INT32)

    def prepare(self, node: Node) -> None:
        """Nothing to infer."""
        self.context = node.context

    def __call__(self, resource_id: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, ...]:
        """Assigns a copy."""
        _variables(self.context)[int(resource_id.reshape(-1)[0])] = value.copy()
        return ()
