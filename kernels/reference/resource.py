"""Resource variables: VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE. They live as long as the interpreter.

A handle is a RESOURCE tensor of one int32, the number of the resource. The same container and shared name give the same
number in every subgraph. Semantics: LiteRT tflite/kernels/{var_handle,read_variable,assign_variable}.cc.
"""

from __future__ import annotations

import numpy as np

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Context, Node
from litejit.kernels.registry import builtin
from litejit.schema import BuiltinOperator, TensorType, VarHandleOptions
from litejit.schema.errors import InvalidInputError

__all__ = ["AssignVariable", "ReadVariable", "ResourceKernel", "VarHandle"]


class ResourceKernel(Kernel):
    """Base of operators on resources; the first operand, if any, is a handle."""

    stateful = True
    flavours = ALL_FLAVOURS

    def prepare(self, node: Node) -> None:
        """Keeps the context, where resources live, and checks the handle."""
        self.context = node.context
        if node.inputs:
            handle = node.input(0)
            node.require(handle.size == 1, "operand 'resource_id' has shape {}, expected one element", handle.dims)


def _variables(context: Context) -> dict[int, np.ndarray]:
    return context.resources.setdefault("variables", {})


@builtin(BuiltinOperator.VAR_HANDLE)
class VarHandle(ResourceKernel):
    """-> handle: the number of the variable `container`/`shared_name`, in the declared shape of one element."""

    options: VarHandleOptions

    def prepare(self, node: Node) -> None:
        """Finds the number, or gives the next one: a constant from then on."""
        super().prepare(node)
        output = node.output(node.declared[0].dims, types=TensorType.RESOURCE)
        node.require(output.size == 1, "the handle has shape {}, expected one element", output.dims)
        numbers: dict[tuple[str, str], int] = self.context.resources.setdefault("variable numbers", {})
        name = self.options.container or "", self.options.shared_name or ""
        self.handle = np.full(output.dims, numbers.setdefault(name, len(numbers)), np.int32)
        node.output(output.dims, value=self.handle)

    def __call__(self) -> np.ndarray:
        """The handle."""
        return self.handle


@builtin(BuiltinOperator.READ_VARIABLE)
class ReadVariable(ResourceKernel):
    """resource_id: a handle -> the variable's value.

    The value has the shape that the file declares. A declared scalar stands for any shape: then it is the one that was
    assigned. Of a variable that has more elements it is the first ones. Raises InvalidInputError before the first
    assignment, and where the dtype is another one or there are too few elements.
    """

    types = (TensorType.RESOURCE, TensorType.INT32)

    def prepare(self, node: Node) -> None:
        """shape and size as declared, None for a scalar; dtype."""
        super().prepare(node)
        output = node.output(node.declared[0].dims or None)
        self.shape, self.dtype = output.shape, output.dtype
        self.size = None if output.shape is None else output.size

    def __call__(self, resource_id: np.ndarray) -> np.ndarray:
        """Reads."""
        number = int(resource_id.flat[0])
        value = _variables(self.context).get(number)
        if value is None:
            raise InvalidInputError(f"variable {number} is read before anything is assigned to it")
        shape = value.shape if self.shape is None else self.shape
        if value.dtype != self.dtype or (self.size is not None and value.size < self.size):
            raise InvalidInputError(
                f"variable {number} holds {value.dtype}{list(value.shape)}, expected {self.dtype}{list(shape)}"
            )
        return value.ravel()[: self.size].reshape(shape)


@builtin(BuiltinOperator.ASSIGN_VARIABLE)
class AssignVariable(ResourceKernel):
    """resource_id: a handle, value -> nothing; the variable holds a copy of the value from now on."""

    n_outputs = 0
    types = (TensorType.RESOURCE, TensorType.INT32)

    def __call__(self, resource_id: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, ...]:
        """Assigns. Never in place: what was read before keeps its value."""
        _variables(self.context)[int(resource_id.flat[0])] = value.copy()
        return ()
