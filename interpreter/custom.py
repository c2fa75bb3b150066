"""Custom operators in Python: what `Interpreter(custom_ops={"Name": …})` accepts.

A `Kernel` subclass is used as it is. A function computes: it gets the operands' arrays, and `options` (the bytes of the
operator's custom options) if it has a parameter of that name; it returns an array, or a tuple for several outputs.
Its output shape is whatever it returns, unless `custom_op` gives it a shape rule:

    @custom_op(shape=lambda x: x.shape[:-1])
    def last_channel_sum(x): return x.sum(-1)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from litejit.kernels.kernel import ALL_FLAVOURS, Kernel
from litejit.kernels.node import Node
from litejit.operations import KernelFactory
from litejit.schema.errors import InvalidInputError, InvalidModelError

__all__ = ["custom_op"]


@dataclass(frozen=True)
class CustomOp:
    """A function with its shape rule: specs of the operands (None for those left out) -> shape, or list of shapes."""

    function: Callable[..., Any]
    shape: Callable[..., Any] | None = None

    def __call__(self, *operands: Any, **keywords: Any) -> Any:
        return self.function(*operands, **keywords)


def custom_op(*, shape: Callable[..., Any]) -> Callable[[Callable[..., Any]], CustomOp]:
    """Decorator that gives a custom operator's function a shape rule, so that shapes are known before it runs."""
    return lambda function: CustomOp(function, shape)


def as_factory(name: str, op: Any) -> KernelFactory:
    """What makes the kernel of a user's custom operator. InvalidInputError when op is neither class nor function."""
    if isinstance(op, type) and issubclass(op, Kernel):
        op.versions = (0, 1 << 31)
        return op
    if not callable(op):
        raise InvalidInputError(
            f"custom_ops['{name}'] is {type(op).__name__}, expected a function or a Kernel subclass"
        )
    wrapped = op if isinstance(op, CustomOp) else CustomOp(op)
    return lambda: FunctionKernel(name, wrapped)


class FunctionKernel(Kernel):
    """Runs a user's function as the kernel of a custom operator."""

    versions = (0, 1 << 31)
    n_outputs = None
    stateful = True
    flavours = ALL_FLAVOURS

    def __init__(self, name: str, op: CustomOp) -> None:
        self.name = name
        self.op = op
        self.takes_options = "options" in inspect.signature(op.function).parameters

    def prepare(self, node: Node) -> None:
        """Declares the outputs by the shape rule, or leaves them to the data."""
        self.keywords = {"options": node.options} if self.takes_options else {}
        if self.op.shape is None:
            shapes: list[Any] = [None] * len(node.declared)
        else:
            shape = self.op.shape(*node.inputs)
            shapes = shape if isinstance(shape, list) else [shape]
            if len(shapes) != len(node.declared):
                raise InvalidModelError(f"the shape rule gives {len(shapes)} shapes for {len(node.declared)} outputs")
        for at, shape in enumerate(shapes):
            node.output(shape, at=at)

    def __call__(self, *operands: Any) -> Any:
        """Calls the function."""
        return self.op(*operands, **self.keywords)
