"""`Session`: the running state of one model — a plan for each subgraph, and the resources they share."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from litejit.graph import Graph
from litejit.kernels.tensor_spec import Limits, Shape, TensorSpec
from litejit.numerics import Numerics, Place
from litejit.plan import Plan
from litejit.schema.errors import InvalidModelError
from litejit.schema.model import Model
from litejit.schema.reader import read_model
from litejit.schema.tensor_types import TensorType

if TYPE_CHECKING:
    from litejit.kernels.node import SubgraphSignature
    from litejit.operations import KernelFactory
    from litejit.overrides import Overrides

__all__ = ["Session"]


class Session:
    """The `Context` of all kernels of one interpreter. See `litejit.kernels.node.Context` for the members."""

    def __init__(
        self,
        source: memoryview,
        file: os.stat_result | None,
        custom_ops: Mapping[str, Any],
        numerics: str | Mapping[Place, str],
        limits: Limits,
        kernels: Mapping[Any, Any],
        *,
        compiled: bool = False,
        threads: int = 1,
        keep_all: bool = False,
    ) -> None:
        flavours = Numerics(numerics)
        factories, overrides = _own(custom_ops, kernels)
        self.numerics = flavours.default
        self.limits = limits
        self.resources: dict[Any, Any] = {}
        self._keep_all = keep_all
        compiler = store = None
        if compiled and flavours.is_default:
            from litejit.compiler import Compiler
            from litejit.stored import Store

            own = custom_ops or kernels
            store = None if own else Store(source, file, f"{threads} threads, keep_all={keep_all}, {limits}")
            compiler = Compiler(threads, keep_all, store, self.plan)
        # A model whose program has been kept has been found good.
        known_good = store is not None and store.has(0)
        self._read = partial(read_model, source, max_tables=limits.tables, max_call_depth=limits.subgraph_depth)
        self.model = self._read(known_good=known_good)
        graphs = [Graph(self.model, at, factories, overrides, flavours) for at in range(len(self.model.subgraphs))]
        if len(graphs) > 1:
            from litejit.branches import scale_branches

            scale_branches(self.model, graphs)
        if not known_good:
            for graph in graphs:
                graph.check()
        self.plans = [Plan(graph, self, compiler) for graph in graphs]
        if overrides is not None:
            overrides.require_used()
        flavours.require_used()

    @property
    def whole_model(self) -> Model:
        """The model, all of whose tables are decoded."""
        return self.model if isinstance(self.model.subgraphs, list) else self._read()

    def plan(self, index: int) -> Plan:
        """The plan of a subgraph; InvalidModelError when there is none of that index."""
        if not 0 <= index < len(self.plans):
            raise InvalidModelError(f"subgraph index is {index}, the model has {len(self.plans)} subgraphs")
        return self.plans[index]

    def subgraph(self, index: int) -> SubgraphSignature:
        """Interface of a subgraph."""
        return self.plan(index).graph.signature

    def infer_subgraph(
        self, index: int, shapes: Sequence[Shape], types: Sequence[TensorType] | None = None
    ) -> list[TensorSpec]:
        """What a subgraph's outputs are for these inputs."""
        return self.plan(index).infer(shapes, types)

    def call_subgraph(
        self, index: int, inputs: Sequence[np.ndarray], types: Sequence[TensorType] | None = None, anew: bool = False
    ) -> list[np.ndarray]:
        """Runs a subgraph as a function."""
        return self.plan(index).call(inputs, types, anew=anew and not self._keep_all)

    def state(self) -> dict[str, Any]:
        """What a fresh session of the same model needs to continue where this one is: shapes, data, resources."""
        return {
            "resources": {**self.resources, "variables": dict(self.resources.get("variables", {}))},
            "plans": [(plan.allocated, plan.input_shapes, plan.input_types, plan.live_arrays()) for plan in self.plans],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from the `state` of another session of the same model."""
        # Operators take the numbers of their variables when they are prepared; variables may have memory of their own.
        resources = dict(state["resources"])
        values = resources.pop("variables")
        self.resources.update(resources)
        for plan, (allocated, input_shapes, input_types, arrays) in zip(self.plans, state["plans"], strict=True):
            for index, type in input_types.items():
                plan.retype_input(index, type)
            for index, shape in input_shapes.items():
                plan.resize_input(index, shape)
            if allocated:
                plan.allocate()
                for index, array in arrays.items():
                    plan.assign(index, array)
        self.resources.setdefault("variables", {}).update(values)


def _own(
    custom_ops: Mapping[str, Any], kernels: Mapping[Any, Any]
) -> tuple[dict[str, KernelFactory], Overrides | None]:
    """What makes the kernels that a user gives, of custom and of builtin operators."""
    if not custom_ops and not kernels:
        return {}, None  # without importing what kernels are
    from litejit.custom import as_factory
    from litejit.overrides import Overrides

    return {name: as_factory(name, op) for name, op in custom_ops.items()}, Overrides(kernels)
