"""`Graph`: one subgraph of a model, operators resolved to kernels, tensors described, before any planning."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from litejit.kernels.tensor_spec import Quantization, TensorSpec
from litejit.schema.errors import InvalidModelError
from litejit.schema.lazy import LazyList
from litejit.schema.model import Model, SubGraph, Tensor
from litejit.schema.types import tensor_value

if TYPE_CHECKING:
    from litejit.kernels.node import SubgraphSignature
    from litejit.numerics import Numerics
    from litejit.operations import KernelFactory, Operation
    from litejit.overrides import Overrides

__all__ = ["Graph"]


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
        overrides: Overrides | None,
        numerics: Numerics,
    ) -> None:
        subgraph = model.subgraphs[index]
        self.index = index
        self.name = subgraph.name or ""
        self.inputs = tuple(map(int, subgraph.inputs))
        self.outputs = tuple(map(int, subgraph.outputs))
        self.tensors = LazyList(len(subgraph.tensors), partial(_tensor_spec, model, subgraph))
        self._operators = subgraph.operators
        self._found_by = model, index, custom_ops, overrides, numerics

    @cached_property
    def operations(self) -> list[Operation]:
        """Made when they are first asked for. Raises InvalidModelError for options of another operator."""
        from litejit.operations import decoded_operation  # not needed to run a program that is kept

        return [decoded_operation(*self._found_by, at, operator) for at, operator in enumerate(self._operators)]

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
        from litejit.kernels.node import SubgraphSignature

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
        is_fixed=len(tensor.shape) > 0 and -1 not in (tensor.shape_signature or ()),
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
