"""Operators on single elements that follow one another on the same tensor, done at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from litejit.kernels.jit.arithmetic import BINARY
from litejit.kernels.jit.lowering import Lowering
from litejit.kernels.jit.pointwise import UNARY, swish
from litejit.kernels.jit.reduction import sum_of_squares
from litejit.kernels.jit.tables import table_call
from litejit.kernels.node import TensorSpec
from litejit.kernels.reference.arithmetic import Mul
from litejit.kernels.reference.curves import Logistic
from litejit.kernels.reference.quantization import Dequantize, Quantize
from litejit.kernels.reference.reduction import Mean, Sum
from litejit.rewrites.task import Task, without_unread
from litejit.schema import ActivationFunctionType, TensorType
from litejit.schema.errors import LitejitError

__all__ = ["one_pass", "one_table"]

_8_BIT = (TensorType.INT8, TensorType.UINT8)
_FUNCTIONS = (*UNARY, *BINARY, Quantize, Dequantize)

_Function = tuple[TensorSpec, np.ndarray]
"""A tensor as a function of the elements of another: that tensor, and the values for all its values, by their bits."""


def one_table(tasks: Sequence[Task], needed: Collection[int]) -> list[Task]:
    """What several operators make of the elements of one 8-bit tensor is looked up in one table."""
    functions: dict[int, _Function] = {}
    result: list[Task] = []
    for task in tasks:
        found = None if task.lowering is None else _function(task.lowering, functions)
        if found is not None and task.lowering is not None:
            root, values = found
            if values.dtype.itemsize == 1 and any(index in functions for index in task.inputs):
                calls = table_call(replace(task.lowering, inputs=(root,)), values)
                task = replace(task, lowering=None, inputs=(root.index,), result=tuple(calls or ()))
            functions[task.outputs[0]] = found
        result.append(task)
    return without_unread(result, functions, needed)


def _function(lowering: Lowering, functions: Mapping[int, _Function]) -> _Function | None:
    """The operator's output as a function of one 8-bit tensor of the same shape; None if it is not one."""
    specs, kernel = [spec for spec in lowering.inputs if spec is not None], lowering.kernel
    if type(kernel) not in _FUNCTIONS or any(_is_per_channel(spec) for spec in specs):
        return None
    roots: dict[int, TensorSpec] = {}
    operands: list[np.ndarray] = []
    for spec in specs:
        if spec.value is not None and spec.size == 1:
            operands.append(spec.value.reshape(1))
            continue
        root, values = functions.get(spec.index) or (spec, None)
        if root.type not in _8_BIT or root.value is not None or spec.dims != lowering.outputs[0].dims:
            return None
        roots[root.index] = root
        operands.append(np.arange(256, dtype=np.uint8).view(root.dtype) if values is None else values)
    if len(roots) != 1:
        return None
    try:
        values = np.asarray(kernel(*operands))
    except LitejitError:
        return None
    (root,) = roots.values()
    return root, values


def _is_per_channel(spec: TensorSpec) -> bool:
    return spec.quantization is not None and spec.quantization.per_channel


def one_pass(tasks: Sequence[Task], needed: Collection[int]) -> list[Task]:
    """x * logistic(x) of floats is computed at once, and so are sums of x * x."""
    gates: dict[int, TensorSpec] = {}
    squares: dict[int, TensorSpec] = {}
    result: list[Task] = []
    for task in tasks:
        lowering = task.lowering
        if lowering is not None and lowering.outputs and lowering.outputs[0].type == TensorType.FLOAT32:
            x = lowering.input(0)
            if isinstance(lowering.kernel, Logistic):
                gates[task.outputs[0]] = x
            elif isinstance(lowering.kernel, Mul) and (gated := _gated(lowering, gates)) is not None:
                calls = swish(replace(lowering, inputs=(gated,)))
                task = replace(task, lowering=None, inputs=(gated.index,), result=tuple(calls or ()))
            elif isinstance(lowering.kernel, Mul) and x.value is None and _is_square(lowering):
                squares[task.outputs[0]] = x
            elif isinstance(lowering.kernel, (Mean, Sum)) and x.index in squares:
                root = squares[x.index]
                sums = sum_of_squares(replace(lowering, inputs=(root, *lowering.inputs[1:])))
                if sums is not None:
                    task = replace(task, lowering=None, inputs=(root.index, *task.inputs[1:]), result=tuple(sums))
        result.append(task)
    return without_unread(result, {*gates, *squares}, needed)


def _is_square(lowering: Lowering) -> bool:
    """Whether it is x * x."""
    same = lowering.input(0).index == lowering.input(1).index
    return same and lowering.kernel.options.fused_activation_function == ActivationFunctionType.NONE


def _gated(lowering: Lowering, gates: Mapping[int, TensorSpec]) -> TensorSpec | None:
    """The x of x * logistic(x)."""
    a, b = lowering.input(0), lowering.input(1)
    if lowering.kernel.options.fused_activation_function != ActivationFunctionType.NONE:
        return None
    for x, gate in ((a, b), (b, a)):
        if gate.index in gates and gates[gate.index].index == x.index:
            return x
    return None
