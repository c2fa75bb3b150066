"""`Graph`: one subgraph of a model, operators resolved to kernels, tensors described, before any planning."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from litejit.kernels.kernel import DEFAULT_FLAVOUR, Kernel
from litejit.kernels.node import Quantization, SubgraphSignature, TensorSpec
from litejit.kernels.registry import builtin_kernel, custom_kernel
from litejit.numerics import Numerics
from litejit.overrides import Overrides
from litejit.schema import OPTIONS_OF, BuiltinOperator, Model, Operator, SubGraph, Tensor, UnknownTable, tensor_value
from litejit.schema.errors import InvalidModelError, UnsupportedError
from litejit.schema.lazy import LazyList

__all__ = ["Graph", "KernelFactory", "Operation"]

KernelFactory = Callable[[], Kernel]


@dataclass(frozen=True, eq=False)
class Operation:
    """One operator of a subgraph. factory makes its kernel; it is None where no kernel is known.

    inputs: tensor indices, -1 for an optional operand left out. numerics: name of the flavour that its kernel follows.
    """

    where: str
    name: str
    custom: bool
    version: int
    factory: KernelFactory | None
    options: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    intermediates: tuple[int, ...]
    numerics: str = DEFAULT_FLAVOUR

    def make_kernel(self) -> Kernel:
        """A fresh kernel; UnsupportedError when there is none for this operator."""
        if self.factory is None:
            hint = f'; give one as Interpreter(custom_ops={{"{self.name}": …}})' if self.custom else ""
            raise UnsupportedError(f"{self.where}: there is no kernel for this operator{hint}")
        return self.factory()


class Graph:
    """A subgraph: tensors as declared, `operations` in execution order, indices of inputs and outputs.

    custom_ops: kernels by custom operator name, they come before litejit's own of that name. overrides: kernels for
    certain operators, they come before all others. numerics: the flavour of each operator.
    """

    def __init__(
        self,
        model: Model,
        index: int,
        custom_ops: Mapping[str, KernelFactory],
        overrides: Overrides,
        numerics: Numerics,
    ) -> None:
        subgraph = model.subgraphs[index]
        self.index = index
        self.name = subgraph.name or ""
        self.inputs = tuple(map(int, subgraph.inputs))
        self.outputs = tuple(map(int, subgraph.outputs))
        self.tensors = LazyList(len(subgraph.tensors), partial(_tensor_spec, model, subgraph))
        self._operation = partial(_operation, model, index, custom_ops, overrides, numerics)
        self._operators = subgraph.operators

    @cached_property
    def operations(self) -> list[Operation]:
        """Made when they are first asked for. Raises InvalidModelError for options of another operator."""
        return [self._operation(at, operator) for at, operator in enumerate(self._operators)]

    def check(self) -> None:
        """Makes all that is made when it is asked for. Raises InvalidModelError for what makes no sense."""
        for part in (self.tensors, self.operations):
            deque(part, maxlen=0)

    @cached_property
    def variables(self) -> list[int]:
        """The tensors that keep what they hold between runs."""
        return [at for at, spec in enumerate(self.tensors) if spec.is_variable]

    @property
    def signature(self) -> SubgraphSignature:
        """What an operator that calls this subgraph may know of it."""
        return SubgraphSignature(
            self.name or f"subgraph {self.index}",
            tuple(self.tensors[i] for i in self.inputs),
            tuple(self.tensors[i] for i in self.outputs),
            tuple(operation.name for operation in self.operations),
        )


def _tensor_spec(model: Model, subgraph: SubGraph, index: int) -> TensorSpec:
    tensor = subgraph.tensors[index]
    value = tensor_value(model, tensor)
    return TensorSpec(
        name=tensor.name or "",
        index=index,
        type=tensor.type,
        shape=tuple(tensor.shape),
        quantization=_quantization(model, subgraph, tensor),
        value=value,
        is_variable=tensor.is_variable,
        sparsity=tensor.sparsity,
    )


def _quantization(model: Model, subgraph: SubGraph, tensor: Tensor) -> Quantization | None:
    table = tensor.quantization
    if table is None:
        return None
    blockwise: Any = table.details
    if blockwise is not None and hasattr(blockwise, "scales"):
        scale = tensor_value(model, subgraph.tensors[blockwise.scales])
        zero_point = None if blockwise.zero_points < 0 else tensor_value(model, subgraph.tensors[blockwise.zero_points])
        if scale is None:
            raise InvalidModelError(
                f"tensor '{tensor.name}': its blockwise scales, tensor {blockwise.scales}, are not constant"
            )
        zero_point = np.zeros(scale.size) if zero_point is None else zero_point
        return Quantization(
            scale.astype(np.float32).ravel(),
            zero_point.astype(np.int64).ravel(),
            table.quantized_dimension,
            int(blockwise.block_size),
            scale,
        )
    if table.scale is None or len(table.scale) == 0:
        return None
    scale = np.asarray(table.scale, np.float32)
    zero_point = np.zeros(0, np.int64) if table.zero_point is None else np.asarray(table.zero_point, np.int64)
    # A single zero point (or none) stands for all channels.
    if zero_point.size != scale.size:
        zero_point = np.resize(zero_point, scale.size) if zero_point.size else np.zeros(scale.size, np.int64)
    return Quantization(scale, zero_point, table.quantized_dimension)


def _operation(
    model: Model,
    subgraph_index: int,
    custom_ops: Mapping[str, KernelFactory],
    overrides: Overrides,
    numerics: Numerics,
    index: int,
    operator: Operator,
) -> Operation:
    code = model.operator_codes[operator.opcode_index]
    if code.operator == BuiltinOperator.CUSTOM:
        name = code.custom_code or ""
        factory: KernelFactory | None = custom_ops.get(name) or custom_kernel(name)
        raw = operator.custom_options
        options: Any = b"" if raw is None else bytes(raw)
    else:
        known = isinstance(code.operator, BuiltinOperator)
        name = code.operator.name if known else f"builtin operator {int(code.operator)}"
        factory = builtin_kernel(code.operator) if known else None
        options = _builtin_options(f"subgraph {subgraph_index}, operator {index} ({name})", code.operator, operator)
    return Operation(
        where=f"subgraph {subgraph_index}, operator {index} ({name})",
        name=name,
        custom=code.operator == BuiltinOperator.CUSTOM,
        version=code.version,
        factory=overrides.apply(subgraph_index, index, name, factory),
        options=options,
        inputs=tuple(map(int, operator.inputs)),
        outputs=tuple(map(int, operator.outputs)),
        intermediates=() if operator.intermediates is None else tuple(map(int, operator.intermediates)),
        numerics=numerics.of(subgraph_index, index, name),
    )


def _builtin_options(where: str, code: BuiltinOperator, operator: Operator) -> Any:
    expected = OPTIONS_OF.get(code)
    if expected is None:
        return None
    options = operator.options
    if options is None or isinstance(options, UnknownTable):
        return expected()
    if not isinstance(options, expected):
        raise InvalidModelError(f"{where}: builtin_options is {type(options).__name__}, expected {expected.__name__}")
    return options
