"""Variables on the fast tier: memory at fixed addresses, for compiled code and the reference tier alike."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

import numpy as np

from litejit.kernels.jit.call import Call, Fault, State, Tensor, padded
from litejit.kernels.jit.layouts.variables import ASSIGN, READ
from litejit.kernels.jit.lowering import Lowering, lowers
from litejit.kernels.node import Shape, TensorSpec
from litejit.kernels.reference.resource import AssignVariable, ReadVariable

__all__ = ["Variables"]

_BYTES = 32768


class _Variable:
    """memory: [size]. state: [1] int64, which of `shapes` (from 1) the last assigned value has, 0: there is none."""

    def __init__(self, dtype: np.dtype, size: int) -> None:
        self.memory = padded(np.zeros(size, dtype))
        self.state = padded(np.zeros(1, np.int64))
        self.shapes: list[Shape] = []

    def fits(self, dtype: np.dtype, size: int) -> bool:
        """Whether such a value can be held."""
        return self.memory.dtype == dtype and self.memory.size == size

    def number(self, shape: Shape) -> int:
        """What the state is when the value has this shape."""
        if shape not in self.shapes:
            self.shapes.append(shape)
        return self.shapes.index(shape) + 1


class Variables(MutableMapping[int, np.ndarray]):
    """The values of variables by number, as the reference tier keeps them in the resources of a session.

    A variable that compiled code works on has memory of its own for values of one type and size, and for no others.
    """

    def __init__(self) -> None:
        self._fixed: dict[int, _Variable] = {}
        self._loose: dict[int, np.ndarray] = {}

    def fixed(self, number: int, dtype: np.dtype, size: int) -> _Variable | None:
        """Memory for a variable; None if it has memory for other values."""
        if number not in self._fixed:
            self._fixed[number] = _Variable(dtype, size)
            if number in self._loose:
                self[number] = self._loose[number]
        found = self._fixed[number]
        return found if found.fits(dtype, size) else None

    def __getitem__(self, number: int) -> np.ndarray:
        variable = self._fixed.get(number)
        if variable is None or not variable.state[0]:
            return self._loose[number]
        return variable.memory.reshape(variable.shapes[int(variable.state[0]) - 1]).copy()

    def __setitem__(self, number: int, value: np.ndarray) -> None:
        variable = self._fixed.get(number)
        if variable is not None and variable.fits(value.dtype, value.size):
            variable.memory[...] = value.ravel()
            variable.state[0] = variable.number(value.shape)
            self._loose.pop(number, None)
        else:
            self._loose[number] = value
            if variable is not None:
                variable.state[0] = 0

    def __delitem__(self, number: int) -> None:
        variable = self._fixed.get(number)
        if variable is not None:
            variable.state[0] = 0
        self._loose.pop(number, None)

    def __iter__(self) -> Iterator[int]:
        return iter([*self._loose, *(number for number, variable in self._fixed.items() if variable.state[0])])

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _variable(lowering: Lowering, value: TensorSpec) -> _Variable | None:
    """The memory for a value; None if which variable it is is not known beforehand."""
    variables, handle = lowering.kernel.context.resources.get("variables"), lowering.input(0).value
    if not isinstance(variables, Variables) or handle is None or value.dtype.kind == "O" or value.size == 0:
        return None
    return variables.fixed(int(handle.flat[0]), value.dtype, value.size)


@lowers(ReadVariable)
def read_variable(lowering: Lowering) -> list[Call] | None:
    """A copy, since the variable may be assigned to while the value is still needed."""
    value = lowering.outputs[0]
    variable = _variable(lowering, value)
    if variable is None:
        return None
    # What is declared as a scalar may have any shape.
    number = variable.number(value.dims) if lowering.kernel.shape is None else 0
    rest = {"source": State(variable.memory), "out": Tensor(value.index), "number": number, "fault": Fault()}
    return [_copied("variables.read", variable, rest)]


@lowers(AssignVariable)
def assign_variable(lowering: Lowering) -> list[Call] | None:
    """A copy."""
    value = lowering.input(1)
    variable = _variable(lowering, value)
    if variable is None:
        return None
    rest = {"source": Tensor(value.index), "out": State(variable.memory), "number": variable.number(value.dims)}
    return [_copied("variables.assign", variable, rest)]


def _copied(kernel: str, variable: _Variable, rest: dict[str, object]) -> Call:
    size = variable.memory.nbytes
    values = {**rest, "state": State(variable.state), "count": size, "piece": _BYTES}
    layout = READ if kernel == "variables.read" else ASSIGN
    return Call(kernel, layout, values, items=-(-size // _BYTES), work=size // 8)
