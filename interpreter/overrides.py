"""Kernels of one's own for builtin operators: what `Interpreter(kernels={…})` accepts.

Keys say where: an operator's name, its index in the main subgraph, or (subgraph, index); the most specific one counts.
A `Kernel` subclass is used as it is. A function only computes: validation, shapes and derived constants stay those of
the kernel it stands in for. It gets the operands' arrays, and that prepared kernel if it has a parameter `kernel`:

    def my_add(input1, input2, kernel): return kernel.quantized(input1, input2)
    Interpreter("model.tflite", kernels={"ADD": my_add, 7: MyConv2D})
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.schema.errors import InvalidInputError

__all__ = ["OverriddenKernel", "Overrides"]

KernelFactory = Callable[[], Kernel]
Place = str | int | tuple[int, int]


class Overrides:
    """The kernels that a user gives for builtin operators. InvalidInputError for what is no place or no kernel."""

    def __init__(self, kernels: Mapping[Place, Any] | None) -> None:
        self._kernels = {_checked_place(place): _checked_kernel(place, op) for place, op in (kernels or {}).items()}
        self._used: set[Place] = set()

    def __bool__(self) -> bool:
        return bool(self._kernels)

    def apply(self, subgraph: int, index: int, name: str, factory: KernelFactory | None) -> KernelFactory | None:
        """What makes the kernel of an operator: the user's, or factory as it is."""
        for place in ((subgraph, index), name):
            if place in self._kernels:
                self._used.add(place)
                return _factory(self._kernels[place], factory)
        return factory

    def require_used(self) -> None:
        """Raises InvalidInputError for a place that the model does not have."""
        for place in self._kernels.keys() - self._used:
            raise InvalidInputError(f"kernels[{place!r}]: the model has no such operator")


def _checked_place(place: Any) -> Place:
    if isinstance(place, bool) or not isinstance(place, (str, int, tuple)):
        raise InvalidInputError(f"kernels: {place!r} is no operator name, index, or (subgraph, index)")
    return (0, place) if isinstance(place, int) else place


def _checked_kernel(place: Any, op: Any) -> Any:
    if not callable(op):
        raise InvalidInputError(f"kernels[{place!r}] is {type(op).__name__}, expected a function or a Kernel subclass")
    return op


def _factory(op: Any, original: KernelFactory | None) -> KernelFactory | None:
    if isinstance(op, type) and issubclass(op, Kernel):
        return op
    return None if original is None else lambda: OverriddenKernel(original(), op)


class OverriddenKernel(Kernel):
    """Runs a user's function in place of a kernel's arithmetic. original: that kernel, prepared."""

    def __init__(self, original: Kernel, function: Callable[..., Any]) -> None:
        self.original = original
        self.function = function
        self.keywords = {"kernel": original} if "kernel" in inspect.signature(function).parameters else {}
        self.stateful = True  # type: ignore[misc]
        self.flavours = ALL_FLAVOURS  # type: ignore[misc]

    def bind(self, node: Node) -> None:
        """Prepares the original."""
        self.options, self.flavour = node.options, node.numerics
        self.original.bind(node)

    def __call__(self, *operands: Any) -> Any:
        """Calls the function."""
        return self.function(*operands, **self.keywords)
